"""Item-by-item tables, and the reading of signals whose columns are weighted sums of a table's rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from app.engine.arrays import FloatArray, RowArray
from app.engine.extension import Extension
from app.engine.history import History

CANCELLED = np.float32(1e-3)
"""Where the variance is less than this of the mean square, their difference in single precision does not tell it."""

FORGOTTEN = 2.5
"""Entries older than the newest by more time scales than this are not looked up: together they weigh 8%, and lists are no worse
without them."""


class Table(Protocol):
    """A matrix ``(n, n)``: row ``i`` says what having taken item ``i`` means for every other item."""

    @property
    def n_rows(self) -> int: ...

    def weighted_sums(self, rows: RowArray, weights: FloatArray) -> FloatArray:
        """``weights @ matrix[rows]``: for weights of shape ``(c, len(rows))`` the shape ``(c, n)``."""
        ...

    def cells(self, rows: RowArray, columns: RowArray) -> FloatArray:
        """``matrix[rows][:, columns]``, shape ``(len(rows), len(columns))``."""
        ...


@dataclass(frozen=True, slots=True)
class DenseTable:
    """Every cell is stored: ``matrix`` is ``(n, n)``. For catalogues of some thousand items."""

    matrix: FloatArray

    @property
    def n_rows(self) -> int:
        """See :class:`Table`."""
        return len(self.matrix)

    def weighted_sums(self, rows: RowArray, weights: FloatArray) -> FloatArray:
        """See :class:`Table`."""
        return weights @ self.matrix.take(
            rows, axis=0, mode="clip"
        )  # clip: rows are known to be inside, which saves a pass

    def cells(self, rows: RowArray, columns: RowArray) -> FloatArray:
        """See :class:`Table`."""
        return self.matrix[np.ix_(rows, columns)]


@dataclass(frozen=True, slots=True)
class SparseTable:
    """The strongest cells are stored, row by row: those of row ``i`` at ``starts[i]:starts[i + 1]``; the others are 0.

    ``starts`` is ``(n + 1,)`` int64, ``columns`` int32 and ``values`` float32 of equal length.
    """

    starts: RowArray
    columns: "np.ndarray[tuple[int], np.dtype[np.int32]]"
    values: FloatArray

    @property
    def n_rows(self) -> int:
        """See :class:`Table`."""
        return len(self.starts) - 1

    def weighted_sums(self, rows: RowArray, weights: FloatArray) -> FloatArray:
        """See :class:`Table`."""
        lengths = self.starts[rows + 1] - self.starts[rows]
        slices = [slice(*ends) for ends in zip(self.starts[rows].tolist(), self.starts[rows + 1].tolist(), strict=True)]
        if not slices:
            return np.zeros((len(weights), self.n_rows), np.float32)
        columns = np.concatenate([self.columns[part] for part in slices])
        values = np.concatenate([self.values[part] for part in slices])
        sums = [np.bincount(columns, values * np.repeat(w, lengths), self.n_rows) for w in weights]
        return np.stack(sums).astype(np.float32)

    def cells(self, rows: RowArray, columns: RowArray) -> FloatArray:
        """See :class:`Table`."""
        cells = np.zeros((len(rows), len(columns)), np.float32)
        for place, row in enumerate(rows.tolist()):
            part = slice(int(self.starts[row]), int(self.starts[row + 1]))
            dense = np.zeros(self.n_rows, np.float32)
            dense[self.columns[part]] = self.values[part]
            cells[place] = dense[columns]
        return cells


@dataclass(frozen=True, slots=True)
class Lookup:
    """One table and the weights ``(c, r)`` with which its ``rows`` are added up; ``entries`` says which of the history's entries
    each stands for."""

    table: Table
    rows: RowArray
    entries: RowArray
    weights: FloatArray


class TableReading:
    """A reading whose columns are weighted sums of rows of tables (see :class:`app.engine.signals.Reading`).

    Of the extension, a changed item scores as the row it replaces; a new one as the weighted mean of its nearest neighbours
    by content.
    """

    def __init__(
        self, lookups: Sequence[Lookup], reference: RowArray | None, extension: Extension, n_history: int
    ) -> None:
        self._lookups = lookups
        self._extension = extension
        self._n_history = n_history
        sums = [look.table.weighted_sums(look.rows, look.weights) for look in lookups]
        self._scores = sums[0] if len(sums) == 1 else np.concatenate(sums)
        self.centres, self.scales = moments(self._scores if reference is None else self._scores[:, reference])

    def add_to(self, total: FloatArray, weights: FloatArray) -> None:
        """See :class:`app.engine.signals.Reading`."""
        known = self._scores.shape[1]
        sums = np.matmul(weights, self._scores)
        total[:known] += sums
        if len(self._extension):
            total[known:] += self._extension.borrow(sums[None, :])[0]

    def reach(self, weights: FloatArray) -> None:
        """Not known without looking."""
        del weights

    def at(self, rows: RowArray) -> FloatArray:
        """See :class:`app.engine.signals.Reading`."""
        known = self._scores.shape[1]
        if len(self._extension) == 0 or len(rows) == 0 or int(rows.max()) < known:
            return self._scores[:, rows]
        scores = np.empty((len(self._scores), len(rows)), np.float32)
        late = rows >= known
        scores[:, ~late] = self._scores[:, rows[~late]]
        scores[:, late] = self._extension.borrow(self._scores)[:, rows[late] - known]
        return scores

    def evidence(self, rows: RowArray, weights: FloatArray) -> FloatArray:
        """See :class:`app.engine.signals.Reading`."""
        known = self._scores.shape[1]
        parts = np.zeros((self._n_history, len(rows)), np.float32)
        sources, shares = self._extension.sources(rows, known)
        start = 0
        for look in self._lookups:
            strength = weights[start : start + len(look.weights)] @ look.weights
            start += len(look.weights)
            for column in range(sources.shape[1]):
                cells = look.table.cells(look.rows, sources[:, column])
                np.add.at(parts, look.entries, strength[:, None] * cells * shares[:, column])
        return parts


def moments(scores: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation of each row of ``(c, n)``, both of shape ``(c,)``; 0 for no columns."""
    n = max(scores.shape[1], 1)
    means, variances = np.zeros(len(scores), np.float32), np.zeros(len(scores), np.float32)
    # Mostly one column or two: so a call for each takes less than one for all.
    for place, column in enumerate(scores):
        mean, square = float(np.add.reduce(column)) / n, float(np.dot(column, column)) / n
        variance = square - mean * mean
        if variance < CANCELLED * square:
            centred: FloatArray = column - np.float32(mean)
            variance = float(np.dot(centred, centred)) / n
        means[place], variances[place] = mean, variance
    return means, np.sqrt(variances)


