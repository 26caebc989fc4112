"""Tables in the form in which an artifact keeps them: dense for small catalogues, the strongest cells for large ones."""

import numpy as np
from scipy.sparse import csr_matrix

from app.engine.arrays import AnyArray, FloatArray


def dense_arrays(name: str, matrix: FloatArray) -> dict[str, AnyArray]:
    """The arrays of a dense table."""
    return {f"{name}.matrix": matrix}


def sparse_arrays(name: str, matrix: csr_matrix) -> dict[str, AnyArray]:
    """The arrays of a sparse table, each row's cells in the order of their columns."""
    matrix.sort_indices()
    return {
        f"{name}.starts": matrix.indptr.astype(np.int64),
        f"{name}.columns": matrix.indices.astype(np.int32),
        f"{name}.values": matrix.data.astype(np.float32),
    }


def strongest_sources(matrix: FloatArray, kept: int) -> csr_matrix:
    """The ``kept`` largest cells of each column (a column is a target; pruning rows instead costs more)."""
    if kept >= len(matrix):
        return csr_matrix(matrix)
    thresholds = np.partition(matrix, len(matrix) - kept, axis=0)[len(matrix) - kept]
    return csr_matrix(np.where(matrix >= thresholds, matrix, 0))


def strongest_of_rows(matrix: csr_matrix, kept: int) -> csr_matrix:
    """The ``kept`` largest cells of each row; of equal cells the first columns."""
    matrix.sort_indices()
    lengths = np.diff(matrix.indptr)
    if int(lengths.max(initial=0)) <= kept:
        return matrix
    rows = np.repeat(np.arange(len(lengths)), lengths)
    order = np.lexsort((matrix.indices, -matrix.data, rows))
    places = np.arange(len(order)) - np.repeat(matrix.indptr[:-1], lengths)
    chosen = np.sort(order[places < kept])
    return csr_matrix((matrix.data[chosen], (rows[chosen], matrix.indices[chosen])), shape=matrix.shape)
