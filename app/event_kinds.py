"""What each kind of event means: a table that a service may replace, for a shop, a newspaper and a music service differ."""

import json
from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, RootModel, StringConstraints, model_validator

IMPRESSION = "impression"
"""Says that an item was shown. Counts for attribution only, whatever the table: its rows are kept out of the history's index."""

KindName = Annotated[str, StringConstraints(pattern="^[a-z][a-z0-9_]{0,63}$")]


class EventKind(BaseModel):
    """What an event of one kind says about the user and the item.

    ``weight`` is its preference. With ``whole_above``, ``value`` is a share from 0 to 1: at most that much of it, or none given,
    has the ``part_weight`` and is not seen. After ``expires_after_days`` the event counts no more, and what it hid comes back.
    ``verb`` completes "Because you ..." in the English text of a reason.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    weight: float = Field(default=0.0, ge=-10, le=10)
    seen: bool = False
    whole_above: float | None = Field(default=None, ge=0, lt=1)
    part_weight: float = Field(default=0.0, ge=-10, le=10)
    expires_after_days: int | None = Field(default=None, ge=1, le=36_500)
    verb: str = Field(default="", max_length=40)

    @model_validator(mode="after")
    def _part_needs_whole(self) -> Self:
        if self.whole_above is None and self.part_weight:
            raise ValueError("part_weight means nothing without whole_above")
        return self


_DEFAULT = {
    "play": EventKind(weight=1, seen=True, whole_above=0.5, part_weight=0.3, verb="played"),
    "purchase": EventKind(weight=2, seen=True, verb="bought"),
    "like": EventKind(weight=2, verb="liked"),
    "click": EventKind(weight=0.3, verb="opened"),
    "view": EventKind(weight=0.1, verb="viewed"),
    "dislike": EventKind(weight=-2, seen=True),
    "dismiss": EventKind(weight=-1, seen=True, expires_after_days=90),
    IMPRESSION: EventKind(),
}


class EventKinds(RootModel[dict[KindName, EventKind]]):
    """The table: every kind that may be sent, by name. As a string it is the JSON that makes it."""

    model_config = ConfigDict(frozen=True)

    root: dict[KindName, EventKind] = Field(default=_DEFAULT, min_length=1, max_length=100)

    def items(self) -> Iterator[tuple[str, EventKind]]:
        """Names and kinds, in the order of the table."""
        return iter(self.root.items())

    @cached_property
    def fingerprint(self) -> int:
        """The hash, computed once: what is made from a table is looked up by it in each request."""
        return hash(tuple(self.root.items()))

    def __hash__(self) -> int:
        return self.fingerprint

    def __str__(self) -> str:
        return json.dumps(self.model_dump(exclude_defaults=True), separators=(",", ":"))

    @model_validator(mode="after")
    def _impression_counts_for_nothing(self) -> Self:
        if self.root.get(IMPRESSION, EventKind()) != EventKind():
            raise ValueError(f"an {IMPRESSION} counts for attribution only: it has no weight and is not seen")
        return self
