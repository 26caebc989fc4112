"""What users say they like and dislike: entries of a history that fades, and a contribution of its own for what no item stands
for, categories and people."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from app.engine.arrays import NO_ROWS, FloatArray, RowArray
from app.services.catalogue import Catalogue
from app.services.event_rules import Cause
from app.services.stated import Preferences, Tastes

STATED_UNTIL = 30
"""From how many ratings and events on what was stated once says no more: what a user does tells more than what they said."""

ITEM_WEIGHT = 2.0
"""How strongly a liked item counts, against a disliked one as much: as a `like` does."""

TASTE_WEIGHT = 2.0
"""What a liked category or person adds, in standard deviations of the user's scores."""

STATED = Cause("preference", "")
"""Stands where an entry of a history is neither a rating nor an event, but an item that the user has stated to like or not."""

TasteKind = Literal["category", "person"]


def fading(n_history: int) -> float:
    """How much of what was stated still counts for a user with so many ratings and events: 1 for none, 0 from
    :data:`STATED_UNTIL` on."""
    return max(0.0, 1.0 - n_history / STATED_UNTIL)


def stated_entries(preferences: Preferences, catalogue: Catalogue) -> tuple[RowArray, FloatArray]:
    """The rows of the items that are liked or disliked, and 1 or -1 for each; without items that the catalogue does not know."""
    liked, disliked = preferences.liked.items, preferences.disliked.items
    if not liked and not disliked:
        return NO_ROWS, np.zeros(0, np.float32)
    signs = np.repeat(np.array([1, -1], np.float32), [len(liked), len(disliked)])
    found = [catalogue.row_of(item_id) for item_id in (*liked, *disliked)]
    rows = np.array([-1 if row is None else row for row in found], np.int64)
    return rows[rows >= 0], signs[rows >= 0]


@dataclass(frozen=True, slots=True)
class TasteMatch:
    """A liked category or person, and the rows it is found in."""

    kind: TasteKind
    name: str
    rows: RowArray


@dataclass(frozen=True, slots=True)
class TasteScores:
    """What liked and disliked categories and people add to every row, ``(n_rows,)``, and what the liked ones match."""

    added: FloatArray
    liked: Sequence[TasteMatch] = field(default_factory=tuple[TasteMatch, ...])

    def matches(self, row: int) -> list[TasteMatch]:
        """The liked categories and people of the item in a row."""
        return [match for match in self.liked if row in match.rows]


def taste_scores(preferences: Preferences, catalogue: Catalogue, spread: float, weight: float) -> TasteScores | None:
    """What the stated tastes add to the scores: for a match :data:`TASTE_WEIGHT` standard deviations (``spread``) times
    ``weight``, for each further match half as much as for the one before. None where they add nothing.

    Each match adds less, so that an item of all liked categories does not outrank everything that is popular in one of them.
    """
    liked = _matches(preferences.liked, catalogue)
    disliked = _matches(preferences.disliked, catalogue)
    if weight <= 0 or spread <= 0 or not (liked or disliked):
        return None
    added = _saturating(liked, catalogue.n_rows) - _saturating(disliked, catalogue.n_rows)
    added *= np.float32(TASTE_WEIGHT * spread * weight)
    return TasteScores(added, liked)


def _matches(tastes: Tastes, catalogue: Catalogue) -> list[TasteMatch]:
    found = [TasteMatch("category", name, catalogue.rows_labelled("categories", name)) for name in tastes.categories]
    found += [TasteMatch("person", name, catalogue.rows_labelled("people", name)) for name in tastes.people]
    return [match for match in found if len(match.rows)]


def _saturating(matches: Sequence[TasteMatch], n_rows: int) -> FloatArray:
    """``2 - 2 ** (1 - m)`` for ``m`` matches of a row: 0, 1, 1.5, 1.75 ..."""
    counts = np.zeros(n_rows, np.float32)
    for match in matches:
        counts[match.rows] += 1
    return np.float32(2) - np.exp2(np.float32(1) - counts)
