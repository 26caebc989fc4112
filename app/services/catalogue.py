"""The catalogue as a worker holds it: the artifact's columns and an overlay of what changed since.

A changed item has one row in the overlay, however often it changes, and its row in the release is no longer listed. Everything
here belongs to the event loop: a request uses it between two awaits, so nothing changes under its hands.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np

from app.engine.arrays import AnyArray, BoolArray, RowArray
from app.engine.artifact import require_array, require_offsets, require_strings
from app.engine.growing import GrowingArray
from app.errors import ArtifactRejected

UNDATED = np.iinfo(np.int32).min
_EPOCH = dt.date(1970, 1, 1)


def days_of(date: dt.date | None) -> int:
    """Days since 1970, :data:`UNDATED` for None."""
    return UNDATED if date is None else (date - _EPOCH).days


@dataclass(frozen=True, slots=True)
class Filters:
    """What may be shown. An item without a release date passes neither of the two date limits."""

    categories: Sequence[str] = ()
    exclude_categories: Sequence[str] = ()
    exclude_items: Sequence[str] = ()
    released_from: dt.date | None = None
    released_to: dt.date | None = None


@dataclass(frozen=True, slots=True)
class CatalogueItem:
    """One item as the overlay takes it; ``version`` tells two states of it apart."""

    key: int
    id: str
    card: bytes
    categories: Sequence[str]
    released_on: dt.date | None
    listed: bool
    deleted: bool
    version: str


class ReleaseColumns:
    """The catalogue's arrays in an artifact; raises :class:`ArtifactRejected` if they do not fit ``n_rows``."""

    def __init__(self, arrays: Mapping[str, AnyArray], n_rows: int) -> None:
        self.n_rows = n_rows
        self.ids = require_strings(arrays, "catalogue.ids", n_rows)
        self.cards = require_strings(arrays, "catalogue.cards", n_rows)
        self.keys: RowArray = require_array(arrays, "catalogue.keys", np.int64, (n_rows,))
        self.versions: RowArray = require_array(arrays, "catalogue.versions", np.int64, (n_rows,))
        self.released = require_array(arrays, "catalogue.released", np.int32, (n_rows,))
        self.listed: BoolArray = ~require_array(arrays, "catalogue.hidden", np.bool_, (n_rows,))
        self.key_order = np.argsort(self.keys, kind="stable")
        self.sorted_keys = self.keys[self.key_order]
        names = require_strings(arrays, "catalogue.categories", None)
        rows: RowArray = require_array(arrays, "catalogue.category_rows", np.int64, (None,))
        offsets = require_offsets(arrays, "catalogue.category_offsets", len(names), len(rows))
        if len(rows) and not 0 <= int(rows.min()) <= int(rows.max()) < n_rows:
            raise ArtifactRejected("catalogue.category_rows: names rows that are not there")
        self.category_rows: dict[str, RowArray] = {
            name.decode(): rows[offsets[i] : offsets[i + 1]] for i, name in enumerate(names)
        }


@dataclass(slots=True)
class _Overlay:
    """Rows past the release's own. ``rows`` finds the row of a key, ``ids`` of an id, ``categories`` those of a category."""

    items: list[CatalogueItem] = field(default_factory=list[CatalogueItem])
    rows: dict[int, int] = field(default_factory=dict[int, int])
    ids: dict[str, int] = field(default_factory=dict[str, int])
    categories: dict[str, set[int]] = field(default_factory=dict[str, set[int]])
    released: GrowingArray[np.int32] = field(default_factory=lambda: GrowingArray((), np.int32))
    listed: GrowingArray[np.bool_] = field(default_factory=lambda: GrowingArray((), np.bool_))


