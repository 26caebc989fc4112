"""The rows that came after a release: items created or changed since."""

from dataclasses import dataclass

import numpy as np

from app.engine.arrays import FloatArray, RowArray

NEIGHBOURS = 10
"""From how many items of the release, nearest by content, a new item borrows."""

CLOSENESS_POWER = 8
"""Shares go by this power of the cosine: an item nearly the same as the new one outweighs several that are only akin."""


@dataclass(frozen=True, slots=True)
class Extension:
    """``m`` rows past the release's own: their factors ``(m, k)`` and content vectors ``(m, d)``, how many ratings each had in
    the release ``(m,)``, and ``bases`` ``(m,)``: the release's row that an item replaces, or -1 for a new item.

    ``neighbours`` and ``shares``, both ``(m, NEIGHBOURS)``, say which rows of the release stand in for an item where a signal
    knows rows only, and with which weight: the base for a changed item, the nearest by content for a new one."""

    factors: FloatArray
    vectors: FloatArray
    counts: RowArray
    bases: RowArray
    neighbours: RowArray
    shares: FloatArray

    @classmethod
    def empty(cls, k: int = 0, d: int = 0) -> "Extension":
        """No rows."""
        none = np.zeros(0, np.int64)
        neighbours = np.zeros((0, NEIGHBOURS), np.int64)
        return cls(
            np.zeros((0, k), np.float32),
            np.zeros((0, d), np.float32),
            none,
            none,
            neighbours,
            neighbours.astype(np.float32),
        )

    def __len__(self) -> int:
        return len(self.bases)

    def borrow(self, scores: FloatArray) -> FloatArray:
        """What the rows of the release lend: for scores ``(c, n)`` the shape ``(c, m)``."""
        return np.einsum("cmj,mj->cm", scores[:, self.neighbours], self.shares).astype(np.float32)

    def sources(self, rows: RowArray, n_rows: int) -> tuple[RowArray, FloatArray]:
        """For each row the release's rows that its scores come from, and their shares: both ``(len(rows), 1 or NEIGHBOURS)``."""
        late = rows >= n_rows
        width = NEIGHBOURS if late.any() else 1
        sources = np.zeros((len(rows), width), np.int64)
        shares = np.zeros((len(rows), width), np.float32)
        sources[~late, 0] = rows[~late]
        shares[~late, 0] = 1.0
        if late.any():
            sources[late] = self.neighbours[rows[late] - n_rows]
            shares[late] = self.shares[rows[late] - n_rows]
        return sources, shares


def stand_ins_of(vectors: FloatArray, new_vectors: FloatArray, bases: RowArray) -> tuple[RowArray, FloatArray]:
    """The neighbours and shares of rows to add, both ``(m, NEIGHBOURS)``: of a changed item its base, else the nearest by the
    cosine of ``vectors``.

    ``vectors`` are the release's unit vectors ``(n, d)``, zero for a row that has nothing to lend, ``new_vectors`` the items'
    unit vectors ``(m, d)``, ``bases`` ``(m,)`` as in :class:`Extension`. An item that is like nothing gets shares of 0, which is
    to say no score; so does every new one when the release is empty. The products take ``(m, n)`` of memory: give many items in
    slices.
    """
    rows = np.zeros((len(bases), NEIGHBOURS), np.int64)
    shares = np.zeros((len(bases), NEIGHBOURS), np.float32)
    changed, new = np.flatnonzero(bases >= 0), np.flatnonzero(bases < 0)
    rows[changed, 0], shares[changed, 0] = bases[changed], 1.0
    count = min(NEIGHBOURS, len(vectors))
    if count == 0 or len(new) == 0:
        return rows, shares
    unlikeness = np.matmul(-new_vectors[new], vectors.T)
    for place, row in zip(new, unlikeness, strict=True):
        # One row at a time: over all of them argpartition makes an (m, n) of int64.
        nearest = np.argpartition(row, count - 1)[:count]
        closeness = np.maximum(-row[nearest], 0) ** CLOSENESS_POWER
        rows[place, :count] = nearest
        if closeness.sum() > 0:
            shares[place, :count] = closeness / closeness.sum()
    return rows, shares
