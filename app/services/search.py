"""Search: titles and people that answer a query, in the order of how well they do and of how well they suit the user."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
import orjson

from app.engine.arrays import BoolArray, RowArray
from app.services.catalogue import Catalogue
from app.services.live_engine import Serving
from app.services.search_candidates import Candidate
from app.services.search_index import Found
from app.services.search_text import Query
from app.services.suiting import NEARLY, Suiting
from app.services.text_match import Quality, TextMatch, match_text

POOL = 200
"""How many of the rows that hold the words are compared in full."""
PERSON_LESS = 0.02
"""A title is before a person who matches as well."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One item that was found. ``by`` says whether by its title or by ``person``; ``card`` is JSON."""

    key: int
    item_id: str
    score: float
    card: bytes
    by: Literal["title", "person"]
    quality: Quality
    person: str | None = None


@dataclass(frozen=True, slots=True)
class Hits:
    """What was found, best first, ``offset`` items after the first of all; ``more`` are the keys of those that come after."""

    items: Sequence[Hit]
    more: Sequence[int]
    offset: int
    release: str | None
    as_of: datetime
    degraded: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a catalogue for a query: what was found in memory, what may be shown, and how well each row suits."""

    catalogue: Catalogue
    query: Query
    found: Found
    allowed: BoolArray
    suiting: Suiting

    @classmethod
    def at(cls, serving: Serving, query: Query, allowed: BoolArray, suiting: Suiting) -> "Look":
        """A look at what is served now."""
        return cls(serving.catalogue, query, serving.search.find(query.words), allowed, suiting)

    def rank(self, candidates: Sequence[Candidate]) -> list[Hit]:
        """Everything that was found in memory, and the database's candidates, best first."""
        hits = [self._hit(row, names) for row, names in self._people_by_row(candidates).items()]
        return sorted((hit for hit in hits if hit is not None), key=lambda hit: (-hit.score, hit.key))

    def go_on(self, keys: Sequence[int]) -> Iterable[Hit]:
        """The hits of these keys in their order, without those that may not be shown any more."""
        rows: list[int] = self.catalogue.rows_of_keys(np.array(keys, np.int64)).tolist()
        for row in rows:
            if row >= 0 and self.allowed[row]:
                details = orjson.loads(self.catalogue.details(row))
                hit = self._hit(row, {person["name"] for person in details["people"]}, held=True)
                if hit is not None:
                    yield hit

    def _best_rows(self) -> RowArray:
        """The :data:`POOL` best of the rows that were found in memory."""
        rows = np.flatnonzero(self.allowed & (self.found.matches > 0))
        if len(rows) > POOL:
            worth = self.found.matches[rows] + np.float32(NEARLY) * self.suiting.values[rows]
            rows = rows[np.argpartition(-worth, POOL)[:POOL]]
        return rows

    def _people_by_row(self, candidates: Sequence[Candidate]) -> Mapping[int, set[str]]:
        """The rows to compare, with the people through whom each was found."""
        numbers: list[int] = self._best_rows().tolist()
        people = {row: set(self._person_of(row)) for row in numbers}
        keys = np.array([candidate.key for candidate in candidates], np.int64)
        known: list[int] = self.catalogue.rows_of_keys(keys).tolist()
        for candidate, row in zip(candidates, known, strict=True):
            if row >= 0 and self.allowed[row]:
                names = people.setdefault(row, set(self._person_of(row)))
                if candidate.person is not None:
                    names.add(candidate.person)
        return people

    def _person_of(self, row: int) -> list[str]:
        number = int(self.found.people[row])
        return [self.found.person(number)] if number >= 0 else []

    def _hit(self, row: int, names: set[str], *, held: bool = False) -> Hit | None:
        card = self.catalogue.card(row)
        held = held or float(self.found.matches[row]) > 0
        best = best_match(self.query, str(orjson.loads(card)["title"]), names, held=held)
        if best is None:
            return None
        match, person = best
        weight = self.suiting.weight * (NEARLY if match.quality == "similar" else 1.0)
        score = match.score + weight * float(self.suiting.values[row])
        by: Literal["title", "person"] = "title" if person is None else "person"
        catalogue = self.catalogue
        return Hit(catalogue.key_of(row), catalogue.item_id(row), score, card, by, match.quality, person)


def best_match(query: Query, title: str, names: set[str], *, held: bool) -> tuple[TextMatch, str | None] | None:
    """How an item answers the query best: by its title (None), or by which of these people; None where it does not.

    An item that holds the words (``held``), with their typos, answers it in any case.
    """
    matches: list[tuple[TextMatch, str | None]] = []
    for name in [None, *sorted(names)]:
        match = match_text(query, title if name is None else name)
        if match is not None:
            less = 0.0 if name is None else PERSON_LESS
            matches.append((TextMatch(match.quality, match.score - less), name))
    if matches:
        return max(matches, key=lambda each: each[0].score)
    return (TextMatch("similar", 1.0), None) if held else None
