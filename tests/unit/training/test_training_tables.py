"""The tables of large catalogues: each against a slow, obvious way to the same, and the whole of them against the dense ones."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from made_data import SMALL, made_feedback, made_snapshot
from scipy.sparse import csr_matrix

from app.engine.artifact import Manifest, open_artifact, write_artifact
from app.engine.assembly import build_engine, read_configuration
from app.engine.engine import Engine
from app.engine.history import EMPTY, History, rating_history
from training.data import Snapshot
from training.fit import Fit, Parameters, fit_signals
from training.item_to_item import EaseParameters, cosine_neighbours, fit_ease, item_to_item_arrays
from training.next_item import (
    TransitionParameters,
    count_transitions,
    next_item_arrays,
    sequence,
    strongest_transitions,
)
from training.tables import strongest_of_rows, strongest_sources

N = 30
TIED = arrays_of.arrays(
    np.float32, st.tuples(st.integers(1, 6), st.integers(1, 6)), elements=st.sampled_from([0, 1, 2])
)
Matrix = npt.NDArray[np.float32]


def rated(n_users: int = 50, seed: int = 4, unrated: int = 2) -> Snapshot:
    """Users with histories of different lengths, some ratings at equal times; the last items are never rated."""
    rng = np.random.default_rng(seed)
    ratings = [
        (user, int(item), float(rng.integers(1, 11)) / 2, float(time // 2))
        for user in range(n_users)
        for time, item in enumerate(rng.choice(N - unrated, int(rng.integers(1, 15)), replace=False))
    ]
    return made_snapshot(N, ratings)


def taken_by(snapshot: Snapshot) -> Matrix:
    """Who took what, ``(n_users, n_items)``."""
    taken = np.zeros((snapshot.feedback.n_users, N), np.float32)
    taken[snapshot.feedback.users, snapshot.feedback.items] = 1
    return taken


def counts_of(snapshot: Snapshot) -> npt.NDArray[np.int64]:
    return np.bincount(snapshot.feedback.items, minlength=N).astype(np.int64)


def largest(values: Matrix, kept: int) -> Matrix:
    """The same with zeros for all but the ``kept`` largest; of equal ones the first stay."""
    left = np.zeros_like(values)
    order = np.argsort(-values, kind="stable")[:kept]
    left[order] = values[order]
    return left


@given(TIED, st.integers(1, 7))
def test_the_strongest_of_each_row_are_kept_and_of_equal_ones_the_first(cells: Matrix, kept: int) -> None:
    expected = [largest(row, kept) for row in cells]
    assert strongest_of_rows(csr_matrix(cells), kept).toarray().tolist() == np.array(expected).tolist()


@given(TIED, st.integers(1, 7))
def test_the_columns_may_stand_in_any_order(cells: Matrix, kept: int) -> None:
    sparse = csr_matrix(cells)
    turned = sparse.copy()
    for row in range(len(cells)):
        part = slice(turned.indptr[row], turned.indptr[row + 1])
        turned.indices[part], turned.data[part] = sparse.indices[part][::-1], sparse.data[part][::-1]
    turned.has_sorted_indices = False
    assert strongest_of_rows(turned, kept).toarray().tolist() == strongest_of_rows(sparse, kept).toarray().tolist()


@pytest.mark.parametrize("kept", [1, 7, 299, 300, 400])
def test_the_strongest_sources_of_each_target_are_kept(kept: int) -> None:
    cells = np.random.default_rng(3).normal(size=(300, 300)).astype(np.float32)
    expected = np.array([largest(column, kept) for column in cells.T]).T
    np.testing.assert_array_equal(strongest_sources(cells, kept).toarray(), expected)


def test_a_table_of_nothing_has_no_sources() -> None:
    assert strongest_sources(np.zeros((0, 0), np.float32), 5).shape == (0, 0)


def test_ease_is_the_closed_form() -> None:
    snapshot = rated()
    taken = taken_by(snapshot).astype(np.float64)
    inverse = np.linalg.inv(taken.T @ taken + 3.0 * np.eye(N))
    expected = -inverse / np.diag(inverse)
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(fit_ease(snapshot.feedback, N, 3.0), expected, atol=1e-5)


def test_ease_is_the_same_where_the_items_are_more_than_a_block() -> None:
    n, rng = 1_203, np.random.default_rng(8)
    pairs = np.unique(rng.integers(0, 40, 3_000) * n + rng.integers(0, n, 3_000))
    feedback = made_feedback((pair // n, pair % n, 4.0, 1.0) for pair in pairs.tolist())
    taken = np.zeros((40, n))
    taken[pairs // n, pairs % n] = 1
    inverse = np.linalg.inv(taken.T @ taken + 3.0 * np.eye(n))
    expected = -inverse / np.diag(inverse)
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(fit_ease(feedback, n, 3.0), expected, atol=1e-5)


@pytest.mark.parametrize("block", [1, 7, 100])
@pytest.mark.parametrize("sources", [2, N])
def test_neighbours_are_the_nearest_by_the_shrunk_cosine(block: int, sources: int) -> None:
    snapshot = rated()
    together = taken_by(snapshot).T @ taken_by(snapshot)
    lengths = np.sqrt(np.diag(together))
    likeness = together / (np.outer(lengths, lengths) + 10.0)
    np.fill_diagonal(likeness, 0)
    parameters = EaseParameters(sources=sources, block=block)
    found = cosine_neighbours(snapshot.feedback, N, parameters).toarray()
    # Of likenesses that differ in the last bits either may be the one that is kept.
    np.testing.assert_allclose(-np.sort(-found), [-np.sort(-largest(row, sources)) for row in likeness], atol=1e-6)
    np.testing.assert_allclose(found, np.where(found > 0, likeness, 0), atol=1e-6)


def slow_transitions(snapshot: Snapshot, parameters: TransitionParameters, seed: int) -> npt.NDArray[np.float64]:
    items, users = sequence(snapshot.feedback, seed).tolist(), snapshot.feedback.users.tolist()
    counts = np.zeros((N, N))
    for here, source in enumerate(items):
        for lag in range(1, parameters.window + 1):
            if here + lag < len(items) and users[here + lag] == users[here]:
                counts[source, items[here + lag]] += math.exp(-lag / parameters.gap_decay)
    return counts


@pytest.mark.parametrize("block", [1, 40, 100_000])
def test_transitions_are_the_decayed_counts_of_what_follows_whom(block: int) -> None:
    parameters = TransitionParameters(window=5, gap_decay=2.0, block_entries=block)
    expected = slow_transitions(rated(), parameters, 9)
    np.testing.assert_allclose(count_transitions(rated().feedback, N, parameters, 9), expected, rtol=1e-5)
    every = strongest_transitions(rated().feedback, counts_of(rated()), parameters, 9)
    np.testing.assert_allclose(every.toarray(), expected, rtol=1e-5)


@pytest.mark.parametrize("block", [1, 40, 100_000])
def test_of_each_item_the_transitions_of_greatest_lift_are_kept(block: int) -> None:
    parameters = TransitionParameters(window=5, gap_decay=2.0, block_entries=block, strongest=3)
    taken = counts_of(rated())
    lifts = slow_transitions(rated(), parameters, 9) / (taken + 1)
    found = strongest_transitions(rated().feedback, taken, parameters, 9).toarray() / (taken + 1)
    np.testing.assert_allclose(-np.sort(-found), -np.sort([-largest(row, 3) for row in lifts]), rtol=1e-5)


def test_transitions_of_nothing_are_none() -> None:
    nothing = made_snapshot(3).feedback
    assert count_transitions(nothing, 3, TransitionParameters(), 1).tolist() == np.zeros((3, 3)).tolist()
    assert strongest_transitions(nothing, np.zeros(3, np.int64), TransitionParameters(), 1).nnz == 0


def loaded(fit: Fit, directory: Path) -> Engine:
    """The engine as a worker has it: written to disk, verified and mapped."""
    document = fit.configuration.as_document()
    manifest = Manifest("r", "", None, None, "1", {}, document, {}, {}, {})
    artifact = open_artifact(write_artifact(directory, manifest, fit.arrays))
    return build_engine(artifact.arrays, read_configuration(artifact.manifest.configuration))


def history(length: int) -> History:
    values = np.linspace(1, 5, length, dtype=np.float32)
    return rating_history(np.arange(length), values, np.arange(float(length)), 3.0) if length else EMPTY


LARGE = replace(
    SMALL,
    ease=EaseParameters(penalty=3.0, dense_items=N - 1),
    transitions=TransitionParameters(dense_items=N - 1, block_entries=40),
)
"""A catalogue of N items counts as large, and yet no cell of its tables is left out."""
DENSE = replace(LARGE, ease=EaseParameters(penalty=3.0), transitions=TransitionParameters())


def engines(parameters: Parameters, directory: Path, unrated: int = 2) -> tuple[Fit, Engine]:
    snapshot = rated(unrated=unrated)
    fit = fit_signals(snapshot, snapshot.feedback, parameters, 5.0)
    return fit, loaded(fit, directory)


@pytest.mark.parametrize("length", [0, 1, 6, 20])
def test_a_large_catalogue_of_which_nothing_is_left_out_scores_as_a_dense_one(tmp_path: Path, length: int) -> None:
    # Of unrated items only a dense table is filled in.
    sparse, large = engines(LARGE, tmp_path / "large", unrated=0)
    dense, small = engines(DENSE, tmp_path / "small", unrated=0)
    assert dense.arrays["popularity.counts"].all()
    assert {"item_to_item.starts", "next_item.0.starts", "next_item.1.starts"} <= sparse.arrays.keys()
    assert {"item_to_item.matrix", "next_item.0.matrix", "next_item.1.matrix"} <= dense.arrays.keys()
    scores, expected = large.score(history(length)), small.score(history(length))
    np.testing.assert_allclose(scores.total, expected.total, atol=2e-4)
    rows = np.arange(N)
    one, other = scores.at(rows, explain=True), expected.at(rows, explain=True)
    for name, parts in other.contributions.items():
        np.testing.assert_allclose(one.contributions[name], parts, atol=2e-4)
        np.testing.assert_allclose(one.evidence[name], other.evidence[name], atol=2e-4)


def test_what_is_pruned_counts_as_nothing_and_what_is_kept_as_before(tmp_path: Path) -> None:
    snapshot = rated()
    pruned = replace(LARGE, ease=replace(LARGE.ease, sources=4), transitions=replace(LARGE.transitions, strongest=3))
    fit, engine = engines(pruned, tmp_path)
    for name in ("item_to_item", "next_item.0"):
        assert fit.arrays[f"{name}.starts"][-1] < N * 5
    everything = dict(fit.arrays)
    taken = counts_of(snapshot)
    ease = strongest_sources(fit_ease(snapshot.feedback, N, 3.0), 4).toarray()
    lifts = strongest_transitions(snapshot.feedback, taken, pruned.transitions, SMALL.seed).toarray()
    for place, boost in enumerate(pruned.next_item.boosts):
        everything[f"next_item.{place}.matrix"] = np.log1p(lifts * (boost / (taken + 1))).astype(np.float32)
    everything["item_to_item.matrix"] = ease
    for name in [name for name in everything if name.endswith((".starts", ".columns", ".values"))]:
        del everything[name]
    expected = build_engine(everything, fit.configuration)
    np.testing.assert_allclose(engine.score(history(9)).total, expected.score(history(9)).total, atol=2e-4)


def test_past_what_can_be_inverted_neighbours_by_cosine_take_its_place(tmp_path: Path) -> None:
    parameters = replace(LARGE, ease=EaseParameters(dense_items=3, exact_items=N - 1, sources=5, block=4))
    fit, engine = engines(parameters, tmp_path)
    neighbours = cosine_neighbours(rated().feedback, N, parameters.ease).toarray()
    [scale] = parameters.item_to_item.time_scales
    entries = history(6)
    kept = entries.preferences >= parameters.item_to_item.dislike_below
    weights = np.exp(-entries.ages / scale) * np.where(kept, 1.0, parameters.item_to_item.dislike_weight)
    raw = weights @ neighbours[entries.rows]
    scored = engine.score(entries, signals=["item_to_item"]).total
    np.testing.assert_allclose(scored, (raw - raw.mean()) / raw.std(), atol=1e-4)
    assert fit.arrays["item_to_item.starts"][-1] <= 5 * N


@pytest.mark.parametrize("dense_items", [N, N - 1])
def test_the_same_feedback_gives_the_same_tables_whatever_the_blocks(dense_items: int) -> None:
    snapshot, taken = rated(), counts_of(rated())
    tables = [
        next_item_arrays(
            snapshot.feedback,
            taken,
            (300.0, 20_000.0),
            TransitionParameters(dense_items=dense_items, block_entries=block),
            1,
        )
        | item_to_item_arrays(snapshot.feedback, N, EaseParameters(dense_items=0, exact_items=0, block=block))
        for block in (1, 13, 100_000)
    ]
    for other in tables[1:]:
        assert other.keys() == tables[0].keys()
        for name, array in tables[0].items():
            np.testing.assert_array_equal(other[name], array)
