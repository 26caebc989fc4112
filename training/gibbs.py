"""Bayesian matrix factorisation by Gibbs sampling (Salakhutdinov and Mnih 2008), with the biases inside the vectors.

A user is ``x = (p, a)`` and an item ``y = (q, b)`` of ``d = k + 1`` numbers; a rating is ``p . q + a + b`` plus noise of
precision ``beta``. With ``(q, 1)`` as its regressors and ``r - b`` as its target, a user's vector given all items has a Gaussian
conditional, and an item's given all users has the same. Each side's vectors come from a Gaussian with an unknown mean and
precision, which have a Normal-Wishart prior.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from app.engine.arrays import DoubleArray, FloatArray, RowArray

ROWS_A_BLOCK = 4_096
FIRST_SPREAD = 0.1
FIRST_PRECISION = 8.0
FIRST_SHRINKAGE = 5.0
PRIOR_WEIGHT = 2.0
NOISE_WEIGHT = 2.0


@dataclass(frozen=True, slots=True)
class Ratings:
    """Ratings of ``n_users`` users and ``n_items`` items, centred and of unit spread: three arrays of shape ``(n,)``."""

    n_users: int
    n_items: int
    users: RowArray
    items: RowArray
    values: FloatArray

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, slots=True)
class Prior:
    """The Gaussian that one side's vectors come from: ``mean`` ``(d,)`` and ``precision`` ``(d, d)``."""

    mean: DoubleArray
    precision: DoubleArray


@dataclass(frozen=True, slots=True)
class Sample:
    """One state of the chain, without the users: they are folded in. ``items`` is ``(n_items, d)``, ``noise`` is ``beta``."""

    items: FloatArray
    item_prior: Prior
    user_prior: Prior
    noise: float


class Chain:
    """The state of a chain; the same ratings and generator give the same samples."""

    def __init__(self, ratings: Ratings, k: int, rng: np.random.Generator) -> None:
        """Begins with small random factors, and with each item's mean, shrunk, as its bias."""
        self._rng = rng
        d = k + 1
        counts = np.bincount(ratings.items, minlength=ratings.n_items)
        sums = np.bincount(ratings.items, weights=ratings.values, minlength=ratings.n_items)
        self._items = rng.normal(0, FIRST_SPREAD, (ratings.n_items, d)).astype(np.float32)
        self._items[:, -1] = sums / (counts + FIRST_SHRINKAGE)
        self._user_prior = Prior(np.zeros(d), FIRST_PRECISION * np.eye(d))
        self._noise = 1.0
        self.take_over(ratings)

    def take_over(self, ratings: Ratings) -> None:
        """Go on with these ratings, of the same users and items."""
        self._n = len(ratings)
        self._by_user = _Side.of(ratings.users, ratings.items, ratings.values, ratings.n_users, ratings.n_items)
        self._by_item = _Side.of(ratings.items, ratings.users, ratings.values, ratings.n_items, ratings.n_users)

    def sweep(self) -> Sample:
        """Draw everything once, each given all else."""
        item_prior = draw_prior(self._items, self._rng)
        users, _ = self._by_user.draw(self._items, self._user_prior, self._noise, self._rng)
        self._user_prior = draw_prior(users, self._rng)
        self._items, error = self._by_item.draw(users, item_prior, self._noise, self._rng)
        self._noise = float(self._rng.gamma((NOISE_WEIGHT + self._n) / 2, 2 / (NOISE_WEIGHT + error)))
        return Sample(self._items, item_prior, self._user_prior, self._noise)


def draw_prior(vectors: FloatArray, rng: np.random.Generator) -> Prior:
    """The mean and precision that vectors ``(n, d)`` may come from: a draw from the Normal-Wishart posterior (equation 14 of the
    paper) with ``mu_0 = 0``, ``beta_0 = 2``, ``W_0 = I`` and ``nu_0 = d``; the Wishart by Bartlett's decomposition."""
    n, d = len(vectors), int(vectors.shape[1])
    mean: DoubleArray = vectors.mean(axis=0, dtype=np.float64)
    centred: DoubleArray = vectors.astype(np.float64) - mean
    inverse = np.eye(d) + centred.T @ centred + n * PRIOR_WEIGHT / (n + PRIOR_WEIGHT) * np.outer(mean, mean)
    bartlett: DoubleArray = np.tril(rng.standard_normal((d, d)), -1)
    np.fill_diagonal(bartlett, np.sqrt(rng.chisquare(np.arange(n + d, n, -1, dtype=np.int64))))
    root: DoubleArray = np.linalg.cholesky(np.linalg.inv(inverse)) @ bartlett
    precision: DoubleArray = root @ root.T
    spread = np.linalg.cholesky((n + PRIOR_WEIGHT) * precision).T
    drawn: DoubleArray = n * mean / (n + PRIOR_WEIGHT) + np.linalg.solve(spread, rng.standard_normal(d))
    return Prior(drawn, precision)


