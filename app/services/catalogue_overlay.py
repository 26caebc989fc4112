"""The rows past a release's own: items created or changed since."""

from dataclasses import dataclass, field

import numpy as np

from app.engine.arrays import AnyArray, BoolArray
from app.engine.growing import GrowingArray
from app.services.catalogue_item import FACETS, NUMBERS, CatalogueItem, Facet


def _number_columns() -> dict[str, GrowingArray[np.generic]]:
    return {name: GrowingArray((), dtype) for name, dtype in NUMBERS.items()}


def _label_indices() -> dict[Facet, dict[str, set[int]]]:
    return {facet: {} for facet in FACETS}


@dataclass(slots=True)
class Overlay:
    """The items by their place among these rows. ``places`` finds the place of a key, ``ids`` of an id, ``labels`` those of a
    label; ``bases`` are the release's rows that items replace, -1 for a new item; ``n_changes`` counts what was taken in."""

    items: list[CatalogueItem] = field(default_factory=list[CatalogueItem])
    places: dict[int, int] = field(default_factory=dict[int, int])
    ids: dict[str, int] = field(default_factory=dict[str, int])
    labels: dict[Facet, dict[str, set[int]]] = field(default_factory=_label_indices)
    bases: GrowingArray[np.int64] = field(default_factory=lambda: GrowingArray((), np.int64))
    n_changes: int = 0
    _numbers: dict[str, GrowingArray[np.generic]] = field(default_factory=_number_columns)
    _listed: GrowingArray[np.bool_] = field(default_factory=lambda: GrowingArray((), np.bool_))

    @property
    def listed(self) -> BoolArray:
        """Which of these rows may be shown at all."""
        return self._listed.view

    def numbers(self, name: str) -> AnyArray:
        """A column of :data:`NUMBERS`."""
        return self._numbers[name].view

    def put(self, item: CatalogueItem, base: int) -> int:
        """Take the newest state of an item, into the place it has or into a new one; gives that place."""
        self.n_changes += 1
        place = self.places.get(item.key, len(self.items))
        if place == len(self.items):
            self.items.append(item)
            self.places[item.key] = self.ids[item.id] = place
        else:
            self._leave_labels(place, self.items[place])
            self.items[place] = item
        for facet, labels in item.labels.items():
            for label in labels:
                self.labels[facet].setdefault(label, set()).add(place)
        for name, value in item.numbers.items():
            self._numbers[name].put(place, value)
        self._listed.put(place, item.listed)
        self.bases.put(place, base)
        return place

    def _leave_labels(self, place: int, item: CatalogueItem) -> None:
        for facet, labels in item.labels.items():
            for label in labels:
                members = self.labels[facet][label]
                members.discard(place)
                if not members:
                    del self.labels[facet][label]
