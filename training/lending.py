"""Lends the rows of rated items to those that nobody has rated, in tables that know rows only."""

from collections.abc import Mapping
from typing import cast

import numpy as np
from scipy.sparse import csr_matrix

from app.engine.arrays import AnyArray, FloatArray, RowArray
from app.engine.extension import NEIGHBOURS, stand_ins_of

_ROWS_AT_ONCE = 500


def lend_to_unrated(arrays: Mapping[str, AnyArray], tastes: FloatArray, counts: RowArray) -> dict[str, AnyArray]:
    """Copies of the dense tables with the rows and columns of unrated items filled in: the mean of those of the rated items
    nearest by ``tastes`` ``(n, k)`` each, as an item that is newer than the release borrows them.

    Sparse tables stay as they are: their strongest cells are those of items that are taken, and a large catalogue in which many
    are not would fill them with copies.
    """
    unrated = np.flatnonzero(counts == 0)
    tables = {name: cast("FloatArray", array) for name, array in arrays.items() if name.endswith(".matrix")}
    if not tables or not len(unrated) or len(unrated) == len(counts):
        return {}
    tables = {name: table.copy() for name, table in tables.items()}  # other fits may share them
    lenders = np.where(counts[:, None] > 0, tastes, np.float32(0))
    for first in range(0, len(unrated), _ROWS_AT_ONCE):
        rows = unrated[first : first + _ROWS_AT_ONCE]
        neighbours, shares = stand_ins_of(lenders, tastes[rows], np.full(len(rows), -1))
        starts = np.arange(len(rows) + 1) * NEIGHBOURS
        lent = csr_matrix((shares.ravel(), neighbours.ravel(), starts), shape=(len(rows), len(counts)))
        for table in tables.values():
            table[rows] = lent @ table
            table[:, rows] = (lent @ table.T).T
    return dict(tables)
