"""What an item may be, for those who do not come through the API: its schemas refuse the same."""

from collections.abc import Callable
from typing import Any

from app.errors import FieldError
from app.services import limits
from app.services.item_merge import ItemFields
from app.services.limits import Refusal


def refuse_item(item_id: str, item: ItemFields) -> FieldError | None:
    """The first thing that is wrong with an item, by the field it is in; None for an item that may be stored."""
    found = _named("item_id", limits.refuse_id(item_id)) or _named(
        "title", limits.refuse_length(item.title, limits.LONGEST_TITLE)
    )
    if found is None:
        for name, refuse in _CHECKS.items():
            value = getattr(item, name)
            if value is not None and (refusal := refuse(value)) is not None:
                return _named(name, refusal)
    if found is None and item.available_from is not None and item.available_until is not None:
        found = _named("available_until", _refuse_period(item))
    return found


def _named(name: str, refusal: Refusal | None) -> FieldError | None:
    return None if refusal is None else FieldError(f"/{name}", refusal.code, refusal.detail)


def _refuse_period(item: ItemFields) -> Refusal | None:
    if item.available_from and item.available_until and item.available_until <= item.available_from:
        return Refusal("not_after_start", "Must be later than available_from")
    return None


def _within(lowest: float, highest: float) -> Callable[[float], Refusal | None]:
    def refuse(value: float) -> Refusal | None:
        # Not in, so that NaN is refused too.
        if lowest <= value <= highest:
            return None
        return Refusal("out_of_range", f"Must lie between {lowest:g} and {highest:g}")

    return refuse


_CHECKS: dict[str, Callable[[Any], Refusal | None]] = {
    "description": lambda value: limits.refuse_length(value, limits.LONGEST_DESCRIPTION, 0),
    "categories": limits.refuse_labels,
    "tags": limits.refuse_labels,
    "people": limits.refuse_people,
    "duration_minutes": _within(0, limits.LONGEST_DURATION_MINUTES),
    "certificate": lambda value: limits.refuse_length(value, limits.LONGEST_CERTIFICATE),
    "language": limits.refuse_language,
    "image_url": limits.refuse_address,
    "url": limits.refuse_address,
    "votes": _within(0, limits.MOST_VOTES),
    "vote_mean": _within(-limits.LARGEST_VOTE_MEAN, limits.LARGEST_VOTE_MEAN),
    "attributes": limits.refuse_free_json,
}
