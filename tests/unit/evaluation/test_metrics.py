"""Metrics against values worked out by hand, and the sampled expectation against real draws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.evaluation.figures import Figure, bootstrap_interval, to_json, to_table
from training.evaluation.metrics import (
    coverage,
    diversity,
    expected_sampled,
    full_rank,
    hit_rate,
    ndcg,
    novelty,
    reciprocal_rank,
)

RANKS = np.array([0, 1, 9, 10])


def test_metrics_of_single_ranks() -> None:
    assert hit_rate(RANKS, 10).tolist() == [1, 1, 1, 0]
    np.testing.assert_allclose(ndcg(RANKS, 10), [1, 1 / np.log2(3), 1 / np.log2(11), 0])
    np.testing.assert_allclose(reciprocal_rank(RANKS), [1, 1 / 2, 1 / 10, 1 / 11])


@pytest.mark.parametrize(("rank", "candidates"), [(0, 500), (7, 500), (40, 500), (499, 500), (3, 50)])
def test_the_sampled_expectation_is_the_mean_of_many_draws(rank: int, candidates: int) -> None:
    rng = np.random.default_rng(rank)
    negatives = min(99, candidates)
    drawn = rng.hypergeometric(rank, candidates - rank, negatives, 40_000)
    hits, gains = expected_sampled(np.array([rank]), np.array([candidates]), 99, 10)
    assert hits[0] == pytest.approx((drawn < 10).mean(), abs=0.01)
    assert gains[0] == pytest.approx(np.where(drawn < 10, 1 / np.log2(drawn + 2), 0).mean(), abs=0.01)


def test_a_target_that_nothing_precedes_is_hit_whatever_is_drawn() -> None:
    hits, gains = expected_sampled(np.array([0]), np.array([3_000]), 99, 10)
    assert hits.tolist() == pytest.approx([1.0])
    assert gains.tolist() == pytest.approx([1.0])


@given(st.lists(st.sampled_from([0.0, 1.0, 2.0, float("nan")]), min_size=2, max_size=12), st.data())
def test_a_full_rank_counts_what_is_not_below(scores: list[float], data: st.DataObject) -> None:
    target = data.draw(st.integers(0, len(scores) - 1))
    seen = np.array(data.draw(st.lists(st.booleans(), min_size=len(scores), max_size=len(scores))))
    seen[target] = False
    rank, others = full_rank(np.array(scores, np.float32), target, seen)
    rest = [score for row, score in enumerate(scores) if row != target and not seen[row]]
    assert others == len(rest)
    assert rank == sum(not score < scores[target] for score in rest)


def test_saying_the_same_of_everything_earns_nothing() -> None:
    rank, others = full_rank(np.zeros(100, np.float32), 5, np.zeros(100, np.bool_))
    assert rank == others == 99


def test_list_metrics() -> None:
    lists = np.array([[0, 1], [0, 2]])
    vectors = np.array([[1, 0], [0, 1], [1, 0]], np.float32)
    np.testing.assert_allclose(diversity(lists, vectors), [1, 0])
    assert coverage(lists, 6) == 0.5
    counts = np.array([5, 1, 1])
    expected = -np.log2(np.array([6, 2, 2]) / 10)
    np.testing.assert_allclose(novelty(lists, counts), [expected[[0, 1]].mean(), expected[[0, 2]].mean()])


def test_an_interval_holds_the_mean_and_narrows_with_users() -> None:
    rng = np.random.default_rng(0)
    few, many = rng.random(50), rng.random(5_000)
    (low, high), (lower, higher) = bootstrap_interval(few, 1), bootstrap_interval(many, 1)
    assert low < few.mean() < high
    assert lower < many.mean() < higher
    assert higher - lower < (high - low) / 5
    with pytest.raises(ValueError, match="no users"):
        bootstrap_interval(np.zeros(0), 1)


def test_figures_are_written_as_json_and_as_a_table() -> None:
    figures = [Figure("p", "blend", "all", "HR@10", 0.5, 0.4, 0.6), Figure("p", "random", "all", "coverage@20", 1.0)]
    assert to_json(figures).count('"protocol": "p"') == 2
    table = to_table(figures, ("HR@10", "coverage@20"), "all").splitlines()
    assert len(table) == 3
    assert "0.5000 ±0.100" in table[1]
    assert table[2].split() == ["random", "-", "1.0000"]
