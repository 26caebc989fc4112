"""What the catalogue keeps of an item, made the same way in training and for what changed since."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import orjson

from app.services.cards import item_card
from app.services.filters import language_ranges

UNDATED = np.iinfo(np.int32).min
UNTIMED = -1
"""The duration of an item that says none."""

_EPOCH = dt.date(1970, 1, 1)

Facet = Literal["categories", "tags", "people", "certificates", "languages"]
FACETS: tuple[Facet, ...] = get_args(Facet)

NUMBERS: Mapping[str, type[np.generic]] = {
    "released": np.int32,
    "durations": np.int32,
    "available_from": np.float64,
    "available_until": np.float64,
    "added": np.float64,
    "safe_for_all": np.bool_,
    "votes": np.int64,
    "vote_means": np.float64,
}
"""The columns of numbers, one an item: ``released`` in days since 1970 (:data:`UNDATED`), ``durations`` in minutes
(:data:`UNTIMED`), times in seconds since 1970 (infinite where there is no limit), ``vote_means`` as they came (NaN for none)."""


def days_of(date: dt.date | None) -> int:
    """Days since 1970, :data:`UNDATED` for None."""
    return UNDATED if date is None else (date - _EPOCH).days


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """An item as it is stored."""

    title: str
    categories: Sequence[str]
    released_on: dt.date | None
    image_url: str | None
    description: str | None
    tags: Sequence[str]
    people: Sequence[Mapping[str, str]]
    duration_minutes: int | None
    certificate: str | None
    language: str | None
    url: str | None
    votes: int | None
    vote_mean: float | None
    attributes: Mapping[str, Any]
    available_from: dt.datetime | None
    available_until: dt.datetime | None
    safe_for_all: bool
    created_at: dt.datetime | None

    @property
    def card(self) -> bytes:
        """The few fields that every list shows, JSON."""
        return item_card(
            title=self.title, categories=self.categories, released_on=self.released_on, image_url=self.image_url
        )

    @property
    def details(self) -> bytes:
        """The other fields that a list may show, JSON."""
        return orjson.dumps(
            {
                "description": self.description,
                "tags": list(self.tags),
                "people": list(self.people),
                "duration_minutes": self.duration_minutes,
                "certificate": self.certificate,
                "language": self.language,
                "url": self.url,
                "votes": self.votes,
                "vote_mean": self.vote_mean,
                "attributes": self.attributes,
            }
        )

    @property
    def labels(self) -> dict[Facet, list[str]]:
        """The labels by which an item is found, each once."""
        return {
            "categories": sorted(set(self.categories)),
            "tags": sorted(set(self.tags)),
            "people": sorted({person["name"] for person in self.people}),
            "certificates": [self.certificate] if self.certificate else [],
            "languages": language_ranges(self.language) if self.language else [],
        }

    @property
    def numbers(self) -> dict[str, float]:
        """The item's entries in the columns of :data:`NUMBERS`."""
        return {
            "released": days_of(self.released_on),
            "durations": UNTIMED if self.duration_minutes is None else self.duration_minutes,
            "available_from": -np.inf if self.available_from is None else self.available_from.timestamp(),
            "available_until": np.inf if self.available_until is None else self.available_until.timestamp(),
            "added": 0.0 if self.created_at is None else self.created_at.timestamp(),
            "safe_for_all": self.safe_for_all,
            "votes": self.votes or 0,
            "vote_means": np.nan if self.vote_mean is None else self.vote_mean,
        }


@dataclass(frozen=True, slots=True)
class CatalogueItem:
    """One item as the overlay takes it; ``version`` tells two states of it apart, the rest is as :class:`ItemFacts` has it."""

    key: int
    id: str
    card: bytes
    details: bytes
    labels: Mapping[Facet, Sequence[str]]
    numbers: Mapping[str, float]
    listed: bool
    deleted: bool
    version: str
