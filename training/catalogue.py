"""The catalogue's columns as arrays: what a worker needs of each item to find, filter and show it."""

from collections.abc import Sequence

import numpy as np

from app.engine.arrays import AnyArray
from app.engine.strings import StringTable
from app.services.cards import item_card
from app.services.catalogue import days_of
from training.data import ItemRecord


def catalogue_arrays(items: Sequence[ItemRecord]) -> dict[str, AnyArray]:
    """Arrays over the rows; ids are sorted by bytes, categories are numbered in the byte order of their names."""
    ids = StringTable.of(item.id for item in items)
    cards = StringTable.of(_card(item) for item in items)
    names = sorted({name.encode() for item in items for name in item.description.categories})
    numbers = {name: number for number, name in enumerate(names)}
    members: list[list[int]] = [[] for _ in names]
    for row, item in enumerate(items):
        for name in sorted(set(item.description.categories)):
            members[numbers[name.encode()]].append(row)
    categories = StringTable.of(names)
    offsets = np.zeros(len(names) + 1, np.int64)
    np.cumsum([len(rows) for rows in members], out=offsets[1:])
    return {
        "catalogue.ids.blob": ids.blob,
        "catalogue.ids.offsets": ids.offsets,
        "catalogue.keys": np.array([item.key for item in items], np.int64),
        "catalogue.versions": np.array([item.version for item in items], np.int64),
        "catalogue.cards.blob": cards.blob,
        "catalogue.cards.offsets": cards.offsets,
        "catalogue.categories.blob": categories.blob,
        "catalogue.categories.offsets": categories.offsets,
        "catalogue.category_rows": np.array([row for rows in members for row in rows], np.int64),
        "catalogue.category_offsets": offsets,
        "catalogue.released": np.array([days_of(item.description.released_on) for item in items], np.int32),
        "catalogue.hidden": np.array([item.hidden for item in items], np.bool_),
    }


def _card(item: ItemRecord) -> bytes:
    description = item.description
    return item_card(
        title=description.title,
        categories=description.categories,
        released_on=description.released_on,
        image_url=item.image_url,
    )
