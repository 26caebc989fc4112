"""Tables in the form in which an artifact keeps them: dense for small catalogues, the strongest cells for large ones."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, vstack

from app.engine.arrays import AnyArray, BoolArray, FloatArray, RowArray

_COLUMNS_AT_ONCE = 256


def dense_arrays(name: str, matrix: FloatArray) -> dict[str, AnyArray]:
    """The arrays of a dense table."""
    return {f"{name}.matrix": matrix}


def sparse_arrays(name: str, matrix: csr_matrix) -> dict[str, AnyArray]:
    """The arrays of a sparse table, each row's cells in the order of their columns."""
    matrix.sort_indices()
    return {
        f"{name}.starts": matrix.indptr.astype(np.int64),
        f"{name}.columns": matrix.indices.astype(np.int32, copy=False),
        f"{name}.values": matrix.data.astype(np.float32, copy=False),
    }


def strongest_sources(matrix: FloatArray, kept: int) -> csr_matrix:
    """The ``kept`` largest cells of each column, zeros left out (a column is a target; pruning rows instead costs more).

    Of a matrix ``(n, n)`` a few columns are taken at a time, so that it is not copied.
    """
    parts: list[csr_matrix] = []
    for first in range(0, matrix.shape[1], _COLUMNS_AT_ONCE):
        columns = np.ascontiguousarray(matrix[:, first : first + _COLUMNS_AT_ONCE].T)
        if kept < len(matrix):
            least = np.partition(columns, len(matrix) - kept, axis=1)[:, len(matrix) - kept]
            columns[columns < least[:, None]] = 0
        parts.append(csr_matrix(columns))
    return csr_matrix(vstack(parts).T) if parts else csr_matrix(matrix)


def strongest_of_rows(matrix: csr_matrix, kept: int) -> csr_matrix:
    """The ``kept`` largest cells of each row; of equal cells the first columns."""
    starts: RowArray = matrix.indptr.astype(np.int64)
    lengths = np.diff(starts)
    chosen = np.ones(len(matrix.data), np.bool_)
    for row in np.flatnonzero(lengths > kept).tolist():
        cells = slice(int(starts[row]), int(starts[row + 1]))
        chosen[cells] = _strongest(matrix.data[cells], matrix.indices[cells], kept)
    ends = np.r_[0, np.cumsum(np.minimum(lengths, kept))]
    return csr_matrix((matrix.data[chosen], matrix.indices[chosen], ends), shape=matrix.shape)


def _strongest(values: FloatArray, columns: NDArray[np.int32], kept: int) -> BoolArray:
    """Which the ``kept`` largest values are; of equal ones those with the lowest columns."""
    least = np.partition(values, len(values) - kept)[len(values) - kept]
    chosen = values > least
    equal = np.flatnonzero(values == least)
    chosen[equal[np.argsort(columns[equal])[: kept - np.count_nonzero(chosen)]]] = True
    return chosen
