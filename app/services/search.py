"""Search: titles and people that answer a query, in the order of how well they do and of how well they suit the user."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

import numpy as np
import orjson

from app.engine.arrays import NO_ROWS, BoolArray, DoubleArray, RowArray
from app.services.cards import CardField
from app.services.catalogue import Catalogue
from app.services.frozen_lists import MOST_ITEMS, Page
from app.services.live_engine import Serving
from app.services.reasons import Reason
from app.services.recommendations import ListRequest
from app.services.search_index import SearchIndex
from app.services.search_limits import SHORTEST_COMPARED
from app.services.search_segment import Found
from app.services.search_text import Query, fold
from app.services.suiting import NEARLY, Suiting
from app.services.text_match import Quality, TextMatch, match_texts

POOL = 200
"""How many of the rows that hold the words are compared in full."""
ENOUGH = 100
"""Where so many hold the words nothing is looked for that only looks like them. It is the length of the longest page, whatever is
asked for: that must not decide what is found."""
HOLDING = 0.4
"""What it counts, for a text that is only similar, that it holds the words with their typos."""
PERSON_LESS = 0.02
"""A title is before a person who matches as well."""
_HELD: "Answer" = (TextMatch("similar", 1.0), None)
"""How an item answers that holds the words, with their typos, in a text that does not look like the query at all."""


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """What is searched for, and what is wanted of the list; ``page`` is a later one of it. ``vote_share`` brings votes to the
    scale of the ratings."""

    query: Query
    wishes: ListRequest
    page: Page | None
    vote_share: float


@dataclass(frozen=True, slots=True)
class Hit:
    """One item that was found. ``by`` says whether by its title or by ``person``; ``card`` is JSON. What the score is made of,
    what of a user's history speaks for the item, and the stars they would give it, are there when asked for."""

    key: int
    item_id: str
    score: float
    card: bytes
    by: Literal["title", "person"]
    quality: Quality
    person: str | None = None
    contributions: Mapping[str, float] | None = None
    reasons: Sequence[Reason] | None = None
    predicted_rating: float | None = None


@dataclass(frozen=True, slots=True)
class Hits:
    """A page of what was found, best first. ``rank`` is that of its first item, ``following`` are the keys of those that come
    after."""

    items: Sequence[Hit]
    release: str | None
    as_of: datetime
    degraded: Sequence[str] = ()
    rank: int = 1
    following: RowArray = field(default_factory=lambda: NO_ROWS)


