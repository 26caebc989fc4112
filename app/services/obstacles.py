"""What keeps an item out of a user's list, each by a stable code."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Literal

from app.services.catalogue import Catalogue
from app.services.filters import Filters
from app.services.history import KnownUser
from app.services.stated import Stated

ObstacleCode = Literal["deleted", "hidden", "unavailable", "seen", "suppressed", "hard_limit", "filtered", "outranked"]

# The query parameter of each filter; what a user has set, "besides", is no parameter.
PARAMETERS = {
    "categories": "category",
    "exclude_categories": "exclude_category",
    "exclude_items": "exclude_item",
    "released_from": "released_from",
    "released_to": "released_to",
    "max_duration": "max_duration",
    "certificates": "certificate",
    "min_rating": "min_rating",
    "min_ratings": "min_ratings",
    "languages": "language",
    "people": "person",
    "tags": "tag",
}
_TEXTS = {
    "deleted": "It was deleted from the catalogue.",
    "hidden": "It is hidden.",
    "unavailable": "It is not available at this time.",
    "seen": "The user has seen it.",
}


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One thing that keeps an item out. ``subject`` is the query parameter for ``filtered``, the limit for ``hard_limit``, and
    ``item`` or the category for ``suppressed``. For ``outranked``, ``rank`` is the place among all that may be listed, and
    ``behind`` how much the score is below that of the last listed."""

    code: ObstacleCode
    text: str
    subject: str | None = None
    rank: int | None = None
    behind: float | None = None


def obstacles_for(
    catalogue: Catalogue, user: KnownUser, row: int, filters: Filters, now: datetime, *, include_seen: bool
) -> list[Obstacle]:
    """Everything but the rank that keeps the item in ``row`` out of the user's list with these filters."""
    found = list(_state(catalogue, row, now))
    if not include_seen and row in user.seen:
        found.append(plain_obstacle("seen"))
    if row in user.suppressed:
        found.append(suppressed_obstacle("item"))

    def passes(wanted: Filters) -> bool:
        return bool(catalogue.passing(wanted)[row])

    found += [suppressed_obstacle(category) for category in suppressing(user.stated, passes)]
    found += [limit_obstacle(name) for name in limiting(user.stated, passes)]
    found += [filter_obstacle(name) for name in filtering(filters, passes)]
    return found


def _state(catalogue: Catalogue, row: int, now: datetime) -> Iterator[Obstacle]:
    if catalogue.is_deleted(row):
        yield plain_obstacle("deleted")
    elif not catalogue.is_listed(row):
        yield plain_obstacle("hidden")
    elif not catalogue.shown(now)[row]:
        yield plain_obstacle("unavailable")


def filtering(filters: Filters, passes: Callable[[Filters], bool]) -> list[str]:
    """The query parameters of the filters that an item does not pass, each tried alone."""
    alone = ((field.name, Filters(**{field.name: getattr(filters, field.name)})) for field in fields(Filters))
    return [PARAMETERS[name] for name, one in alone if name in PARAMETERS and one != Filters() and not passes(one)]


def limiting(stated: Stated, passes: Callable[[Filters], bool]) -> list[str]:
    """The hard limits of a user that an item does not keep, by the names they have in the preferences."""
    limits = stated.preferences.limits
    names = ("max_duration", "certificates", "languages", "exclude_categories")
    alone = ((name, Filters(**{name: getattr(limits, name)})) for name in names)
    found = [name for name, one in alone if one != Filters() and not passes(one)]
    return [*found, "unread"] if stated.unread and not passes(Filters(safe_for_all=True)) else found


def suppressing(stated: Stated, passes: Callable[[Filters], bool]) -> list[str]:
    """The suppressed categories that an item is in."""
    nothing = Filters()
    return [name for name in stated.suppressed_categories if not passes(replace(nothing, exclude_categories=[name]))]


def plain_obstacle(code: Literal["deleted", "hidden", "unavailable", "seen"]) -> Obstacle:
    """An obstacle that its code says all about."""
    return Obstacle(code, _TEXTS[code])


def suppressed_obstacle(subject: str) -> Obstacle:
    """The user has suppressed the item, or one of its categories."""
    text = "The user does not want to see it." if subject == "item" else f"The user does not want to see {subject}."
    return Obstacle("suppressed", text, subject)


def limit_obstacle(name: str) -> Obstacle:
    """A hard limit of the user forbids it."""
    unread = "The user's limits could not be read, and it is not marked as safe for all."
    return Obstacle("hard_limit", unread if name == "unread" else f"The user's limit {name} forbids it.", name)


def filter_obstacle(parameter: str) -> Obstacle:
    """A filter of the request leaves it out."""
    return Obstacle("filtered", f"The filter {parameter} leaves it out.", parameter)
