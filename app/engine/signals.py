"""What every signal has in common: it reads a history and gives columns of raw scores.

The engine never asks a signal for all its columns one by one. It asks for their weighted sum over all rows (one matrix
product for signals that are factor models), and for the single columns only at the few rows that were ranked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from app.engine.arrays import DoubleArray, FloatArray, RowArray
from app.engine.extension import Extension
from app.engine.history import History

SignalName = Literal["collaborative", "item_to_item", "next_item", "content", "popularity"]
SIGNALS: tuple[SignalName, ...] = ("collaborative", "item_to_item", "next_item", "content", "popularity")


class Reading(Protocol):
    """One signal's view of one user: ``c`` columns of raw scores over all rows.

    ``centres`` and ``scales``, shape ``(c,)``, are each column's mean and standard deviation over the reference rows.
    """

    @property
    def centres(self) -> FloatArray: ...

    @property
    def scales(self) -> FloatArray: ...

    def add_to(self, total: FloatArray, weights: FloatArray) -> None:
        """Add ``sum_c weights[c] * column[c]`` to ``total``, shape ``(n_rows,)``, in place."""
        ...

    def reach(self, weights: FloatArray) -> float | None:
        """No row's ``sum_c weights[c] * column[c]`` is further from 0 than this; None where it takes all rows to tell."""
        ...

    def at(self, rows: RowArray) -> FloatArray:
        """The raw scores at ``rows``, shape ``(c, len(rows))``."""
        ...

    def evidence(self, rows: RowArray, weights: FloatArray) -> FloatArray:
        """Each history entry's part in ``sum_c weights[c] * column[c]`` at ``rows``: shape ``(len(history), len(rows))``.

        The parts of a row add up to its weighted sum; all zero where a column does not come from the history.
        """
        ...


class Signal(Protocol):
    """One source of scores."""

    @property
    def name(self) -> SignalName: ...

    @property
    def columns(self) -> tuple[str, ...]:
        """What tells this signal's columns apart (their time scale, say)."""
        ...

    def read(self, history: History, wanted: Sequence[bool] | None = None) -> Reading:
        """What this signal says for a user with this history. Nobody will look at a column whose flag among ``wanted`` is
        False: it may be left at 0, with a scale of 0."""
        ...

    def extended(self, extension: Extension) -> "Signal":
        """The same signal with these rows past the release's own, in place of any it had there."""
        ...


@dataclass(frozen=True, slots=True)
class Spread:
    """Mean and covariance of item vectors over the reference rows, shapes ``(k,)`` and ``(k, k)``.

    They give the mean and the standard deviation of ``vectors @ query`` without computing it:
    ``mean @ query`` and ``sqrt(query' covariance query)``.
    """

    mean: FloatArray
    covariance: FloatArray

    @classmethod
    def of(cls, vectors: FloatArray) -> "Spread":
        """The spread of ``vectors``, shape ``(n, k)``; zero for no vectors."""
        width = int(vectors.shape[1])
        if len(vectors) == 0:
            return cls(np.zeros(width, np.float32), np.zeros((width, width), np.float32))
        exact: DoubleArray = vectors.astype(np.float64)
        mean: DoubleArray = exact.mean(axis=0)
        covariance: DoubleArray = (exact - mean).T @ (exact - mean) / len(vectors)
        return cls(mean.astype(np.float32), covariance.astype(np.float32))


class VectorReading:
    """A reading whose columns are inner products of item vectors with a query: ``vectors @ queries[:, c]``.

    ``vectors`` are the parts of the item matrix, each ``(n_i, k)``: the release's rows, then the extension's.
    ``queries`` has shape ``(k, c)``. ``entry_queries()[c]``, shape ``(k, len(history))``, is what each history entry adds to
    ``queries[:, c]``; a column that is not there comes from none. ``longest`` is the length of the longest vector, where that
    is known.
    """

    def __init__(
        self,
        vectors: tuple[FloatArray, FloatArray],
        spread: Spread,
        queries: FloatArray,
        entry_queries: "EntryQueries",
        longest: float | None = None,
    ) -> None:
        self._vectors = vectors
        self._longest = longest
        self._queries = queries
        self._entry_queries = entry_queries
        self.centres: FloatArray = spread.mean @ queries
        variances = ((spread.covariance @ queries) * queries).sum(axis=0)
        self.scales: FloatArray = np.sqrt(np.maximum(variances, np.float32(0)))

    def add_to(self, total: FloatArray, weights: FloatArray) -> None:
        """See :class:`Reading`."""
        query = self._queries @ weights
        start = 0
        for part in self._vectors:
            if len(part):
                total[start : start + len(part)] += part @ query
                start += len(part)

    def reach(self, weights: FloatArray) -> float | None:
        """See :class:`Reading`. By Cauchy and Schwarz, with room for what single precision rounds away."""
        return None if self._longest is None else 1.001 * self._longest * float(np.linalg.norm(self._queries @ weights))

    def at(self, rows: RowArray) -> FloatArray:
        """See :class:`Reading`."""
        return self._queries.T @ take_rows(self._vectors, rows).T

    def evidence(self, rows: RowArray, weights: FloatArray) -> FloatArray:
        """See :class:`Reading`."""
        entries = sum(weights[column] * query for column, query in self._entry_queries().items())
        return np.asarray(entries, np.float32).T @ take_rows(self._vectors, rows).T


class EntryQueries(Protocol):
    """Called only when an explanation is asked for, since it costs more than the score."""

    def __call__(self) -> Mapping[int, FloatArray]: ...


def take_rows(parts: tuple[FloatArray, FloatArray], rows: RowArray) -> FloatArray:
    """Rows of a matrix that is stored in two parts, shape ``(len(rows), k)``."""
    base, extension = parts
    if len(extension) == 0 or len(rows) == 0 or int(rows.max()) < len(base):
        return base[rows]
    taken = np.empty((len(rows), base.shape[1]), np.float32)
    late = rows >= len(base)
    taken[~late] = base[rows[~late]]
    taken[late] = extension[rows[late] - len(base)]
    return taken
