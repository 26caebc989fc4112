"""From scores to the best rows."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from app.engine.arrays import NO_ROWS, BoolArray, FloatArray, RowArray


def top_rows(scores: FloatArray, allowed: BoolArray | None, limit: int) -> RowArray:
    """The rows of the ``limit`` highest scores, best first; of equal scores the lower row comes first.

    ``scores`` has shape ``(n,)``. Rows that are not ``allowed`` and rows whose score is NaN or -inf are never returned,
    so the answer may be shorter than ``limit``.
    """
    eligible = scores > -np.inf  # False for NaN as well
    if allowed is not None:
        eligible &= allowed
    limit = min(limit, int(np.count_nonzero(eligible)))
    if limit <= 0:
        return NO_ROWS
    values = np.where(eligible, scores, np.float32(-np.inf))
    threshold = _highest(values, limit)
    best = np.flatnonzero(values >= threshold)
    if len(best) > limit:
        ties = np.flatnonzero(values[best] == threshold)
        best = np.delete(best, ties[limit - len(best) :])
    return best[np.argsort(-values[best], kind="stable")]


def rows_within(scores: FloatArray, allowed: BoolArray | None, limit: int, distance: float) -> RowArray:
    """The rows, ascending, that are ``allowed`` and at most so far below the ``limit``-th best of these; where there are fewer,
    all of them. Not those whose score is NaN or -inf."""
    eligible = scores > -np.inf
    if allowed is not None:
        eligible &= allowed
    if limit <= 0:
        return NO_ROWS
    if limit >= np.count_nonzero(eligible):
        return np.flatnonzero(eligible)
    values = np.where(eligible, scores, np.float32(-np.inf))
    return np.flatnonzero(values >= np.float32(_highest(values, limit) - distance))


def _highest(values: FloatArray, place: int) -> np.float32:
    """The value at this place, from 1 on, when they are put in descending order."""
    return np.partition(values, len(values) - place)[len(values) - place]


class RowScores(Protocol):
    """Scores of all rows, of which those that matter can be asked for."""

    def best(self, allowed: BoolArray | None, limit: int) -> RowArray:
        """The ``limit`` best of the rows that are ``allowed`` (all, for None), as :func:`top_rows` has them."""
        ...

    def scores_at(self, rows: RowArray) -> FloatArray:
        """The scores of these rows."""
        ...


@dataclass(frozen=True, slots=True)
class GivenScores:
    """:class:`RowScores` that are there, shape ``(n_rows,)``."""

    values: FloatArray

    def best(self, allowed: BoolArray | None, limit: int) -> RowArray:
        """See :class:`RowScores`."""
        return top_rows(self.values, allowed, limit)

    def scores_at(self, rows: RowArray) -> FloatArray:
        """See :class:`RowScores`."""
        return self.values[rows]
