"""Filters: what may stand in a list."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional


@dataclass(frozen=True, slots=True)
class Filters:
    """What may be shown; a limit that is None or empty lets everything pass.

    Of ``categories``, ``certificates``, ``languages``, ``people`` and ``tags`` an item has to have any one. A language stands for
    its regional forms too: ``pt`` lets ``pt-BR`` pass, whatever the case (basic filtering of RFC 4647). ``min_rating`` is
    compared with the mean of :class:`~app.services.opinions.OpinionPrior`, ``min_ratings`` with the number of ratings here and
    votes elsewhere. An item that does not say what a limit asks for does not pass it: one without a date passes no limit
    on dates, and one that nobody has rated no ``min_rating``.

    An item must pass ``besides`` as well: the limits that a user has set, say.
    """

    categories: Sequence[str] = ()
    exclude_categories: Sequence[str] = ()
    exclude_items: Sequence[str] = ()
    released_from: dt.date | None = None
    released_to: dt.date | None = None
    max_duration: int | None = None
    certificates: Sequence[str] = ()
    min_rating: float | None = None
    min_ratings: int = 0
    languages: Sequence[str] = ()
    people: Sequence[str] = ()
    tags: Sequence[str] = ()
    safe_for_all: bool = False
    besides: Optional["Filters"] = None


def language_ranges(tag: str) -> list[str]:
    """The ranges that a language tag is in: ``pt-BR`` is in ``pt-br`` and in ``pt``."""
    parts = tag.lower().split("-")
    return ["-".join(parts[:length]) for length in range(1, len(parts) + 1)]
