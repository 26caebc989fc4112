"""Why an item is in a list: what of a user's history speaks for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import orjson

from app.engine.arrays import BoolArray
from app.engine.engine import Ranking
from app.services.catalogue import Catalogue
from app.services.groups import OwnGroups
from app.services.history import KnownUser
from app.services.personal import named_entries
from app.services.tastes import STATED, TasteKind, TasteScores

MOST_REASONS = 2
MOST_SHARED = 5


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an item is there. ``kind`` is stable; ``item_id`` and ``title`` name the item that is the reason, ``value`` is the
    rating it got, for ``because_you_rated``, and ``event`` what was done with it, for ``because_of_event``; ``name`` is the
    category or person, for ``preferred_category`` and ``preferred_person``. ``attribute`` and ``attribute_value`` are the user's
    own, for ``popular_in_group``. ``shared_people`` and ``shared_categories`` are those that both items have."""

    kind: Literal[
        "because_you_rated",
        "because_of_event",
        "preferred_item",
        "preferred_category",
        "preferred_person",
        "related_to_history",
        "popular",
        "popular_in_group",
        "similar_to",
        "trending",
        "newest",
    ]
    text: str
    item_id: str | None = None
    title: str | None = None
    value: float | None = None
    event: str | None = None
    name: str | None = None
    attribute: str | None = None
    attribute_value: str | None = None
    shared_people: Sequence[str] = ()
    shared_categories: Sequence[str] = ()


_PREFERRED: dict[TasteKind, Literal["preferred_category", "preferred_person"]] = {
    "category": "preferred_category",
    "person": "preferred_person",
}
POPULAR = Reason("popular", "Popular with everybody")
RELATED = Reason("related_to_history", "Goes with what you have rated or done")


def similar_to(catalogue: Catalogue, row: int) -> Reason:
    """That an item is like the one in ``row``."""
    title = str(orjson.loads(catalogue.card(row))["title"])
    return Reason("similar_to", f"Like {title}", catalogue.item_id(row), title)


def reasons_of(
    ranking: Ranking,
    user: KnownUser,
    catalogue: Catalogue,
    tastes: TasteScores | None = None,
    groups: OwnGroups | None = None,
) -> list[Sequence[Reason]]:
    """The reasons for each ranked item, in their order. The ranking must have been made with ``explain``; ``tastes`` and
    ``groups`` are what it was made with."""
    evidence = _total_evidence(ranking, len(user.history))
    common, named = CommonGround(catalogue), named_entries(catalogue, user)
    return [
        _reasons(
            evidence[:, place],
            user,
            named,
            common,
            row,
            [] if tastes is None else _preferred(tastes, row),
            _popular(groups, row) if _is_popular(ranking, place) else RELATED,
        )
        for place, row in enumerate(ranking.rows.tolist())
    ]


def _preferred(tastes: TasteScores, row: int) -> list[tuple[float, Reason]]:
    """The liked categories and people of an item, and how much each adds to its score."""
    matches = tastes.matches(row)
    strength = float(tastes.added[row]) / max(len(matches), 1)
    return [
        (strength, Reason(_PREFERRED[match.kind], f"Because you like {match.name}", name=match.name))
        for match in matches
        if strength > 0
    ]


def _popular(groups: OwnGroups | None, row: int) -> Reason:
    """That an item is popular: with the group of the user that takes it most of all, compared with everybody, if any does."""
    group = None if groups is None else groups.strongest(row)
    if group is None:
        return POPULAR
    text = f"Popular with people whose {group.attribute} is {group.value}"
    return Reason("popular_in_group", text, attribute=group.attribute, attribute_value=group.value)


def _total_evidence(ranking: Ranking, n_history: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """What each history entry adds to each ranked item over all signals, ``(len(history), r)``."""
    total = np.zeros((n_history, len(ranking.rows)), np.float32)
    for part in ranking.evidence.values():
        total += part
    return total


def _is_popular(ranking: Ranking, place: int) -> bool:
    """Whether no other signal adds more to this item than popularity does."""
    parts = {name: float(contributions[place]) for name, contributions in ranking.contributions.items()}
    return parts.get("popularity", 0.0) >= max(parts.values(), default=0.0)


def _reasons(
    evidence: np.ndarray[tuple[int], np.dtype[np.float32]],
    user: KnownUser,
    named: BoolArray,
    common: "CommonGround",
    listed: int,
    preferred: list[tuple[float, Reason]],
    otherwise: Reason,
) -> list[Reason]:
    """The liked entries, categories and people that speak most for an item, and where none does, what is said otherwise: that it
    is popular if that is what put it there, or else that it goes with the history as a whole. That it was opened before is no
    reason for an item itself, and only what is ``named`` is told."""
    speaking = (user.history.preferences >= 0) & (user.history.rows != listed) & named
    liked = np.where(speaking, evidence, 0)
    strongest = [entry for entry in np.argsort(-liked, kind="stable")[:MOST_REASONS].tolist() if liked[entry] > 0]
    reasons = [(float(liked[entry]), _because(user, entry, common, listed)) for entry in strongest]
    if preferred:
        reasons = sorted([*reasons, *preferred], key=lambda each: -each[0])[:MOST_REASONS]
    return [reason for _, reason in reasons] or [otherwise]


def _because(user: KnownUser, entry: int, common: "CommonGround", listed: int) -> Reason:
    row = int(user.history.rows[entry])
    catalogue = common.catalogue
    title = str(orjson.loads(catalogue.card(row))["title"])
    cause = user.causes[entry] if user.causes else None
    people, categories = common.between(row, listed)
    because = partial(
        Reason, item_id=catalogue.item_id(row), title=title, shared_people=people, shared_categories=categories
    )
    if cause is STATED:
        return because("preferred_item", f"Because you like {title}")
    if cause is not None:
        text = f"Because you {cause.verb} {title}" if cause.verb else f"Because of {title}"
        return because("because_of_event", text, event=cause.kind)
    value = float(user.values[entry])
    stars = "1 star" if value == 1 else f"{value:g} stars"
    return because("because_you_rated", f"Because you rated {title} {stars}", value=value)


class CommonGround:
    """The people and categories that items share. Read from their cards, each once, for the few items that are explained."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._known: dict[int, tuple[list[str], list[str]]] = {}

    def between(self, row: int, other: int) -> tuple[list[str], list[str]]:
        """The people and the categories of the item in ``row`` that the other has too, in the order in which they are given."""
        here, there = self._of(row), self._of(other)
        people, categories = (
            [name for name in mine if name in theirs] for mine, theirs in zip(here, there, strict=True)
        )
        return people[:MOST_SHARED], categories[:MOST_SHARED]

    def _of(self, row: int) -> tuple[list[str], list[str]]:
        if row not in self._known:
            details = orjson.loads(self.catalogue.details(row))
            people = list(dict.fromkeys(str(person["name"]) for person in details["people"]))
            categories: list[str] = orjson.loads(self.catalogue.card(row))["categories"]
            self._known[row] = people, list(dict.fromkeys(categories))
        return self._known[row]
