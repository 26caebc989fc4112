"""Measures an engine on held-out next items, with the class that serves."""

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np

from app.engine.arrays import FloatArray, RowArray
from app.engine.engine import Engine
from app.engine.history import EMPTY, History
from training.data import history_of
from training.split import Split


@dataclass(frozen=True, slots=True)
class NextItem:
    """How well the held-out items were ranked among all unseen ones: hit rate and NDCG at 10, over ``users`` users."""

    users: int
    hit_rate_at_10: float
    ndcg_at_10: float


def measure_next_item(engine: Engine, split: Split, chosen: RowArray) -> dict[str, dict[str, float]]:
    """Hit rate and NDCG of the blend and of popularity alone, for the chosen entries of the split.

    With one relevant item at rank r (from 0), NDCG is ``1 / log2(r + 2)`` (Järvelin and Kekäläinen 2002). An item whose score
    equals the target's counts as ranked before it, so that an engine that says the same of everything earns nothing.
    """
    blend = _measure(split, chosen, lambda history: engine.score(history).total)
    popular = engine.score(EMPTY).total
    return {"blend": asdict(blend), "popularity": asdict(_measure(split, chosen, lambda _: popular))}


def _measure(split: Split, chosen: RowArray, scores_of: Callable[[History], FloatArray]) -> NextItem:
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
    if len(ranks) == 0:
        return NextItem(0, 0.0, 0.0)
    gains = np.where(ranks < 10, 1 / np.log2(ranks + 2), 0.0)
    return NextItem(len(ranks), float((ranks < 10).mean()), float(gains.mean()))
