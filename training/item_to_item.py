"""Fits the item-to-item table."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg.lapack import spotrf, spotri
from scipy.sparse import csr_matrix, vstack

from app.engine.arrays import AnyArray, FloatArray
from training.data import Feedback
from training.tables import dense_arrays, sparse_arrays, strongest_of_rows, strongest_sources
from training.threads import in_threads

_GRAM_ROWS = 500


@dataclass(frozen=True, slots=True)
class EaseParameters:
    """``penalty`` is the L2 weight lambda. A dense table is kept up to ``dense_items`` items; up to ``exact_items`` the
    ``sources`` strongest sources of each target; beyond that the ``sources`` nearest by a cosine shrunk by ``shrinkage``,
    computed in blocks of ``block`` rows.
    """

    penalty: float = 800.0
    dense_items: int = 5_000
    exact_items: int = 10_000
    sources: int = 200
    shrinkage: float = 10.0
    block: int = 1_000


def item_to_item_arrays(feedback: Feedback, n_items: int, parameters: EaseParameters) -> dict[str, AnyArray]:
    """The table in the form that fits the catalogue's size."""
    if n_items > parameters.exact_items:
        return sparse_arrays("item_to_item", cosine_neighbours(feedback, n_items, parameters))
    weights = fit_ease(feedback, n_items, parameters.penalty)
    if n_items > parameters.dense_items:
        return sparse_arrays("item_to_item", strongest_sources(weights, parameters.sources))
    return dense_arrays("item_to_item", weights)


def cosine_neighbours(feedback: Feedback, n_items: int, parameters: EaseParameters) -> csr_matrix:
    """The shrunk cosine ``#(i and j) / (sqrt(c_i c_j) + shrinkage)`` of each item with its ``sources`` nearest, ``(n, n)``.

    Blocks of rows bound the memory; each block is one sparse product, and there is one in each thread.
    """
    taken = _taken(feedback, n_items)
    lengths = np.sqrt(np.asarray(taken.sum(axis=0), np.float32).ravel())
    users_of = csr_matrix(taken.T)

    def nearest(first: int) -> csr_matrix:
        block = csr_matrix(users_of[first : first + parameters.block] @ taken)
        rows = np.repeat(np.arange(first, first + block.shape[0]), np.diff(block.indptr))
        block.data /= lengths[rows] * lengths[block.indices] + np.float32(parameters.shrinkage)
        block.data[rows == block.indices] = 0
        block.eliminate_zeros()
        return strongest_of_rows(block, parameters.sources)

    return csr_matrix(vstack(in_threads(nearest, range(0, n_items, parameters.block))))


def _taken(feedback: Feedback, n_items: int) -> csr_matrix:
    cells = (feedback.strengths, (feedback.users, feedback.items))
    return csr_matrix(cells, shape=(feedback.n_users, n_items))


def _gram(taken: csr_matrix) -> FloatArray:
    """``X'X`` in full, shape ``(n_items, n_items)``, some rows in each thread: SciPy's products run beside each other."""
    users_of, n_items = csr_matrix(taken.T), taken.shape[1]
    gram = np.empty((n_items, n_items), np.float32)

    def fill(rows: slice) -> None:
        gram[rows] = (users_of[rows] @ taken).toarray()

    in_threads(fill, [slice(first, first + _GRAM_ROWS) for first in range(0, n_items, _GRAM_ROWS)])
    return gram


def fit_ease(feedback: Feedback, n_items: int, penalty: float) -> FloatArray:
    """EASE's weights ``B``, shape ``(n_items, n_items)``, zero on the diagonal (Steck 2019).

    ``P = (X'X + penalty I)^-1``, ``B = -P / diag(P)`` by columns. In float32 by Cholesky, which takes ``8 n^2`` bytes beside the
    result and agrees with float64 to some 1e-6 of the largest cell.
    """
    taken = _taken(feedback, n_items)
    gram = _gram(taken)
    gram[np.diag_indices(n_items)] += penalty
    factor, failed = spotrf(gram, lower=1, overwrite_a=1)
    if failed:
        raise ValueError(f"X'X + penalty I is not positive definite (LAPACK says {failed})")
    inverse, _ = spotri(factor, lower=1, overwrite_c=1)
    lower = np.tril(inverse, -1)
    weights = lower + lower.T
    weights /= -np.diag(inverse)[None, :]
    return np.ascontiguousarray(weights, np.float32)
