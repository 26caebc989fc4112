"""The titles and people of a catalogue in memory, found by words that may be begun or misspelt."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import orjson
from numpy.typing import NDArray

from app.engine.arrays import FloatArray, RowArray
from app.engine.engine import Engine
from app.engine.history import EMPTY
from app.services.catalogue import Catalogue
from app.services.search_text import fold
from app.services.suiting import Suiting
from app.services.word_index import WordIndex

LEAST_MATCH = 0.6
"""How much of the query a text must hold to be found: two words of three, or every word with a typo."""
MOST_PEOPLE = 200
COVERED = 0.5
"""What a text that says nothing but the query counts beside one that only holds it."""
PERSON_SHARE = 0.98
"""A title is before a person who matches as well."""


@dataclass(frozen=True, slots=True)
class Found:
    """How well each row matches, ``(n_rows,)`` and 0 for no match, and through which person, -1 for its title: a number that
    ``person`` turns into the name."""

    matches: FloatArray
    people: NDArray[np.int32]
    person: Callable[[int], str]


class Segment:
    """Some rows one after the other: ``cards`` are theirs, ``people`` the names with the rows of each, counted from the first."""

    def __init__(self, cards: Iterable[bytes], people: Iterable[tuple[str, Sequence[int] | RowArray]]) -> None:
        self._titles = WordIndex(fold(str(orjson.loads(card)["title"])) for card in cards)
        names: list[str] = []
        rows: list[int] = []
        starts = [0]
        for name, members in people:
            names.append(name)
            rows.extend(members)
            starts.append(len(rows))
        self._names = names
        self._rows = np.array(rows, np.int32)
        self._starts = np.array(starts, np.int64)
        self._people = WordIndex(map(fold, names))

    def __len__(self) -> int:
        return len(self._titles)

    def find(self, words: Sequence[str]) -> Found:
        """The rows that hold enough of the words."""
        matches = _covered(self._titles, words)
        people = np.full(len(self), -1, np.int32)
        by_name = _covered(self._people, words)
        found = np.flatnonzero(by_name)
        if len(found) > MOST_PEOPLE:
            # Of people who match as well as each other, those with the most items.
            counts = self._starts[found + 1] - self._starts[found]
            found = found[np.lexsort((-counts, -by_name[found]))[:MOST_PEOPLE]]
        for name in found[np.argsort(by_name[found], kind="stable")].tolist():
            rows = self._rows[self._starts[name] : self._starts[name + 1]]
            match = by_name[name] * np.float32(PERSON_SHARE)
            better = rows[matches[rows] < match]
            matches[better] = match
            people[better] = name
        return Found(matches, people, self._names.__getitem__)


def _covered(index: WordIndex, words: Sequence[str]) -> FloatArray:
    """How well each text matches: what it holds of the words, and more the less else it says."""
    held = index.match(words)
    said = sum(map(len, words)) + len(words) - 1
    covered = np.minimum(said / np.maximum(index.lengths, 1), 1) ** 3
    return np.where(held >= LEAST_MATCH, held + np.float32(COVERED) * held * covered, 0).astype(np.float32)


def join(release: Found, late: Found) -> Found:
    """What was found in two segments, of which one follows the other."""
    n_names = int(np.int32(2**30))
    shifted = np.where(late.people >= 0, late.people + n_names, -1).astype(np.int32)

    def person(number: int) -> str:
        return late.person(number - n_names) if number >= n_names else release.person(number)

    return Found(np.concatenate([release.matches, late.matches]), np.concatenate([release.people, shifted]), person)


class SearchIndex:
    """The search over a catalogue: the release's rows, looked at once, and those that came since, looked at when they change."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        columns = catalogue.release
        people = columns.labels["people"]
        bounds = zip(people.starts[:-1].tolist(), people.starts[1:].tolist(), strict=True)
        named = zip(people.names, bounds, strict=True)
        self._release = Segment(columns.cards, ((name.decode(), people.rows[low:high]) for name, (low, high) in named))
        self._late = Segment((), ())
        self._seen_changes = 0
        self._common: tuple[Engine, Suiting] | None = None

    def common_suiting(self, engine: Engine) -> Suiting:
        """How well each row suits everybody, by what is popular; kept until another engine is given."""
        if self._common is None or self._common[0] is not engine:
            self._common = engine, Suiting.of(engine.score(EMPTY).total, personal=False)
        return self._common[1]

    def find(self, words: Sequence[str]) -> Found:
        """The rows of the catalogue that hold enough of the words."""
        found = self._release.find(words)
        overlay = self._catalogue.overlay
        if self._seen_changes != overlay.n_changes:
            self._seen_changes = overlay.n_changes
            people = ((name, list(places)) for name, places in overlay.labels["people"].items())
            self._late = Segment((item.card for item in overlay.items), people)
        return join(found, self._late.find(words)) if len(self._late) else found
