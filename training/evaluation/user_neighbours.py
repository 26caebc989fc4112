"""User-based collaborative filtering, a ranker to compare with: what the users did who are most like this one.

Each item scores the sum of the similarities of those of the nearest users who took it (Resnick et al. 1994; Herlocker et al.
1999). It stands apart from the engine's signals because it needs all users' histories at request time.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

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
        shape = (feedback.n_users, n_items)
        ratings = _centred(feedback)
        cells = (feedback.users, feedback.items)
        self._taken = csr_matrix((np.ones(len(feedback)), cells), shape=shape)
        self._takers = csr_matrix(self._taken.T)
        self._ratings = csr_matrix(csr_matrix((ratings, cells), shape=shape).T)
        self._squares = csr_matrix(csr_matrix((ratings**2, cells), shape=shape).T)
        self._sizes = np.diff(self._taken.indptr).astype(np.float64)

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

    def _shared_with(self, rows: RowArray, mine: DoubleArray) -> _Shared:
        once = np.ones_like(mine)
        sums = _sums(self._takers, rows, np.stack([once, mine, mine**2], axis=1))
        rated = _sums(self._ratings, rows, np.stack([once, mine], axis=1))
        squares = _sums(self._squares, rows, once[:, None])
        return _Shared(sums[:, 0], sums[:, 1], rated[:, 0], sums[:, 2], squares[:, 0], rated[:, 1])

    def _scores(self, similarity: DoubleArray, user: int) -> FloatArray:
        if user < self._n_users:
            similarity[user] = 0.0
        nearest = np.argpartition(-similarity, min(NEIGHBOURS, self._n_users) - 1)[:NEIGHBOURS]
        nearest = nearest[similarity[nearest] > 0]
        return _sums(self._taken, nearest, similarity[nearest][:, None])[:, 0].astype(np.float32)


def _sums(matrix: csr_matrix, rows: RowArray, weights: DoubleArray) -> DoubleArray:
    """``matrix[rows].T @ weights``: for weights ``(len(rows), c)`` the shape ``(n_columns, c)``."""
    return np.asarray(matrix[rows].T @ weights, np.float64)


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
