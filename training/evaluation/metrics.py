"""Metrics of rankings with one relevant item, and of lists as such; all of shape ``(n_users,)`` unless said otherwise."""

import numpy as np
from scipy.stats import hypergeom

from app.engine.arrays import BoolArray, DoubleArray, FloatArray, RowArray


def hit_rate(ranks: RowArray, k: int) -> DoubleArray:
    """1 where the item is among the first ``k`` (ranks count from 0). With one relevant item this is Recall@k too."""
    return (ranks < k).astype(np.float64)


def ndcg(ranks: RowArray, k: int) -> DoubleArray:
    """``1 / log2(rank + 2)`` within the first ``k``, else 0 (Järvelin and Kekäläinen 2002); the ideal is 1."""
    return np.where(ranks < k, 1 / np.log2(ranks + 2), 0.0)


def reciprocal_rank(ranks: RowArray) -> DoubleArray:
    """``1 / (rank + 1)``; its mean is the MRR. With one relevant item this is the average precision too."""
    return 1 / (ranks + 1.0)


def expected_sampled(ranks: RowArray, candidates: RowArray, negatives: int, k: int) -> tuple[DoubleArray, DoubleArray]:
    """Hit rate and NDCG at ``k`` against ``negatives`` items drawn from the ``candidates``, as the exact expectation over draws.

    Of the drawn items, hypergeometrically many come from the ``ranks`` that stand before the target. One draw is a lottery, and
    sampled metrics can mislead altogether (Krichene and Rendle, KDD 2020): the full ranking stands beside them.
    """
    before = np.arange(k)
    drawn = np.minimum(negatives, candidates)[:, None]
    chances: DoubleArray = np.asarray(hypergeom.pmf(before, candidates[:, None], ranks[:, None], drawn), np.float64)
    return chances.sum(axis=1), (chances / np.log2(before + 2)).sum(axis=1)


def novelty(lists: RowArray, counts: RowArray) -> DoubleArray:
    """Mean self-information of each list's items, ``-log2((count + 1) / (total + n))``, in bits (Zhou et al. 2010).

    ``lists`` is ``(n_users, k)``.
    """
    share = (counts + 1) / (counts.sum() + len(counts))
    return -np.log2(share)[lists].mean(axis=1)


def diversity(lists: RowArray, vectors: FloatArray) -> DoubleArray:
    """One minus the mean cosine of the pairs in each list (Ziegler et al. 2005). ``lists`` is ``(n_users, k)`` with k >= 2,
    ``vectors`` are unit vectors ``(n_items, d)``."""
    k = lists.shape[1]
    sums = vectors[lists].sum(axis=1, dtype=np.float64)
    own = (vectors[lists].astype(np.float64) ** 2).sum(axis=(1, 2))
    return 1 - ((sums**2).sum(axis=1) - own) / (k * (k - 1))


def coverage(lists: RowArray, n_items: int) -> float:
    """The share of the catalogue that stands in at least one list."""
    return len(np.unique(lists)) / n_items


def full_rank(scores: FloatArray, target: int, seen: BoolArray) -> tuple[int, int]:
    """The target's rank (from 0) among the unseen, and how many others there are. What scores the same, or NaN, counts as ranked
    before it, so that saying the same of everything earns nothing."""
    before = ~(scores < scores[target]) & ~seen
    before[target] = False
    return int(np.count_nonzero(before)), int(len(scores) - np.count_nonzero(seen) - (not seen[target]))
