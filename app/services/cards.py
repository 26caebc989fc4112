"""Cards: the few fields of an item that lists show, as JSON that is made once and then only copied."""

import datetime as dt
from collections.abc import Sequence
from typing import Any, Literal

import orjson

CardField = Literal[
    "title",
    "categories",
    "released_on",
    "image_url",
    "description",
    "tags",
    "people",
    "duration_minutes",
    "certificate",
    "language",
    "url",
    "votes",
    "vote_mean",
    "attributes",
    "ratings",
]
"""What a list may show of an item; ``ratings`` are how many there are here and their mean."""

CARD: frozenset[CardField] = frozenset({"title", "categories", "released_on", "image_url"})
"""What it shows unless asked otherwise."""


def item_card(*, title: str, categories: Sequence[str], released_on: dt.date | None, image_url: str | None) -> bytes:
    """The card of an item: a JSON object."""
    return orjson.dumps(
        {"title": title, "categories": list(categories), "released_on": released_on, "image_url": image_url}
    )


def pick_fields(card: bytes, details: bytes, ratings: tuple[int, float], fields: Sequence[CardField]) -> bytes:
    """A card with these fields alone, from an item's card and its other fields, both JSON. ``ratings`` are how many there are and
    what they add up to."""
    known: dict[str, Any] = orjson.loads(card)
    if not CARD.issuperset(fields):
        count, total = ratings
        known |= orjson.loads(details)
        known["people"] = [{"name": person["name"], "role": person.get("role")} for person in known["people"]]
        known["ratings"] = {"count": count, "mean": total / count if count else None}
    return orjson.dumps({name: known[name] for name in fields})
