"""The titles and people of a catalogue in memory, found by words that may be begun or misspelt, and by how alike they look."""

from collections.abc import Iterable, Sequence
from operator import is_

import numpy as np

from app.engine.arrays import BoolArray
from app.engine.engine import Engine
from app.engine.history import EMPTY
from app.services.catalogue import Catalogue
from app.services.catalogue_item import CatalogueItem
from app.services.search_segment import Alike, Found, Segment
from app.services.suiting import Suiting

BLOCK = 1_000
"""How many of the rows that came since the release are looked at anew when one of them changes."""
_NAMES = 1 << 24
"""A person's number is their place among the names of a segment, and the segment's place times this."""


class SearchIndex:
    """The search over a catalogue: the release's rows, looked at once, and those that came since, block by block as they change.

    At 100,000 titles and 57,000 people it takes about 40 MB of a process.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        columns = catalogue.release
        people = columns.labels["people"]
        bounds = zip(people.starts[:-1].tolist(), people.starts[1:].tolist(), strict=True)
        named = zip(people.names, bounds, strict=True)
        release = Segment(columns.cards, ((name.decode(), people.rows[low:high]) for name, (low, high) in named))
        self._segments = [release]
        self._starts = [0]
        self._blocks: list[Sequence[CatalogueItem]] = []
        self._seen_changes = 0
        self._common: tuple[Engine, Suiting] | None = None

    def common_suiting(self, engine: Engine) -> Suiting:
        """How well each row suits everybody, by what is popular; kept until another engine is given."""
        if self._common is None or self._common[0] is not engine:
            self._common = engine, Suiting.of(engine.score(EMPTY).total, personal=False)
        return self._common[1]

    def find(self, words: Sequence[str]) -> Found:
        """The rows of the catalogue that hold enough of the words."""
        self._follow()
        found = [segment.find(words) for segment in self._segments]
        if len(found) == 1:
            return found[0]
        people = [np.where(each.people >= 0, each.people + i * _NAMES, -1) for i, each in enumerate(found)]
        return Found(np.concatenate([each.matches for each in found]), np.concatenate(people))

    def find_alike(self, text: str, allowed: BoolArray) -> Alike:
        """The allowed rows of the catalogue with a title or a person that looks like the text."""
        self._follow()
        found: list[Alike] = []
        for number, (segment, start) in enumerate(zip(self._segments, self._starts, strict=True)):
            alike = segment.find_alike(text, allowed[start : start + len(segment)])
            found.append(Alike(alike.titles + start, alike.rows + start, alike.people + number * _NAMES))
        if len(found) == 1:
            return found[0]
        return Alike(
            *(np.concatenate(parts) for parts in zip(*((a.titles, a.rows, a.people) for a in found), strict=True))
        )

    def titles(self, rows: Sequence[int]) -> list[str]:
        """The folded titles of these rows."""
        if len(self._segments) == 1:
            return [title.decode() for title in self._segments[0].titles.folded.take(rows)]
        titles: list[str] = []
        for row in rows:
            late = row - len(self._segments[0])
            number = 0 if late < 0 else 1 + late // BLOCK
            titles.append(self._segments[number].titles.folded[row - self._starts[number]].decode())
        return titles

    def names(self, people: Iterable[int]) -> list[tuple[str, str]]:
        """The names of the people of these numbers, as they are written and folded."""
        split = ((self._segments[number // _NAMES], number % _NAMES) for number in people)
        return [(segment.names[place].decode(), segment.people.folded[place].decode()) for segment, place in split]

    def _follow(self) -> None:
        """Look at the blocks of the overlay that have changed since the last look."""
        overlay = self._catalogue.overlay
        if self._seen_changes == overlay.n_changes:
            return
        self._seen_changes = overlay.n_changes
        for number, start in enumerate(range(0, len(overlay.items), BLOCK)):
            items = overlay.items[start : start + BLOCK]
            if number < len(self._blocks):
                held = self._blocks[number]
                if len(held) == len(items) and all(map(is_, held, items)):
                    continue
                self._blocks[number], self._segments[number + 1] = items, _segment_of(items)
            else:
                self._blocks.append(items)
                self._segments.append(_segment_of(items))
                self._starts.append(self._catalogue.release.n_rows + start)


def _segment_of(items: Sequence[CatalogueItem]) -> Segment:
    people: dict[str, list[int]] = {}
    for place, item in enumerate(items):
        for name in item.labels["people"]:
            people.setdefault(name, []).append(place)
    return Segment((item.card for item in items), sorted(people.items()))
