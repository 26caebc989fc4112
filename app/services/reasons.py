"""Why an item is in a list: what of a user's history speaks for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import orjson

from app.engine.engine import Ranking
from app.services.catalogue import Catalogue
from app.services.history import KnownUser

MOST_REASONS = 2


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an item is there. ``kind`` is stable; ``item_id`` and ``title`` name the item that is the reason, ``value`` is the
    rating it got, for ``because_you_rated``, and ``event`` what was done with it, for ``because_of_event``."""

    kind: Literal["because_you_rated", "because_of_event", "related_to_history", "popular"]
    text: str
    item_id: str | None = None
    title: str | None = None
    value: float | None = None
    event: str | None = None


POPULAR = Reason("popular", "Popular with everybody")
RELATED = Reason("related_to_history", "Goes with what you have rated or done")


def reasons_of(ranking: Ranking, user: KnownUser, catalogue: Catalogue) -> list[Sequence[Reason]]:
    """The reasons for each ranked item, in their order. The ranking must have been made with ``explain``."""
    evidence = _total_evidence(ranking, len(user.history))
    return [
        _reasons(evidence[:, place], user, catalogue, popular=_is_popular(ranking, place))
        for place in range(len(ranking.rows))
    ]


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
    evidence: np.ndarray[tuple[int], np.dtype[np.float32]], user: KnownUser, catalogue: Catalogue, *, popular: bool
) -> list[Reason]:
    """The liked entries that speak most for an item. Where none does, that it is popular if that is what put it there, or else
    that it goes with the history as a whole."""
    liked = np.where(user.history.preferences >= 0, evidence, 0)
    strongest = [entry for entry in np.argsort(-liked, kind="stable")[:MOST_REASONS].tolist() if liked[entry] > 0]
    if not strongest:
        return [POPULAR if popular else RELATED]
    return [_because(user, entry, catalogue) for entry in strongest]


def _because(user: KnownUser, entry: int, catalogue: Catalogue) -> Reason:
    row = int(user.history.rows[entry])
    title = str(orjson.loads(catalogue.card(row))["title"])
    cause = user.causes[entry] if user.causes else None
    if cause is not None:
        text = f"Because you {cause.verb} {title}" if cause.verb else f"Because of {title}"
        return Reason("because_of_event", text, catalogue.item_id(row), title, event=cause.kind)
    value = float(user.values[entry])
    text = f"Because you rated {title} {value:g} stars"
    return Reason("because_you_rated", text, catalogue.item_id(row), title, value)
