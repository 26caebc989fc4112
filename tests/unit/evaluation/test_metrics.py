"""Metrics against trec_eval and values worked out by hand, and the sampled expectation against real draws."""

from collections.abc import Sequence

import numpy as np
import pytest
import pytrec_eval
from hypothesis import given
from hypothesis import strategies as st

from training.evaluation import metrics
from training.evaluation.metrics import hits_of, target_ranks

DEPTH = 20
NO_ROWS = np.zeros(0, np.int64)


def by_trec_eval(ranks: Sequence[int], relevant: int) -> dict[str, float]:
    """The figures of trec_eval for one list of :data:`DEPTH` places, with hits at ``ranks``; the others are not in the list."""
    run = {f"d{place}": float(DEPTH - place) for place in range(DEPTH)}
    judged = {f"d{rank}": 1 for rank in ranks} | {f"missed{n}": 1 for n in range(relevant - len(ranks))}
    measures = {"P.5,20", "recall.5,20", "ndcg_cut.5,20", "map_cut.5,20", "success.5,20", "recip_rank"}
    return pytrec_eval.RelevanceEvaluator({"q": judged}, measures).evaluate({"q": run})["q"]


@given(st.sets(st.integers(0, DEPTH - 1), min_size=1, max_size=5), st.integers(0, 3), st.sampled_from([5, DEPTH]))
def test_metrics_are_those_of_trec_eval(ranks: set[int], missed: int, k: int) -> None:
    found = np.array(sorted(ranks), np.int64)
    relevant = np.array([len(found) + missed])
    hits = hits_of(found, DEPTH)[None]
    expected = by_trec_eval(sorted(ranks), int(relevant[0]))
    assert metrics.precision(hits, k)[0] == pytest.approx(expected[f"P_{k}"])
    assert metrics.hit_rate(hits, k)[0] == expected[f"success_{k}"]
    assert metrics.ndcg(hits, relevant, k)[0] == pytest.approx(expected[f"ndcg_cut_{k}"])
    assert metrics.reciprocal_rank(found[:1])[0] == pytest.approx(expected["recip_rank"])
    # trec_eval divides by all that is relevant, here it is by k at the most.
    reachable = relevant[0] / min(relevant[0], k)
    assert metrics.recall(hits, relevant, k)[0] == pytest.approx(expected[f"recall_{k}"] * reachable)
    assert metrics.average_precision(hits, relevant, k)[0] == pytest.approx(expected[f"map_cut_{k}"] * reachable)


def test_recall_can_reach_one_with_more_relevant_items_than_places() -> None:
    hits = np.ones((1, 10), np.bool_)
    assert metrics.recall(hits, np.array([40]), 10).tolist() == [1.0]
    assert metrics.ndcg(hits, np.array([40]), 10).tolist() == pytest.approx([1.0])


@pytest.mark.parametrize(("rank", "candidates"), [(0, 500), (7, 500), (40, 500), (499, 500), (3, 50)])
def test_the_sampled_expectation_is_the_mean_of_many_draws(rank: int, candidates: int) -> None:
    rng = np.random.default_rng(rank)
    negatives = min(99, candidates)
    drawn = rng.hypergeometric(rank, candidates - rank, negatives, 40_000)
    hits, gains = metrics.expected_sampled(np.array([rank]), np.array([candidates]), 99, 10)
    assert hits[0] == pytest.approx((drawn < 10).mean(), abs=0.01)
    assert gains[0] == pytest.approx(np.where(drawn < 10, 1 / np.log2(drawn + 2), 0).mean(), abs=0.01)


def test_a_target_that_nothing_precedes_is_hit_whatever_is_drawn() -> None:
    hits, gains = metrics.expected_sampled(np.array([0]), np.array([3_000]), 99, 10)
    assert hits.tolist() == pytest.approx([1.0])
    assert gains.tolist() == pytest.approx([1.0])


@given(st.lists(st.sampled_from([0.0, 1.0, 2.0, float("nan")]), min_size=3, max_size=12), st.data())
def test_the_rank_of_a_target_counts_what_is_not_below(scores: list[float], data: st.DataObject) -> None:
    target = data.draw(st.integers(0, len(scores) - 1))
    known = data.draw(st.sets(st.integers(0, len(scores) - 1).filter(lambda row: row != target)))
    ranks, others = target_ranks(np.array(scores, np.float32), np.array([target]), np.array(sorted(known), np.int64))
    rest = [score for row, score in enumerate(scores) if row != target and row not in known]
    assert others == len(rest)
    assert ranks.tolist() == [sum(not score < scores[target] for score in rest)]


def test_several_targets_have_ranks_of_their_own() -> None:
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.5], np.float32)
    ranks, others = target_ranks(scores, np.array([3, 1]), np.array([0]))
    assert ranks.tolist() == [0, 2]
    assert others == 2


def test_saying_the_same_of_everything_earns_nothing() -> None:
    ranks, others = target_ranks(np.zeros(100, np.float32), np.array([5]), NO_ROWS)
    assert ranks.tolist() == [others] == [99]


def test_metrics_of_lists() -> None:
    lists = np.array([[0, 1], [0, 2], [1, -1]])
    vectors = np.array([[1, 0], [0, 1], [1, 0]], np.float32)
    np.testing.assert_allclose(metrics.diversity(lists, vectors), [1, 0, 0])
    assert metrics.coverage(lists, 6) == 0.5
    counts = np.array([5, 1, 1])
    expected = -np.log2(np.array([6, 2, 2]) / 10)
    means = [expected[[0, 1]].mean(), expected[[0, 2]].mean(), expected[1]]
    np.testing.assert_allclose(metrics.novelty(lists, counts), means)
    np.testing.assert_allclose(metrics.popularity_bias(lists, counts), np.array([3, 3, 1]) / (27 / 7))


def test_lists_drawn_as_people_choose_have_no_popularity_bias() -> None:
    rng = np.random.default_rng(0)
    counts = rng.integers(1, 500, 300)
    chosen = rng.choice(300, (4_000, 20), p=counts / counts.sum())
    assert metrics.popularity_bias(chosen, counts).mean() == pytest.approx(1.0, abs=0.01)
