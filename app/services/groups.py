"""The groups that a user is in by their attributes, for whoever has no history to go by."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from app.engine.arrays import FloatArray
from app.engine.group_popularity import GroupPopularity

TELLING_LIFT = 0.1
"""From which lift on an item is said to be popular in a group: a tenth more than with everybody."""


@dataclass(frozen=True, slots=True)
class OwnGroup:
    """An attribute of the user and its value as text."""

    attribute: str
    value: str


@dataclass(frozen=True, slots=True)
class OwnGroups:
    """The groups of one user: the place of each by its attribute, and what they lift every row by, ``(n_rows,)``."""

    lift: FloatArray
    popularity: GroupPopularity
    places: Mapping[str, int]
    attributes: Mapping[str, Any]

    def strongest(self, row: int) -> OwnGroup | None:
        """The group that takes the item most, compared with everybody; None where none takes it noticeably more."""
        lifts = {attribute: self.popularity.at(place, row) for attribute, place in self.places.items()}
        attribute = max(lifts, key=lambda each: lifts[each])
        if lifts[attribute] < TELLING_LIFT:
            return None
        value = self.attributes[attribute]
        return OwnGroup(attribute, value if isinstance(value, str) else orjson.dumps(value).decode())


def own_groups(popularity: GroupPopularity | None, attributes: str | None) -> OwnGroups | None:
    """The groups of a user with these attributes, which are JSON; None where the release knows none of them."""
    if popularity is None or attributes is None:
        return None
    known: dict[str, Any] = orjson.loads(attributes)
    places = popularity.find(known)
    if not places:
        return None
    return OwnGroups(popularity.lift(list(places.values())), popularity, places, known)
