"""Refines learned weights on validation trials by the very metric of a protocol.

The likelihood that :func:`training.blend.learn_blend` maximises is moved most by the targets that are hardest to find; a protocol
with many targets a user and a cut asks for something else. From the learned weights and from equal ones, whichever is better, a
coordinate search climbs the mean NDCG.
"""

from collections.abc import Sequence

import numpy as np

from app.engine.arrays import DoubleArray, FloatArray
from app.engine.engine import Engine
from training.blend import FEWEST_USERS, HISTORY_SIZES
from training.evaluation.metrics import hits_of, ndcg, target_ranks
from training.evaluation.trials import Trial

MOST_TRIALS = 500
MOST_CELLS = 50_000_000
"""How many standardised scores are held at once: 200 MB."""

STEPS = (0.5, 0.25, 0.1)
"""Shares of the largest weight by which one weight is moved, one after the other."""

SWEEPS = 2


def refine_weights(engine: Engine, trials: Sequence[Trial], learned: FloatArray, k: int) -> FloatArray:
    """Weights ``(len(HISTORY_SIZES), c)`` with no lower mean NDCG at ``k`` over the trials than the ``learned`` ones, and none
    negative. A range of history lengths with too few trials keeps what was learned."""
    refined = learned.copy()
    lengths = np.array([len(trial.history) for trial in trials], np.int64)
    ranges = np.searchsorted(HISTORY_SIZES, lengths, side="right") - 1
    most = min(MOST_TRIALS, max(MOST_CELLS // (engine.n_rows * learned.shape[1]), FEWEST_USERS))
    for place in range(len(HISTORY_SIZES)):
        members = np.flatnonzero(ranges == place)
        if len(members) >= FEWEST_USERS:
            evenly = np.linspace(0, len(members) - 1, min(most, len(members))).astype(np.int64)
            chosen: list[int] = members[evenly].tolist()
            refined[place] = _climb(_Examples(engine, [trials[m] for m in chosen], k), learned[place])
    return refined


class _Examples:
    """The standardised columns of some trials, and what weights make of them."""

    def __init__(self, engine: Engine, trials: Sequence[Trial], k: int) -> None:
        rows = np.arange(engine.n_rows)
        self._trials, self._k = trials, k
        self._columns = [engine.standardised(trial.history, rows).astype(np.float32) for trial in trials]

    def quality(self, weights: FloatArray) -> float:
        """The mean NDCG."""
        gains: DoubleArray = np.empty(len(self._trials))
        for place, (trial, columns) in enumerate(zip(self._trials, self._columns, strict=True)):
            ranks, _ = target_ranks(weights @ columns, trial.targets, trial.known)
            gains[place] = ndcg(hits_of(ranks, self._k)[None], np.array([len(ranks)]), self._k)[0]
        return float(gains.mean())


def _climb(examples: _Examples, learned: FloatArray) -> FloatArray:
    """The best weights that the search finds, shape ``(c,)``."""
    starts = (learned, np.ones_like(learned))
    best, weights = max(((examples.quality(w), w) for w in starts), key=lambda pair: pair[0])
    for share in STEPS:
        for _ in range(SWEEPS):
            before = best
            for column in range(len(weights)):
                for step in (share, -share):
                    moved = weights.copy()
                    moved[column] = max(0.0, float(weights[column]) + step * float(weights.max()))
                    quality = examples.quality(moved)
                    if quality > best:
                        best, weights = quality, moved
            if best == before:
                break
    return weights
