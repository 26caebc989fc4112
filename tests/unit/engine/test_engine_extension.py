"""Rows that came after the release."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_engines import D, K, N, made_arrays, made_engine, made_extension, made_history, reference

from app.engine.extension import CLOSENESS_POWER, NEIGHBOURS, Extension, stand_ins_of
from app.engine.history import EMPTY, rating_history

BASES = [4, -1, 7, -1]
SEEDS = st.integers(0, 2**32 - 1)
few = settings(max_examples=25, deadline=None)


@few
@given(SEEDS, st.integers(0, N))
def test_an_extension_leaves_the_releases_rows_as_they_were(seed: int, length: int) -> None:
    engine, history = made_engine(made_arrays(seed)), made_history(seed, length)
    extended = engine.extended(made_extension(seed, BASES), N)
    assert extended.n_rows == N + len(BASES)
    np.testing.assert_array_equal(extended.score(history).total[:N], engine.score(history).total)


@few
@given(SEEDS, st.integers(1, N))
def test_late_rows_are_scored_and_may_stand_in_a_history(seed: int, length: int) -> None:
    arrays, extension = made_arrays(seed), made_extension(seed, BASES)
    history = made_history(seed, length, n=N + len(BASES))
    engine = made_engine(arrays).extended(extension, N)
    slow = reference(arrays, history, extension)
    expected = slow.scores(engine.blend.weights_for(length))
    np.testing.assert_allclose(engine.score(history).total, expected, rtol=1e-3, atol=2e-3)
    ranking = engine.score(history).rank(None, N + len(BASES), explain=True)
    assert sorted(ranking.rows.tolist()) == list(range(N + len(BASES)))
    np.testing.assert_allclose(sum(ranking.contributions.values()), ranking.scores, rtol=1e-4, atol=1e-4)
    assert ranking.evidence["content"].shape == (length, len(ranking.rows))


def test_a_changed_item_keeps_its_popularity_and_a_new_one_is_average_for_strangers() -> None:
    arrays = made_arrays(1)
    total = made_engine(arrays).extended(made_extension(1, BASES), N).score(EMPTY).total
    assert total[N] == total[4]
    assert total[N + 2] == total[7]
    assert total[[N + 1, N + 3]] == pytest.approx([0.0, 0.0], abs=1e-4)


def test_a_second_extension_takes_the_place_of_the_first() -> None:
    engine, history = made_engine(made_arrays(2)), made_history(2, 8)
    first, second = made_extension(2, BASES), made_extension(3, [*BASES, 11])
    twice = engine.extended(first, N).extended(second, N)
    once = engine.extended(second, N)
    assert twice.n_rows == once.n_rows == N + 5
    np.testing.assert_array_equal(twice.score(history).total, once.score(history).total)
    np.testing.assert_array_equal(twice.similarity.scores(N + 1, "hybrid"), once.similarity.scores(N + 1, "hybrid"))


def test_an_empty_extension_changes_nothing() -> None:
    engine, history = made_engine(made_arrays(3)), made_history(3, 8)
    extended = engine.extended(Extension.empty(K, D), N)
    assert extended.n_rows == N
    np.testing.assert_array_equal(extended.score(history).total, engine.score(history).total)


def test_an_extended_engine_can_be_asked_for_late_rows_alone() -> None:
    arrays, extension = made_arrays(4), made_extension(4, BASES)
    history = rating_history(np.array([N + 1, 2]), np.array([5, 4], np.float32), np.array([1.0, 2.0]), 3.5)
    engine = made_engine(arrays).extended(extension, N)
    rows = np.array([N + 3, N])
    assert engine.score(history).at(rows).scores.tolist() == engine.score(history).total[rows].tolist()
    slow = reference(arrays, history, extension)
    expected = (slow.columns - slow.centres[:, None])[:, rows] / slow.scales[:, None]
    np.testing.assert_allclose(engine.standardised(history, rows), expected, rtol=1e-3, atol=2e-3)


@few
@given(SEEDS, st.integers(0, 30), st.lists(st.sampled_from([-1, 0, 5]), max_size=8))
def test_stand_ins_are_the_base_or_the_nearest_by_content(seed: int, n: int, bases: list[int]) -> None:
    vectors = made_arrays(seed)["content.vectors"][:n]
    new = np.concatenate([made_extension(seed + 1, bases).vectors, np.zeros((1, D), np.float32)])
    rows, shares = stand_ins_of(vectors, new, np.array([*bases, -1]))
    assert rows.shape == shares.shape == (len(bases) + 1, NEIGHBOURS)
    for vector, base, near, share in zip(new, [*bases, -1], rows, shares, strict=True):
        if base >= 0:
            assert (near[0], share.tolist()) == (base, [1.0] + [0.0] * (NEIGHBOURS - 1))
            continue
        likeness = vectors.astype(np.float64) @ vector
        expected, given_to = np.zeros(n), np.zeros(n)
        nearest = np.argsort(-likeness)[:NEIGHBOURS]
        expected[nearest] = np.maximum(likeness[nearest], 0) ** CLOSENESS_POWER
        count = len(nearest)
        given_to[near[:count]] = share[:count]
        np.testing.assert_allclose(given_to, expected / (expected.sum() or 1.0), atol=1e-5)
        assert not share[count:].any()
