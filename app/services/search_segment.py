"""Some rows of a catalogue as the search holds them: titles and people, found by words and by likeness."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import orjson
from numpy.typing import NDArray

from app.engine.arrays import BoolArray, FloatArray, RowArray
from app.engine.strings import StringTable
from app.services.search_limits import LEAST_LIKENESS, MOST_NAMES, MOST_OF_PEOPLE, MOST_TITLES
from app.services.search_text import fold, telling_words
from app.services.trigram_index import TrigramIndex
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
    """How well each row matches, ``(n_rows,)`` and 0 for no match, and through which person, -1 for its title."""

    matches: FloatArray
    people: RowArray


@dataclass(frozen=True, slots=True)
class Alike:
    """Rows whose titles look like the query, and pairs of a row and the number of a person in it whose name does."""

    titles: RowArray
    rows: RowArray
    people: RowArray


class Texts:
    """Many titles, or names: as they are compared, by word and by trigram."""

    def __init__(self, texts: Iterable[str]) -> None:
        folded = [fold(text) for text in texts]
        telling = [" ".join(telling_words(text)) for text in folded]
        self.folded = StringTable.of(text.encode() for text in folded)
        self._lengths = np.fromiter(map(len, telling), np.float32, len(telling))
        self._words = WordIndex(folded)
        self._trigrams = TrigramIndex(telling)

    def __len__(self) -> int:
        return len(self._lengths)

    def holding(self, words: Sequence[str]) -> FloatArray:
        """How well each text matches: what it holds of the words, and more the less else it says."""
        held = self._words.match(words)
        found = np.flatnonzero(held >= LEAST_MATCH)
        said = sum(map(len, words)) + len(words) - 1
        covered = np.minimum(said / np.maximum(self._lengths[found], 1), 1) ** 3
        matches = np.zeros(len(self), np.float32)
        matches[found] = held[found] * (1 + np.float32(COVERED) * covered)
        return matches

    def like(self, text: str, most: int, allowed: BoolArray | None = None) -> RowArray:
        """The texts that look like this one, so many at the most: those with most of its trigrams, of these the shortest."""
        found, shares = self._trigrams.find(text, LEAST_LIKENESS)
        if allowed is not None:
            shares, found = shares[allowed[found]], found[allowed[found]]
        return found[np.lexsort((self._lengths[found], -shares))[:most]]


class Segment:
    """Some rows one after the other: ``cards`` are theirs, ``people`` the names with the rows of each, counted from the first."""

    def __init__(self, cards: Iterable[bytes], people: Iterable[tuple[str, Sequence[int] | RowArray]]) -> None:
        self.titles = Texts(str(orjson.loads(card)["title"]) for card in cards)
        names: list[str] = []
        rows: list[int] = []
        starts = [0]
        for name, members in people:
            names.append(name)
            rows.extend(members)
            starts.append(len(rows))
        self.names = StringTable.of(name.encode() for name in names)
        self.people = Texts(names)
        self._rows = np.array(rows, np.int32)
        self._starts = np.array(starts, np.int64)

    def __len__(self) -> int:
        return len(self.titles)

    def find(self, words: Sequence[str]) -> Found:
        """The rows that hold enough of the words."""
        matches = self.titles.holding(words)
        people = np.full(len(self), -1, np.int64)
        by_name = self.people.holding(words)
        found = np.flatnonzero(by_name)
        if len(found) > MOST_PEOPLE:
            # Of people who match as well as each other, those with the most items.
            counts = self._starts[found + 1] - self._starts[found]
            found = found[np.lexsort((-counts, -by_name[found]))[:MOST_PEOPLE]]
        for name in found[np.argsort(by_name[found], kind="stable")].tolist():
            rows = self._rows_of(name)
            match = by_name[name] * np.float32(PERSON_SHARE)
            better = rows[matches[rows] < match]
            matches[better] = match
            people[better] = name
        return Found(matches, people)

    def find_alike(self, text: str, allowed: BoolArray) -> Alike:
        """The allowed rows with a title or a person that looks like the text."""
        names: list[int] = self.people.like(text, MOST_NAMES).tolist()
        rows = [rows[allowed[rows]] for rows in map(self._rows_of, names)]
        of_rows = np.repeat(np.array(names, np.int64), [len(each) for each in rows])
        all_rows = np.concatenate([*rows, np.zeros(0, np.int32)]).astype(np.int64)
        titles = self.titles.like(text, MOST_TITLES, allowed)
        return Alike(titles, all_rows[:MOST_OF_PEOPLE], of_rows[:MOST_OF_PEOPLE])

    def _rows_of(self, name: int) -> NDArray[np.int32]:
        return self._rows[self._starts[name] : self._starts[name + 1]]
