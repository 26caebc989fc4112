"""Popularity by group: what is taken more, or less, by users who share an attribute than by everybody."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from app.engine.arrays import FloatArray, RowArray

HalfArray = NDArray[np.float16]

FULLY_COUNTED = 3
"""Of up to so many groups the lifts are added up; of more, their mean times this: many attributes say the same again."""


class GroupPopularity:
    """The ``lifts`` of ``g`` groups, ``(g, n)`` float16: the logarithm of how many times as often their users take an item as
    everybody does, shrunk towards 0. ``names`` are those of :func:`group_name`, in the order of the lifts.

    ``bases`` ``(m,)`` are the rows of the release that the rows past it replace, -1 for new items, whose lift is 0.
    """

    def __init__(self, names: Sequence[bytes], lifts: HalfArray, bases: RowArray | None = None) -> None:
        self._places = {name: place for place, name in enumerate(names)}
        self._names = names
        self._lifts = lifts
        self._bases = bases

    def extended(self, bases: RowArray) -> "GroupPopularity":
        """The same with other rows at the end."""
        return GroupPopularity(self._names, self._lifts, bases)

    def find(self, attributes: Mapping[str, Any]) -> dict[str, int]:
        """The groups that somebody with these attributes is in: the place of each, by the attribute."""
        found: dict[str, int] = {}
        for attribute, value in attributes.items():
            place = self._places.get(group_name(attribute, value))
            if place is not None:
                found[attribute] = place
        return found

    def places(self, names: Sequence[bytes]) -> list[int]:
        """Where the groups of these names stand, without those that are not there."""
        return [self._places[name] for name in names if name in self._places]

    def lift(self, places: Sequence[int]) -> FloatArray:
        """The lift of every row for somebody in these groups, shape ``(n_rows,)``.

        The sum of the groups' lifts, as if attributes were independent given the item (naive Bayes), up to
        :data:`FULLY_COUNTED` of them."""
        own: FloatArray = self._lifts[list(places)].sum(axis=0, dtype=np.float32)
        if len(places) > FULLY_COUNTED:
            own *= np.float32(FULLY_COUNTED / len(places))
        if self._bases is None or len(self._bases) == 0:
            return own
        late = np.where(self._bases >= 0, own[self._bases] if len(own) else np.float32(0), np.float32(0))
        return np.concatenate([own, late])

    def at(self, place: int, row: int) -> float:
        """The lift of one group in one row."""
        n = self._lifts.shape[1]
        if row >= n:
            row = -1 if self._bases is None else int(self._bases[row - n])
        return float(self._lifts[place, row]) if row >= 0 else 0.0


def group_name(attribute: str, value: Any) -> bytes:
    """What tells a group apart: the JSON of the attribute and its value. 1 and 1.0 are the same; only text, numbers and booleans
    make groups, and anything else has a name that no group has."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return orjson.dumps([attribute, value])