Answer = tuple[TextMatch, str | None]
"""How an item answers a query, and through whom; None for its title."""


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a catalogue for a query: what was found by its words, what may be shown, and how well each row suits."""

    catalogue: Catalogue
    index: SearchIndex
    query: Query
    found: Found
    allowed: BoolArray
    suiting: Suiting
    fields: Sequence[CardField] | None
    explain: bool

    @classmethod
    def at(cls, serving: Serving, request: SearchRequest, allowed: BoolArray, suiting: Suiting) -> "Look":
        """A look at what is served now."""
        query, found = request.query, serving.search.find(request.query.words)
        shown = request.wishes.fields, request.wishes.explain
        return cls(serving.catalogue, serving.search, query, found, allowed, suiting, *shown)

    def rank(self, limit: int) -> tuple[list[Hit], RowArray]:
        """The first ``limit`` hits, and the keys of those that follow. What only looks like the query is looked for where fewer
        than :data:`ENOUGH` hold its words."""
        rows = np.flatnonzero(self.allowed & (self.found.matches > 0))
        if len(rows) > POOL:
            worth = self.found.matches[rows] + np.float32(NEARLY) * self.suiting.values[rows]
            rows = rows[np.argpartition(-worth, POOL)[:POOL]]
        people = self._people_in(rows)
        if len(rows) < ENOUGH and len(self.query.telling) >= SHORTEST_COMPARED:
            alike = self.index.find_alike(self.query.telling, self.allowed)
            for row, person in zip(alike.rows.tolist(), alike.people.tolist(), strict=True):
                people.setdefault(row, set()).add(person)
            rows = np.unique(np.concatenate([rows, alike.titles, alike.rows]))
        return self._cut(rows, people, limit)

    def go_on(self, rows: RowArray) -> list[Hit]:
        """The hits in these rows, which were found before, in their order."""
        numbers: list[int] = rows.tolist()
        people = [[person["name"] for person in orjson.loads(self.catalogue.details(row))["people"]] for row in numbers]
        names = [[(name, fold(name)) for name in sorted(set(each))] for each in people]
        answers = answer_query(self.query, self.index.titles(numbers), names)
        how: list[Answer] = [answer or _HELD for answer in answers]
        return self._hits(rows, how)

    def _people_in(self, rows: RowArray) -> dict[int, set[int]]:
        """Through whom each of the rows was found, by number."""
        through = self.found.people[rows]
        named = through >= 0
        return {row: {person} for row, person in zip(rows[named].tolist(), through[named].tolist(), strict=True)}

    def _cut(self, rows: RowArray, people: Mapping[int, set[int]], limit: int) -> tuple[list[Hit], RowArray]:
        """The best ``limit`` of the rows, and the keys of the others that answer the query, best first."""
        numbers: list[int] = rows.tolist()
        named = sorted({person for row in numbers for person in people.get(row, ())})
        known = dict(zip(named, self.index.names(named), strict=True))
        names = [[known[person] for person in sorted(people.get(row, ()))] for row in numbers]
        answers = answer_query(self.query, self.index.titles(numbers), names)
        held: list[bool] = (self.found.matches[rows] > 0).tolist()
        kept: list[tuple[int, Answer]] = [
            (place, answer or _HELD) for place, answer in enumerate(answers) if answer is not None or held[place]
        ]
        rows = rows[[place for place, _ in kept]]
        hits: list[Answer] = [answer for _, answer in kept]
        keys = self.catalogue.keys_of(rows)
        order = np.lexsort((keys, -self._scores(rows, hits)))
        best: list[int] = order[:limit].tolist()
        return self._hits(rows[best], [hits[place] for place in best]), keys[order[limit:MOST_ITEMS]]

    def _scores(self, rows: RowArray, answers: Sequence[Answer]) -> DoubleArray:
        """How well the rows match and suit."""
        matches, suits = self._parts(rows, answers)
        return matches + suits

    def _parts(self, rows: RowArray, answers: Sequence[Answer]) -> tuple[DoubleArray, DoubleArray]:
        """How well the rows match, and how well they suit. Where a text matches nearly the match counts more, and with it what
        the text holds of the words: a word with a typo says more than letters here and there."""
        nearly = np.array([match.quality == "similar" for match, _ in answers], np.bool_)
        matches = np.array([match.score for match, _ in answers], np.float64)
        suits = self.suiting.weight * self.suiting.values[rows].astype(np.float64)
        return matches + np.where(nearly, HOLDING * self.found.matches[rows], 0), np.where(
            nearly, NEARLY * suits, suits
        )

    def _hits(self, rows: RowArray, answers: Sequence[Answer]) -> list[Hit]:
        catalogue = self.catalogue
        keys: list[int] = catalogue.keys_of(rows).tolist()
        matches, suits = self._parts(rows, answers)
        scores: list[float] = (matches + suits).tolist()
        shown = catalogue.show(rows.tolist(), self.fields)
        hits = [
            Hit(key, item_id, score, card, "title" if person is None else "person", match.quality, person)
            for key, (item_id, card), score, (match, person) in zip(keys, shown, scores, answers, strict=True)
        ]
        if not self.explain:
            return hits
        parts = zip(hits, matches.tolist(), suits.tolist(), strict=True)
        return [
            replace(hit, contributions={"match": match, self.suiting.source: suit}, reasons=())
            for hit, match, suit in parts
        ]


def answer_query(
    query: Query, titles: Sequence[str], names: Sequence[Sequence[tuple[str, str]]]
) -> list[Answer | None]:
    """How each item answers a query best: by its folded title, or by one of these people, as they are written and folded; None
    where it does not."""
    people = {name: folded for each in names for name, folded in each}
    matches = match_texts(query, [*titles, *people.values()])
    by_name = dict(zip(people, matches[len(titles) :], strict=True))
    answers: list[Answer | None] = []
    for title, each in zip(matches, names, strict=False):
        best: Answer | None = None if title is None else (title, None)
        for name, _ in each:
            match = by_name[name]
            if match is not None and (best is None or match.score - PERSON_LESS > best[0].score):
                best = TextMatch(match.quality, match.score - PERSON_LESS), name
        answers.append(best)
    return answers
