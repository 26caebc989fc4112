"""The next-item signal: what tends to be taken soon after the newest items of the history.

With ``T[i, j] = sum_{g=1..window} exp(-g / gap_decay) * #(j follows i at lag g)`` over all users' sequences, the log-lift for a
boost ``a`` is ``L_a[i, j] = log(1 + a T[i, j] / (c_j + 1))``, with ``c_j`` how often j was taken; the score of j is
``sum_h exp(-age_h / scale) L_a[h, j]``, with ages from the newest entry's. Dislikes count like any other entry: a film that was
disliked was chosen all the same. But where nothing at all was liked they are not read: they would only lead to more of the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from app.engine.arrays import NO_ROWS, FloatArray, RowArray
from app.engine.extension import Extension
from app.engine.history import History
from app.engine.item_to_item import chosen, decayed, disliked, nothing_liked, telling
from app.engine.signals import SignalName
from app.engine.tables import FORGOTTEN, KnownRows, Lookup, Table, TableReading, known_rows


@dataclass(frozen=True, slots=True)
class NextItemColumn:
    """One column: the boost ``a`` of its log-lift and the time scale of the history."""

    boost: float
    time_scale: float


@dataclass(frozen=True)
class NextItemReading:
    """The columns; those of one boost share a table. Where nothing was liked, entries whose preference is below
    ``dislike_below`` are not read."""

    columns: tuple[NextItemColumn, ...] = (
        NextItemColumn(300.0, 4.0),
        NextItemColumn(20_000.0, 4.0),
    )
    dislike_below: float = -1.5

    @property
    def boosts(self) -> tuple[float, ...]:
        """The boosts, each once, in order."""
        return tuple(dict.fromkeys(column.boost for column in self.columns))

    @cached_property
    def scales_by_boost(self) -> tuple[tuple[float, ...], ...]:
        """The time scales that are read of each boost's table."""
        return tuple(tuple(c.time_scale for c in self.columns if c.boost == boost) for boost in self.boosts)

    @property
    def names(self) -> tuple[str, ...]:
        """What tells the columns apart, in the order in which they are read: boost by boost."""
        return tuple(f"{c.boost:g}/{c.time_scale:g}" for b in self.boosts for c in self.columns if c.boost == b)


class NextItem:
    """``tables[b]`` holds the log-lifts for ``reading.boosts[b]``."""

    name: SignalName = "next_item"

    def __init__(
        self,
        tables: tuple[Table, ...],
        reading: NextItemReading,
        reference: RowArray | None,
        extension: Extension | None = None,
    ) -> None:
        self._tables = tables
        self._reading = reading
        self._reference = reference
        self._extension = extension or Extension.empty()
        self.columns = reading.names

    def extended(self, extension: Extension) -> "NextItem":
        """The same with other rows at the end."""
        return NextItem(self._tables, self._reading, self._reference, extension)

    def read(self, history: History, wanted: Sequence[bool] | None = None) -> TableReading:
        """Add the log-lifts of the newest entries up, once for each column; tables of which no column is wanted are left out."""
        below = self._reading.dislike_below
        unread = disliked(history, below) if nothing_liked(history, below) else None
        known: dict[float, tuple[KnownRows, FloatArray]] = {}
        lookups: list[Lookup] = []
        start = 0
        for scales, table in zip(self._reading.scales_by_boost, self._tables, strict=True):
            columns = slice(start, start + len(scales))
            start += len(scales)
            oldest = FORGOTTEN * max(scales)
            if wanted is not None and not any(wanted[columns]):
                lookups.append(Lookup(table, NO_ROWS, NO_ROWS, np.zeros((len(scales), 0), np.float32)))
                continue
            if oldest not in known:
                fresh = known_rows(history, self._extension, table.n_rows, oldest)
                strength = chosen(history, fresh)
                if unread is not None:
                    strength[unread[fresh.entries]] = 0
                known[oldest] = telling(fresh, strength)
            fresh, strength = known[oldest]
            lookups.append(Lookup(table, fresh.rows, fresh.entries, decayed(strength, fresh.ages, scales)))
        return TableReading(lookups, self._reference, self._extension, len(history))
