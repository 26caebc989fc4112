"""From an item to the terms that describe it; the same in training and in serving.

Attributes become single terms with the field in front (``category:Comedy``), text becomes words (``text:prison``), and a
person's field names the role (``person.director:Jane Campion``). What is taken for its company becomes terms of its own: each
pair of categories (a comedy with horror is neither), and the years around a year. Nothing here knows a domain: what a film
calls keywords and a shop calls brand arrives under ``attributes``.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import combinations
from typing import Any

WORDS_OF_TEXT = 200
"""How many of the first words of a description count."""

WORDS_OF_A_NAME = 3
"""An attribute that is one text of more words is a sentence, a tagline say: its words count, for nothing else has it whole."""

NEARBY_YEARS = 4
"""A year counts as all years up to so many away, each a term: the nearer two items, the more of them they share."""

CATEGORIES_PAIRED = 8
"""Of an item in more categories than this only the first, in order, make pairs."""

_WORD = re.compile(r"[^\W_]+", re.UNICODE)


@dataclass(frozen=True, slots=True)
class Description:
    """What an item says about itself."""

    title: str
    text: str | None = None
    categories: Sequence[str] = ()
    tags: Sequence[str] = ()
    people: Sequence[Mapping[str, str]] = ()
    released_on: date | None = None
    language: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict[str, Any])


def item_terms(item: Description) -> list[str]:
    """The terms of an item, with repetitions; empty for an item that says nothing."""
    return [f"{name}:{value}" for name, value in _fields(item)]


def field_of(term: str) -> str:
    """The field a term belongs to."""
    return term.partition(":")[0]


def weight_of(field: str, weights: Mapping[str, float]) -> float:
    """How much a field weighs: ``person.director`` as such if it is named, else as ``person``; 0 for a field of no weight."""
    return weights.get(field, weights.get(field.partition(".")[0], 0.0))


def words(text: str) -> list[str]:
    """The words of a text, folded: case and accents do not matter, words of one letter are left out."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    return [w for w in _WORD.findall(plain) if len(w) > 1]


def _fields(item: Description) -> Iterator[tuple[str, str]]:
    yield from (("category", c) for c in item.categories)
    together = sorted(set(item.categories))[:CATEGORIES_PAIRED]
    yield from (("pair", f"{first}+{second}") for first, second in combinations(together, 2))
    yield from (("tag", t.casefold()) for t in item.tags)
    yield from ((_field_of_person(p), p["name"]) for p in item.people)
    yield from (("title", w) for w in words(item.title))
    yield from (("text", w) for w in words(item.text or "")[:WORDS_OF_TEXT])
    if item.released_on:
        year = item.released_on.year
        yield from (("year", str(near)) for near in range(year - NEARBY_YEARS, year + NEARBY_YEARS + 1))
    if item.language:
        yield "language", item.language
    for name, value in sorted(item.attributes.items()):
        for one in value if isinstance(value, list) else [value]:  # pyright: ignore[reportUnknownVariableType] - free JSON
            if isinstance(one, str) and (isinstance(value, list) or len(one.split()) <= WORDS_OF_A_NAME):
                yield "attribute", f"{name}={one.casefold()}"
            elif isinstance(one, str):
                yield from (("text", w) for w in words(one)[:WORDS_OF_TEXT])


def _field_of_person(person: Mapping[str, str]) -> str:
    role = person.get("role", "").casefold()
    return f"person.{role}" if role else "person"
