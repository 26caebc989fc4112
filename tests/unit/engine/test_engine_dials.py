"""The dials of a list: how much its items differ, and how popular they are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.engine.arrays import FloatArray
from app.engine.blend import Blend
from app.engine.diversity import MOST_DIVERSE, diversify, ranked_list
from app.engine.ranking import GivenScores
from app.engine.signals import SignalName


def candidates(seed: int, n: int) -> tuple[FloatArray, FloatArray]:
    """Scores, best first, and unit vectors."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n, 4))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.sort(rng.normal(size=n))[::-1].astype(np.float32), vectors.astype(np.float32)


def obvious(scores: FloatArray, vectors: FloatArray, limit: int, diversity: float) -> list[int]:
    """Maximal marginal relevance, written down as the paper has it."""
    relevance = (scores - scores.min()) / (scores.max() - scores.min())
    chosen = [0]
    while len(chosen) < limit:
        left = [i for i in range(len(scores)) if i not in chosen]
        worth = [
            (1 - diversity) * relevance[i] - diversity * max(float(vectors[i] @ vectors[j]) for j in chosen)
            for i in left
        ]
        chosen.append(left[int(np.argmax(worth))])
    return chosen


@given(st.integers(0, 1000), st.integers(2, 30), st.integers(2, 30), st.sampled_from([0.1, 0.5, 0.9, 1.0]))
def test_each_place_goes_to_the_greatest_marginal_relevance(seed: int, n: int, limit: int, diversity: float) -> None:
    scores, vectors = candidates(seed, n)
    chosen = diversify(scores, vectors, limit, diversity).tolist()
    assert len(set(chosen)) == len(chosen) == min(n, limit)
    assert chosen == obvious(scores, vectors, min(n, limit), diversity)


def test_no_diversity_keeps_the_order_and_equal_scores_do_no_harm() -> None:
    scores, vectors = candidates(1, 10)
    assert diversify(scores, vectors, 4, 0.0).tolist() == [0, 1, 2, 3]
    assert diversify(scores[:0], vectors[:0], 4, 0.5).tolist() == []
    equal = diversify(np.ones(10, np.float32), vectors, 10, 0.5)
    assert sorted(equal.tolist()) == list(range(10))


def test_more_diversity_makes_a_list_less_alike() -> None:
    scores, vectors = candidates(2, 200)

    def likeness(diversity: float) -> float:
        chosen = vectors[diversify(scores, vectors, 20, diversity)]
        return float((chosen @ chosen.T)[np.triu_indices(20, 1)].mean())

    assert likeness(1.0) < likeness(0.5) < likeness(0.0)


@given(st.integers(0, 1000), st.sampled_from([0.0, 0.3, 1.0]))
def test_a_list_begins_in_the_same_way_however_long_it_is(seed: int, diversity: float) -> None:
    scores, vectors = candidates(seed, 300)
    allowed = np.arange(300) % 3 > 0

    def listed(limit: int) -> list[int]:
        return ranked_list(GivenScores(scores), allowed, limit, diversity, lambda rows: vectors[rows]).tolist()

    longest = listed(500)
    assert longest[:20] == listed(20)[:20]
    assert all(allowed[longest])
    assert sorted(longest) == np.flatnonzero(allowed)[: MOST_DIVERSE if diversity else 500].tolist()


def test_weights_follow_the_dial_of_popularity_and_the_signals_asked_for() -> None:
    columns: tuple[tuple[SignalName, str], ...] = (
        ("collaborative", "10"),
        ("popularity", "taken"),
        ("popularity", "liked"),
    )
    blend = Blend(columns, (0,), np.array([[1.5, 0.5, 0.25]], np.float32))
    assert blend.weights_for(9, popularity=1.0).tolist() == [1.5, 0.5 + 2.25, 0.25]
    assert blend.weights_for(9, popularity=-0.5).tolist() == [1.5, 0.5 - 1.125, 0.25]
    assert blend.weights_for(9, ["popularity"], popularity=1.0).tolist() == [0, 0.5 + 0.75, 0.25]
    assert blend.weights.tolist() == [[1.5, 0.5, 0.25]]
    unlearned = Blend(columns, (0,), np.array([[0.0, 0.5, 0.25]], np.float32))
    assert unlearned.weights_for(9, ["collaborative"]).tolist() == [1, 0, 0]
    without = Blend(columns[:1], (0,), np.ones((1, 1), np.float32))
    assert without.weights_for(9, popularity=1.0).tolist() == [pytest.approx(1.0)]
