"""User-based collaborative filtering, a ranker to compare with: what the users did who are most like this one.

Each item scores the sum of the similarities of those of the nearest users who took it (Resnick et al. 1994; Herlocker et al.
1999). It stands apart from the engine's signals because it needs all users' histories at request time.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from app.engine.arrays import DoubleArray, FloatArray, RowArray
from training.data import Feedback
from training.evaluation.trials import Trial

NEIGHBOURS = 200
SIGNIFICANT = 50.0
"""Shared items from which on a correlation is trusted fully; one over fewer counts in proportion (Herlocker et al. 1999)."""


@dataclass(frozen=True, slots=True)
class _Shared:
    """What a history and each user have in common, all ``(n_users,)``: how many items, and sums over the ratings of those."""

    items: DoubleArray
    mine: DoubleArray
    theirs: DoubleArray
    mine_squared: DoubleArray
    theirs_squared: DoubleArray
    product: DoubleArray


class UserNeighbours:
    """Rankers by the cosine and the Jaccard index of the sets of items, and by the Pearson correlation of the ratings of shared
    items. ``feedback`` is what the neighbours are known by; users of a trial are not their own neighbours."""

    def __init__(self, feedback: Feedback, n_items: int) -> None:
        self._n_users, self._n_items = feedback.n_users, n_items
        self._starts, self._items = feedback.starts, feedback.items
        self._sizes = np.diff(self._starts).astype(np.float64)
        by_item = np.argsort(feedback.items, kind="stable")
        self._takers = feedback.users[by_item]
        self._ratings = _centred(feedback)[by_item]
        self._takers_starts = np.searchsorted(feedback.items[by_item], np.arange(n_items + 1)).astype(np.int64)

    def __call__(self, trial: Trial) -> Mapping[str, FloatArray]:
        """Scores of all rows by each similarity; zeros for an empty history."""
        return {f"users by {name}": self._scores(each, trial.user) for name, each in self._similarities(trial).items()}

    def _similarities(self, trial: Trial) -> dict[str, DoubleArray]:
        shared = self._shared_with(trial.history.rows, trial.history.preferences.astype(np.float64))
        size = float(max(len(trial.history), 1))
        sizes = np.maximum(self._sizes, 1.0)
        return {
            "cosine": shared.items / np.sqrt(size * sizes),
            "Pearson": _correlation(shared) * np.minimum(shared.items, SIGNIFICANT) / SIGNIFICANT,
            "Jaccard": shared.items / np.maximum(size + sizes - shared.items, 1.0),
        }

    def _shared_with(self, rows: RowArray, preferences: DoubleArray) -> _Shared:
        places, lengths = _places(self._takers_starts, rows)
        users, theirs = self._takers[places], self._ratings[places]
        mine = np.repeat(preferences, lengths)

        def by_user(values: DoubleArray | None) -> DoubleArray:
            return np.bincount(users, values, self._n_users).astype(np.float64, copy=False)

        sums = (by_user(each) for each in (None, mine, theirs, mine**2, theirs**2, mine * theirs))
        return _Shared(*sums)

    def _scores(self, similarity: DoubleArray, user: int) -> FloatArray:
        if user < self._n_users:
            similarity[user] = 0.0
        nearest = np.argpartition(-similarity, min(NEIGHBOURS, self._n_users) - 1)[:NEIGHBOURS]
        nearest = nearest[similarity[nearest] > 0]
        places, lengths = _places(self._starts, nearest)
        closeness = np.repeat(similarity[nearest], lengths)
        return np.bincount(self._items[places], closeness, self._n_items).astype(np.float32)


def _places(starts: RowArray, rows: RowArray) -> tuple[RowArray, RowArray]:
    """The places from ``starts[row]`` up to ``starts[row + 1]`` of all rows, one after the other, and how many each has."""
    lengths = starts[rows + 1] - starts[rows]
    before = np.cumsum(lengths) - lengths
    return np.repeat(starts[rows] - before, lengths) + np.arange(int(lengths.sum())), lengths


def _correlation(shared: _Shared) -> DoubleArray:
    """Pearson's correlation of the ratings of shared items; 0 for fewer than two, or where either does not vary."""
    n = np.maximum(shared.items, 1.0)
    covariance = shared.product - shared.mine * shared.theirs / n
    spread = (shared.mine_squared - shared.mine**2 / n) * (shared.theirs_squared - shared.theirs**2 / n)
    return np.divide(covariance, np.sqrt(np.maximum(spread, 0)), out=np.zeros_like(n), where=spread > 1e-9)


def _centred(feedback: Feedback) -> DoubleArray:
    """Each rating less its user's mean; an event counts as its weight."""
    values = np.where(feedback.rated, feedback.values, 0.0).astype(np.float64)
    rated = feedback.rated.astype(np.float64)
    sums = np.bincount(feedback.users, values, minlength=feedback.n_users)
    counts = np.maximum(np.bincount(feedback.users, rated, minlength=feedback.n_users), 1.0)
    return np.where(feedback.rated, values - (sums / counts)[feedback.users], feedback.strengths)