class Catalogue:
    """Finds, filters and shows items by row."""

    def __init__(self, release: ReleaseColumns) -> None:
        self._release = release
        self._listed = release.listed.copy()
        self._overlay = _Overlay()

    @property
    def n_rows(self) -> int:
        """Rows of the release and of the overlay."""
        return self._release.n_rows + len(self._overlay.items)

    @property
    def n_overlay(self) -> int:
        """Rows of the overlay alone."""
        return len(self._overlay.items)

    def row_of(self, item_id: str) -> int | None:
        """The row of an item, hidden and deleted ones too; None for an unknown id."""
        row = self._overlay.ids.get(item_id)
        return self._release.ids.find(item_id.encode()) if row is None else row

    def rows_of_keys(self, keys: RowArray) -> RowArray:
        """The rows of many keys, shape as given; -1 for unknown ones."""
        release = self._release
        rows = np.full(len(keys), -1, np.int64)
        if release.n_rows:
            places = np.minimum(np.searchsorted(release.sorted_keys, keys), release.n_rows - 1)
            known = release.sorted_keys[places] == keys
            rows[known] = release.key_order[places[known]]
        if self._overlay.rows:
            for place, key in enumerate(cast("list[int]", keys.tolist())):
                late = self._overlay.rows.get(key)
                if late is not None:
                    rows[place] = late
        return rows

    def release_row_of_key(self, key: int) -> int:
        """The release's own row of a key; -1 if the item is newer."""
        place = int(np.searchsorted(self._release.sorted_keys, key))
        known = place < self._release.n_rows and int(self._release.sorted_keys[place]) == key
        return int(self._release.key_order[place]) if known else -1

    def version_of(self, key: int) -> str | None:
        """The version that is held of an item: the overlay's, else the release's; None for an unknown one."""
        row = self._overlay.rows.get(key)
        if row is not None:
            return self._overlay.items[row - self._release.n_rows].version
        base = self.release_row_of_key(key)
        return str(self._release.versions[base]) if base >= 0 else None

    def is_deleted(self, row: int) -> bool:
        """Whether the item in a row was deleted since the release: the release itself holds none that were."""
        late = row - self._release.n_rows
        return late >= 0 and self._overlay.items[late].deleted

    def item_id(self, row: int) -> str:
        """The id of the item in a row."""
        late = row - self._release.n_rows
        return self._overlay.items[late].id if late >= 0 else self._release.ids[row].decode()

    def card(self, row: int) -> bytes:
        """The card of the item in a row, JSON."""
        late = row - self._release.n_rows
        return self._overlay.items[late].card if late >= 0 else self._release.cards[row]

    def show(self, rows: Sequence[int]) -> list[tuple[str, bytes]]:
        """Id and card of the items in ``rows``, in their order."""
        release = self._release
        if all(row < release.n_rows for row in rows):
            ids = map(bytes.decode, release.ids.take(rows))
            return list(zip(ids, release.cards.take(rows), strict=True))
        return [(self.item_id(row), self.card(row)) for row in rows]

    def put(self, item: CatalogueItem) -> int:
        """Take the newest state of an item into the overlay, into the row it has there or into a new one; gives that row."""
        overlay = self._overlay
        row = overlay.rows.get(item.key, self.n_rows)
        late = row - self._release.n_rows
        if row == self.n_rows:
            base = self.release_row_of_key(item.key)
            if base >= 0:
                self._listed[base] = False
            overlay.items.append(item)
            overlay.rows[item.key] = overlay.ids[item.id] = row
        else:
            self._leave_categories(row, overlay.items[late].categories)
            overlay.items[late] = item
        overlay.released.put(late, days_of(item.released_on))
        overlay.listed.put(late, item.listed)
        for category in item.categories:
            overlay.categories.setdefault(category, set()).add(row)
        return row

    def _leave_categories(self, row: int, categories: Sequence[str]) -> None:
        for category in set(categories):
            members = self._overlay.categories[category]
            members.discard(row)
            if not members:
                del self._overlay.categories[category]

    def allowed(self, filters: Filters) -> BoolArray:
        """Which rows pass: listed, and as the filters say; a new array of shape ``(n_rows,)``."""
        allowed = np.concatenate([self._listed, self._overlay.listed.view])
        if filters.categories:
            wanted = np.zeros(self.n_rows, np.bool_)
            self._mark(wanted, filters.categories, to=True)
            allowed &= wanted
        self._mark(allowed, filters.exclude_categories, to=False)
        if filters.released_from or filters.released_to:
            days = np.concatenate([self._release.released, self._overlay.released.view])
            allowed &= days != UNDATED
            if filters.released_from:
                allowed &= days >= days_of(filters.released_from)
            if filters.released_to:
                allowed &= days <= days_of(filters.released_to)
        for item_id in filters.exclude_items:
            row = self.row_of(item_id)
            if row is not None:
                allowed[row] = False
        return allowed

    def _mark(self, mask: BoolArray, categories: Iterable[str], *, to: bool) -> None:
        for category in categories:
            mask[self._release.category_rows.get(category, np.zeros(0, np.int64))] = to
            mask[list(self._overlay.categories.get(category, ()))] = to