def draw_gaussians(precisions: DoubleArray, sides: DoubleArray, noise: DoubleArray) -> DoubleArray:
    """For each of n precisions ``(n, d, d)``, of which the lower triangles are read, a draw from the Gaussian with that precision
    ``P`` and the mean ``P^-1 s``; ``sides`` are the ``s``, ``noise`` standard normal, all ``(n, d)``.

    With ``P = L L'`` it is ``L'^-1 (L^-1 s + z)``; the substitutions go over all n at once.
    """
    lower = np.linalg.cholesky(precisions).transpose(1, 2, 0).copy()
    d, n = lower.shape[1:]
    forward = np.empty((d, n))
    for j in range(d):
        forward[j] = (sides[:, j] - np.einsum("kn,kn->n", lower[j, :j], forward[:j])) / lower[j, j]
    forward += noise.T
    drawn = np.empty((d, n))
    for j in reversed(range(d)):
        drawn[j] = (forward[j] - np.einsum("kn,kn->n", lower[j + 1 :, j], drawn[j + 1 :])) / lower[j, j]
    return drawn.T


@dataclass(frozen=True, slots=True)
class _Block:
    """Some rows of one side: which of the other side they met (a matrix of ones), and the ratings that came of it."""

    met: csr_matrix
    ratings: csr_matrix


@dataclass(frozen=True, slots=True)
class _Side:
    """The ratings as seen from one side, whose vectors are drawn."""

    blocks: tuple[_Block, ...]
    counts: RowArray
    sums: DoubleArray
    squares: float

    @classmethod
    def of(cls, rows: RowArray, columns: RowArray, values: FloatArray, n_rows: int, n_columns: int) -> "_Side":
        matrix = csr_matrix((values, (rows, columns)), (n_rows, n_columns))
        parts = [matrix[first : first + ROWS_A_BLOCK] for first in range(0, n_rows, ROWS_A_BLOCK)]
        blocks = [
            _Block(csr_matrix((np.ones_like(part.data), part.indices, part.indptr), part.shape), part) for part in parts
        ]
        counts = np.bincount(columns, minlength=n_columns)
        sums = np.bincount(columns, weights=values, minlength=n_columns).astype(np.float64)
        return cls(tuple(blocks), counts, sums, float(np.square(values, dtype=np.float64).sum()))

    def draw(
        self, others: FloatArray, prior: Prior, noise: float, rng: np.random.Generator
    ) -> tuple[FloatArray, float]:
        """This side's vectors given the other's ``(n_columns, d)``, and the sum of squares of what they leave unexplained."""
        biases = others[:, -1].astype(np.float64)
        drawn, explained = zip(*self._draw_blocks(others, prior, noise, rng), strict=True)
        targets = self.squares - 2 * float(self.sums @ biases) + float(self.counts @ np.square(biases))
        return np.concatenate(drawn), max(targets - sum(explained), 0.0)

    def _draw_blocks(
        self, others: FloatArray, prior: Prior, noise: float, rng: np.random.Generator
    ) -> Iterator[tuple[FloatArray, float]]:
        d = others.shape[1]
        regressors = others.copy()
        regressors[:, -1] = 1
        offsets = regressors * others[:, -1:]
        first, second = np.tril_indices(d)
        products = np.concatenate([regressors[:, first] * regressors[:, second], offsets], axis=1)
        doubled = np.where(first == second, 1.0, 2.0).astype(np.float32)
        for block in self.blocks:
            # All Gram matrices of the block in one sparse product, as rows of their lower triangles, and the biases' part beside.
            summed: FloatArray = block.met @ products
            grams = summed[:, : len(first)]
            sides: FloatArray = block.ratings @ regressors - summed[:, len(first) :]
            precisions = _unpacked(grams, noise, prior.precision)
            z = rng.standard_normal((len(grams), d))
            vectors = draw_gaussians(precisions, noise * sides + prior.precision @ prior.mean, z).astype(np.float32)
            fitted = vectors[:, first] * vectors[:, second] * doubled
            quadratic = float(np.einsum("np,np->", grams, fitted, dtype=np.float64))
            yield vectors, 2 * float(np.einsum("nd,nd->", sides, vectors, dtype=np.float64)) - quadratic


def _unpacked(triangles: FloatArray, factor: float, added: DoubleArray) -> DoubleArray:
    """``factor * G + added`` with the lower triangles ``(n, d (d + 1) / 2)`` of G, as lower triangles ``(n, d, d)``."""
    d = len(added)
    matrices = np.zeros((len(triangles), d, d))
    start = 0
    for j in range(d):
        row = matrices[:, j, : j + 1]
        np.multiply(triangles[:, start : start + j + 1], factor, out=row)
        row += added[j, : j + 1]
        start += j + 1
    return matrices
