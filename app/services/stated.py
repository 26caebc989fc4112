"""What users state themselves: what they like and dislike, hard limits, what they do not want to see; read with the history."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

import numpy as np
import orjson

from app.engine.arrays import NO_ROWS, RowArray
from app.services.filters import Filters

PARSED = 4_096
"""How many documents a worker keeps in the form that requests take."""


@dataclass(frozen=True, slots=True)
class Tastes:
    """Categories, names of people, and ids of items."""

    categories: Sequence[str] = ()
    people: Sequence[str] = ()
    items: Sequence[str] = ()

    def __bool__(self) -> bool:
        return bool(self.categories or self.people or self.items)


@dataclass(frozen=True, slots=True)
class HardLimits:
    """What a user must never be shown. An item whose duration, certificate or language is not known passes no limit on it."""

    max_duration: int | None = None
    certificates: Sequence[str] = ()
    languages: Sequence[str] = ()
    exclude_categories: Sequence[str] = ()

    def __bool__(self) -> bool:
        return bool(self.max_duration is not None or self.certificates or self.languages or self.exclude_categories)


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a user has stated, as it is stored: soft tastes either way, and hard limits."""

    liked: Tastes = field(default_factory=Tastes)
    disliked: Tastes = field(default_factory=Tastes)
    limits: HardLimits = field(default_factory=HardLimits)

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "Preferences":
        """From the form in which they are stored."""
        return cls(
            Tastes(**document.get("liked", {})),
            Tastes(**document.get("disliked", {})),
            HardLimits(**document.get("limits", {})),
        )


NO_PREFERENCES = Preferences()


@dataclass(frozen=True, slots=True)
class Suppressions:
    """What a user does not want to see, as it is stored: keys of items ``(n,)`` and categories, each with the time at which it
    may be shown again, in seconds since 1970; infinity for never."""

    keys: RowArray = field(default_factory=lambda: NO_ROWS)
    key_ends: Sequence[float] = ()
    categories: Sequence[str] = ()
    category_ends: Sequence[float] = ()

    @classmethod
    def of(cls, document: Mapping[str, float | None]) -> "Suppressions":
        """From the form in which they are stored."""
        ends = {subject: float("inf") if end is None else end for subject, end in document.items()}
        items = {int(subject[1:]): end for subject, end in ends.items() if subject[0] == "i"}
        categories = {subject[1:]: end for subject, end in ends.items() if subject[0] == "c"}
        keys = np.fromiter(items, np.int64, len(items))
        return cls(keys, tuple(items.values()), tuple(categories), tuple(categories.values()))

    def keys_at(self, now: float) -> RowArray:
        """The keys of the items that are suppressed at ``now``."""
        return self.keys[np.array(self.key_ends) > now] if self.key_ends else NO_ROWS

    def categories_at(self, now: float) -> list[str]:
        """The categories that are suppressed at ``now``."""
        return [name for name, end in zip(self.categories, self.category_ends, strict=True) if end > now]


NO_SUPPRESSIONS = Suppressions()


@dataclass(frozen=True, slots=True)
class Stated:
    """All that a user has stated, as it stands at the time of a request: what is suppressed is suppressed now. ``attributes``
    is JSON. Of a user who could not be read nothing is known, ``unread``: they may have limits."""

    preferences: Preferences = NO_PREFERENCES
    suppressed_keys: RowArray = field(default_factory=lambda: NO_ROWS)
    suppressed_categories: Sequence[str] = ()
    attributes: str | None = None
    unread: bool = False

    def narrow(self, filters: Filters) -> Filters:
        """The filters of a request, and besides them what this user must never be shown. For every list of one user."""
        limits = self.preferences.limits
        if not (limits or self.unread or self.suppressed_categories):
            return filters
        besides = Filters(
            exclude_categories=[*limits.exclude_categories, *self.suppressed_categories],
            max_duration=limits.max_duration,
            certificates=limits.certificates,
            languages=limits.languages,
            safe_for_all=self.unread,
            besides=filters.besides,
        )
        return replace(filters, besides=besides)


NOTHING_STATED = Stated()


def read_stated(wishes: bytes | None, attributes: bytes | None, now: datetime) -> Stated:
    """From the columns of the one statement that reads a user; None stands for nothing."""
    known = None if attributes is None else attributes.decode()
    if wishes is None:
        return NOTHING_STATED if known is None else Stated(attributes=known)
    preferences, suppressions = _parsed(wishes)
    at = now.timestamp()
    return Stated(preferences, suppressions.keys_at(at), suppressions.categories_at(at), known)


@lru_cache(maxsize=PARSED)
def _parsed(wishes: bytes) -> tuple[Preferences, Suppressions]:
    """Preferences and suppressions from their JSON. The same come again, for nobody asks for one list only."""
    preferences, suppressions = orjson.loads(wishes)
    return Preferences.of(preferences), Suppressions.of(suppressions)
