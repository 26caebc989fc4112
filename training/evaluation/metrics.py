"""Metrics of ranked lists, each of shape ``(n_lists,)`` unless said otherwise.

What was relevant is given as ``hits`` ``(n_lists, depth)``, true where a place of the list, counted from the best, holds a
relevant item, and ``relevant`` ``(n_lists,)``, how many relevant items there are in all, at least one. Every ``k`` is at most the
depth.
"""

import numpy as np
from scipy.special import gammaln

from app.engine.arrays import BoolArray, DoubleArray, FloatArray, RowArray


def target_ranks(scores: FloatArray, targets: RowArray, known: RowArray) -> tuple[RowArray, int]:
    """The ranks of the targets, ascending and from 0, among all rows but the ``known``, and how many of those are no targets.

    What is no target and scores the same as one, or NaN, counts as ranked before it, so that saying the same of everything earns
    nothing.
    """
    others = np.ones(len(scores), np.bool_)
    others[known] = False
    others[targets] = False
    rest = scores[others]
    # Ascending ranks are those of the targets by descending score; NaN comes last.
    wanted = -np.sort(-scores[targets])
    before = np.count_nonzero(~(rest[None, :] < wanted[:, None]), axis=1)
    return before + np.arange(len(targets)), len(rest)


def hits_of(ranks: RowArray, depth: int) -> BoolArray:
    """One list's row of ``hits``, shape ``(depth,)``, from the ranks of its relevant items."""
    hits = np.zeros(depth, np.bool_)
    hits[ranks[ranks < depth]] = True
    return hits


def hit_rate(hits: BoolArray, k: int) -> DoubleArray:
    """1 where any of the first ``k`` is relevant."""
    return np.asarray(hits[:, :k].any(axis=1), np.float64)


def precision(hits: BoolArray, k: int) -> DoubleArray:
    """The share of the first ``k`` that is relevant."""
    return np.asarray(hits[:, :k].mean(axis=1), np.float64)


def recall(hits: BoolArray, relevant: RowArray, k: int) -> DoubleArray:
    """The share of the relevant items that is among the first ``k``, of ``k`` at the most, so that 1 can be reached (Liang et al.
    2018)."""
    return hits[:, :k].sum(axis=1) / np.minimum(relevant, k)


def ndcg(hits: BoolArray, relevant: RowArray, k: int) -> DoubleArray:
    """``sum over hits of 1 / log2(place + 2)`` over its greatest possible value (Järvelin and Kekäläinen 2002)."""
    gains = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.r_[0.0, np.cumsum(gains)]
    return (hits[:, :k] @ gains) / ideal[np.minimum(relevant, k)]


def average_precision(hits: BoolArray, relevant: RowArray, k: int) -> DoubleArray:
    """The precision at each hit among the first ``k``, added up and divided by ``min(relevant, k)``; its mean is the MAP."""
    found = hits[:, :k]
    precisions = np.cumsum(found, axis=1) / np.arange(1, k + 1)
    return (precisions * found).sum(axis=1) / np.minimum(relevant, k)


def reciprocal_rank(first_ranks: RowArray) -> DoubleArray:
    """``1 / (rank + 1)`` of the first relevant item, however far down; its mean is the MRR."""
    return 1 / (first_ranks + 1.0)


def expected_sampled(ranks: RowArray, candidates: RowArray, negatives: int, k: int) -> tuple[DoubleArray, DoubleArray]:
    """Hit rate and NDCG at ``k`` against ``negatives`` items drawn from the ``candidates``, as the exact expectation over draws.

    For lists with one relevant item. Of the drawn items, hypergeometrically many come from the ``ranks`` that stand before the
    target. One draw is a lottery, and sampled metrics can mislead altogether (Krichene and Rendle, KDD 2020): the full ranking
    stands beside them.
    """
    before, better, others = np.arange(k), ranks[:, None], candidates[:, None]
    drawn = np.minimum(negatives, others)
    worse = _log_choose(others - better, drawn - before)
    chances = np.exp(_log_choose(better, before) + worse - _log_choose(others, drawn))
    return chances.sum(axis=1), (chances / np.log2(before + 2)).sum(axis=1)


def _log_choose(n: RowArray, k: RowArray) -> DoubleArray:
    """The logarithm of how many ways there are to choose k of n; -inf where there is none."""
    ways: DoubleArray = gammaln(n + 1) - gammaln(np.maximum(k, 0) + 1) - gammaln(np.maximum(n - k, 0) + 1)
    return np.where((k >= 0) & (k <= n), ways, -np.inf)


def novelty(lists: RowArray, counts: RowArray) -> DoubleArray:
    """Mean self-information of each list's items, ``-log2((count + 1) / (total + n))``, in bits (Zhou et al. 2010).

    ``lists`` is ``(n_lists, k)``, -1 where a list is shorter; ``counts`` ``(n_items,)`` says how often each item was taken.
    """
    share = (counts + 1) / (counts.sum() + len(counts))
    return _mean_over_items(-np.log2(share), lists)


def popularity_bias(lists: RowArray, counts: RowArray) -> DoubleArray:
    """Mean count of each list's items over that of what is taken, ``sum(count^2) / sum(count)``: 1 where lists are as popular as
    what people take by themselves, more where they favour the popular (after the average recommendation popularity of Yin et al.
    2012). ``lists`` and ``counts`` as for :func:`novelty`; 0 where nothing was taken."""
    typical = float(counts @ counts) / max(float(counts.sum()), 1.0)
    return _mean_over_items(counts / max(typical, 1.0), lists)


def diversity(lists: RowArray, vectors: FloatArray) -> DoubleArray:
    """One minus the mean cosine of the pairs in each list (Ziegler et al. 2005); 0 for fewer than two items.

    ``lists`` as for :func:`novelty`; ``vectors`` are unit vectors ``(n_items, d)``, or zeros."""
    there = (lists >= 0)[:, :, None]
    chosen = np.where(there, vectors[lists], 0).astype(np.float64)
    own = (chosen**2).sum(axis=(1, 2))
    length = there.sum(axis=(1, 2))
    pairs = np.maximum(length * (length - 1), 1)
    return np.where(length > 1, 1 - ((chosen.sum(axis=1) ** 2).sum(axis=1) - own) / pairs, 0.0)


def coverage(lists: RowArray, n_items: int) -> float:
    """The share of ``n_items`` that stands in at least one list."""
    return len(np.unique(lists[lists >= 0])) / n_items


def _mean_over_items(worth: DoubleArray, lists: RowArray) -> DoubleArray:
    there = lists >= 0
    return np.where(there, worth[lists], 0.0).sum(axis=1) / np.maximum(there.sum(axis=1), 1)