@dataclass(frozen=True, slots=True)
class KnownRows:
    """The rows of a table that stand for a history's entries: ``rows``, the entry each stands for, its share in it and how much
    older it is than the newest, all of shape ``(r,)``. An entry of the release stands for itself; one of the extension as
    :class:`Extension` says."""

    rows: RowArray
    entries: RowArray
    shares: FloatArray
    ages: FloatArray

    def take(self, chosen: RowArray) -> "KnownRows":
        """The chosen ones."""
        return KnownRows(self.rows[chosen], self.entries[chosen], self.shares[chosen], self.ages[chosen])


def known_rows(history: History, extension: Extension, n_rows: int, oldest: float = np.inf) -> KnownRows:
    """The rows of a table of ``n_rows`` that stand for a history, without the entries that are more than ``oldest`` older than
    the newest.

    The newest entry of all has age 0, but many at one time share their mean age, which may be beyond any ``oldest``.
    """
    n = len(history)
    ages = history.ages - history.ages[-1] if n else history.ages
    first = int(np.searchsorted(-ages, -oldest)) if np.isfinite(oldest) else 0
    rows, ages = history.rows[first:], ages[first:]
    if len(extension) == 0 or len(rows) == 0 or int(rows.max()) < n_rows:
        return KnownRows(rows, np.arange(first, n), np.ones(n - first, np.float32), ages)
    sources, shares = extension.sources(rows, n_rows)
    entries, places = np.nonzero(shares)
    return KnownRows(sources[entries, places], first + entries, shares[entries, places], ages[entries])
