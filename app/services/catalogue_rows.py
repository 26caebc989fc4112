"""The items that a worker holds, row by row: the artifact's columns and an overlay of what changed since.

A changed item has one row in the overlay, however often it changes, and its row in the release is no longer listed. Everything
here belongs to the event loop: a request uses it between two awaits, so nothing changes under its hands.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from app.engine.arrays import DoubleArray, RowArray
from app.services.cards import CardField, pick_fields
from app.services.catalogue_columns import ReleaseColumns
from app.services.catalogue_item import CatalogueItem
from app.services.catalogue_overlay import Overlay

Number = TypeVar("Number", bound=np.generic)


class CatalogueRows:
    """Finds items by row, key and id, shows them, and holds what is known of all of them as columns."""

    def __init__(self, release: ReleaseColumns) -> None:
        self._release = release
        self._listed = release.listed.copy()
        self._overlay = Overlay()
        self._forget()

    def _forget(self) -> None:
        """Drop what was worked out for all rows together."""
        self._columns: dict[str, Any] = {}

    @property
    def n_rows(self) -> int:
        """Rows of the release and of the overlay."""
        return self._release.n_rows + len(self._overlay.items)

    @property
    def n_overlay(self) -> int:
        """Rows of the overlay alone."""
        return len(self._overlay.items)

    @property
    def release(self) -> ReleaseColumns:
        """The rows of the release as it was made."""
        return self._release

    @property
    def overlay(self) -> Overlay:
        """The rows after them."""
        return self._overlay

    def key_of(self, row: int) -> int:
        """The key of the item in a row."""
        late = row - self._release.n_rows
        return self._overlay.items[late].key if late >= 0 else int(self._release.keys[row])

    def row_of(self, item_id: str) -> int | None:
        """The row of an item, hidden and deleted ones too; None for an unknown id."""
        place = self._overlay.ids.get(item_id)
        return self._release.ids.find(item_id.encode()) if place is None else self._release.n_rows + place

    def rows_of_keys(self, keys: RowArray) -> RowArray:
        """The rows of many keys, shape as given; -1 for unknown ones."""
        release = self._release
        rows = np.full(len(keys), -1, np.int64)
        if release.n_rows:
            places = np.minimum(np.searchsorted(release.sorted_keys, keys), release.n_rows - 1)
            known = release.sorted_keys[places] == keys
            rows[known] = release.key_order[places[known]]
        if self._overlay.places:
            for i, key in enumerate(cast("list[int]", keys.tolist())):
                late = self._overlay.places.get(key)
                if late is not None:
                    rows[i] = release.n_rows + late
        return rows

    def release_row_of_key(self, key: int) -> int:
        """The release's own row of a key; -1 if the item is newer."""
        place = int(np.searchsorted(self._release.sorted_keys, key))
        known = place < self._release.n_rows and int(self._release.sorted_keys[place]) == key
        return int(self._release.key_order[place]) if known else -1

    def version_of(self, key: int) -> str | None:
        """The version that is held of an item: the overlay's, else the release's; None for an unknown one."""
        place = self._overlay.places.get(key)
        if place is not None:
            return self._overlay.items[place].version
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

    def keys_of(self, rows: RowArray) -> RowArray:
        """The keys of the items in ``rows``, in their order."""
        n_release = self._release.n_rows
        if not self._overlay.items:
            return self._release.keys[rows]
        keys = np.empty(len(rows), np.int64)
        late = rows >= n_release
        keys[~late] = self._release.keys[rows[~late]]
        places: list[int] = (rows[late] - n_release).tolist()
        keys[late] = [self._overlay.items[place].key for place in places]
        return keys

    def details(self, row: int) -> bytes:
        """What lists may show of the item in a row beside its card, JSON."""
        late = row - self._release.n_rows
        return self._overlay.items[late].details if late >= 0 else self._release.details[row]

    def show(self, rows: Sequence[int], fields: Sequence[CardField] | None = None) -> list[tuple[str, bytes]]:
        """Id and card of the items in ``rows``, in their order; the card has these fields, or those of every card."""
        release = self._release
        if fields is not None:
            counts, sums = self.rating_counts, self.rating_sums
            return [
                (
                    self.item_id(row),
                    pick_fields(self.card(row), self.details(row), (int(counts[row]), float(sums[row])), fields),
                )
                for row in rows
            ]
        if all(row < release.n_rows for row in rows):
            ids = map(bytes.decode, release.ids.take(rows))
            return list(zip(ids, release.cards.take(rows), strict=True))
        return [(self.item_id(row), self.card(row)) for row in rows]

    def put(self, item: CatalogueItem) -> int:
        """Take the newest state of an item into the overlay, into the row it has there or into a new one; gives that row."""
        base = self.release_row_of_key(item.key)
        if base >= 0:
            self._listed[base] = False
        place = self._overlay.put(item, base)
        self._forget()
        return self._release.n_rows + place

    def is_listed(self, row: int) -> bool:
        """Whether the item in a row is neither hidden nor deleted."""
        late = row - self._release.n_rows
        return bool(self._overlay.listed[late] if late >= 0 else self._listed[row])

    def numbers(self, name: str) -> Any:
        """A column of :data:`~app.services.catalogue_item.NUMBERS`, ``(n_rows,)``; not to be written to."""
        own = self._release.numbers[name]
        return self._whole(name, lambda: np.concatenate([own, self._overlay.numbers(name)]), own)

    @property
    def rating_counts(self) -> RowArray:
        """How many ratings each item has, ``(n_rows,)``: when the release was made, none for an item that is newer."""
        own = self._release.rating_counts
        return self._whole("rating_counts", lambda: self._lent(own), own)

    @property
    def rating_sums(self) -> DoubleArray:
        """What these ratings add up to."""
        own = self._release.rating_sums
        return self._whole("rating_sums", lambda: self._lent(own), own)

    def _lent(self, own: NDArray[Number]) -> NDArray[Number]:
        """A column that only the release has: a changed item has what its row there has, a new one 0."""
        bases = self._overlay.bases.view
        late = np.zeros(len(bases), own.dtype)
        late[bases >= 0] = own[bases[bases >= 0]]
        return np.concatenate([own, late])

    def _whole(self, name: str, make: Callable[[], Any], own: Any = None) -> Any:
        """What ``make`` gives, kept until an item changes; ``own``, if given, while there is no overlay."""
        if own is not None and not self._overlay.items:
            return own
        if name not in self._columns:
            self._columns[name] = make()
        return self._columns[name]
