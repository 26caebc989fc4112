"""The item-to-item signal: what the items of the history say about every other item, learned all at once.

EASE (Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019): the score of item j is ``sum_h w_h B[h, j]``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.engine.arrays import BoolArray, FloatArray, RowArray
from app.engine.extension import Extension
from app.engine.history import History
from app.engine.signals import SignalName
from app.engine.tables import FORGOTTEN, KnownRows, Lookup, Table, TableReading, known_rows

WEAK_EVENT = 0.5
"""An event of less weight, such as a click, is no like: opening a page takes nothing back of what was disliked."""


@dataclass(frozen=True, slots=True)
class ItemToItemReading:
    """How a history is read, a column for each time scale (0: all entries alike): an entry of age ``a`` (from the newest) weighs
    ``exp(-a / scale)``, times ``dislike_weight`` where its preference is below ``dislike_below``. Where nothing was liked, each
    dislike weighs as much against what it is close to."""

    time_scales: tuple[float, ...] = (10.0,)
    dislike_below: float = -1.5
    dislike_weight: float = 0.0


class ItemToItem:
    """See the module."""

    name: SignalName = "item_to_item"

    def __init__(
        self, table: Table, reading: ItemToItemReading, reference: RowArray | None, extension: Extension | None = None
    ) -> None:
        self._table = table
        self._reading = reading
        self._reference = reference
        self._extension = extension or Extension.empty()
        self.columns = tuple(f"{scale:g}" for scale in reading.time_scales)

    def extended(self, extension: Extension) -> "ItemToItem":
        """The same with other rows at the end."""
        return ItemToItem(self._table, self._reading, self._reference, extension)

    def read(self, history: History, wanted: Sequence[bool] | None = None) -> TableReading:
        """Add the history's rows of the table up, once for each time scale: one pass for all of them, wanted or not."""
        del wanted
        scales = self._reading.time_scales
        oldest = FORGOTTEN * max(scales) if all(scales) else np.inf
        known = known_rows(history, self._extension, self._table.n_rows, oldest)
        below = self._reading.dislike_below
        if nothing_liked(history, below):
            strength = (
                known.shares if history.choices is None else known.shares * np.abs(history.choices[known.entries])
            )
            strength = np.where(disliked(history, below)[known.entries], -strength, strength)
        else:
            strength = chosen(history, known)
            strength[history.preferences[known.entries] < below] *= np.float32(self._reading.dislike_weight)
        known, strength = telling(known, strength)
        weights = decayed(strength, known.ages, scales)
        lookups = [Lookup(self._table, known.rows, known.entries, weights)]
        return TableReading(lookups, self._reference, self._extension, len(history))


def chosen(history: History, known: KnownRows) -> FloatArray:
    """How much each row shows that its item was taken, ``(r,)``: its share times 1 for a rating, the weight for an event, and 0
    for an event that turned the item away. A new array."""
    if history.choices is None:
        return known.shares.copy()
    return known.shares * np.maximum(history.choices[known.entries], np.float32(0))


def disliked(history: History, dislike_below: float) -> BoolArray:
    """Which entries speak against their item, ``(n,)``: a preference below this, or an event that turned it away."""
    against: BoolArray = history.preferences < dislike_below
    return against if history.choices is None else against | (history.choices < 0)


def nothing_liked(history: History, dislike_below: float) -> bool:
    """Whether something was disliked and nothing liked; events of less than :data:`WEAK_EVENT` are neither."""
    if history.choices is None:
        return len(history) > 0 and float(history.preferences.max()) < dislike_below
    against = disliked(history, dislike_below)
    return bool(against.any() and (against | (history.choices < WEAK_EVENT)).all())


def telling(known: KnownRows, strength: FloatArray) -> tuple[KnownRows, FloatArray]:
    """Both without the rows whose strength is 0: reading a row of a table is what costs."""
    kept = np.flatnonzero(strength)
    return (known, strength) if len(kept) == len(strength) else (known.take(kept), strength[kept])


def decayed(strength: FloatArray, ages: FloatArray, scales: Sequence[float]) -> FloatArray:
    """``strength * exp(-age / scale)`` for each scale, ``(c, r)``; a scale of 0 stands for no decay."""
    weights = np.empty((len(scales), len(ages)), np.float32)
    for column, scale in enumerate(scales):
        weights[column] = strength * np.exp(ages * np.float32(-1 / scale)) if scale else strength
    return weights
