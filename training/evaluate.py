"""Measures an engine on held-out next items, with the class that serves."""

from collections.abc import Callable, Mapping

import numpy as np

from app.engine.arrays import DoubleArray, FloatArray, RowArray
from app.engine.engine import Engine
from app.engine.history import EMPTY, History
from training.data import history_of
from training.split import Split

Ranks = Mapping[str, RowArray]
"""By the ranker, how many unseen items stood before each held-out one, shape ``(n,)``."""


def rank_next_items(engine: Engine, split: Split, chosen: RowArray) -> Ranks:
    """The ranks that the blend and popularity alone give to the chosen held-out entries, among all unseen items.

    An item whose score equals the target's counts as ranked before it, so that an engine that says the same of everything earns
    nothing.
    """
    popular = engine.score(EMPTY).total
    return {
        "blend": _ranks(split, chosen, lambda history: engine.score(history).total),
        "popularity": _ranks(split, chosen, lambda _: popular),
    }


def gains_at_10(ranks: RowArray) -> DoubleArray:
    """NDCG at 10 of each list with one relevant item at rank r (from 0): ``1 / log2(r + 2)`` (Järvelin and Kekäläinen 2002)."""
    return np.where(ranks < 10, 1 / np.log2(ranks + 2), 0.0)


def mean_by_user(values: DoubleArray, users: RowArray) -> DoubleArray:
    """The mean of each user's values ``(n,)``, by ascending user: shape ``(n_users,)``. Every user counts the same."""
    _, owners = np.unique(users, return_inverse=True)
    return np.bincount(owners, weights=values) / np.maximum(np.bincount(owners), 1)


def measure_next_item(ranks: Ranks, users: RowArray) -> dict[str, dict[str, float]]:
    """Hit rate and NDCG at 10 of each ranker, as means over the ``users`` ``(n,)`` whose the held-out entries are."""
    return {name: _figures(each, users) for name, each in ranks.items()}


def _figures(ranks: RowArray, users: RowArray) -> dict[str, float]:
    if len(ranks) == 0:
        return {"users": 0, "hit_rate_at_10": 0.0, "ndcg_at_10": 0.0}
    hits = mean_by_user((ranks < 10).astype(np.float64), users)
    gains = mean_by_user(gains_at_10(ranks), users)
    return {"users": len(hits), "hit_rate_at_10": float(hits.mean()), "ndcg_at_10": float(gains.mean())}


def _ranks(split: Split, chosen: RowArray, scores_of: Callable[[History], FloatArray]) -> RowArray:
    starts = split.known.starts
    overall_mean = split.known.mean
    ranks = np.empty(len(chosen), np.int64)
    for place, index in enumerate(chosen):
        first, last = int(starts[split.users[index]]), int(starts[split.users[index] + 1])
        scores = scores_of(history_of(split.known, first, last, overall_mean))
        target = split.targets[index]
        before = ~(scores < scores[target])  # if either is NaN, the target has not been put first
        before[split.known.items[first:last]] = False
        before[target] = False
        ranks[place] = np.count_nonzero(before)
    return ranks
