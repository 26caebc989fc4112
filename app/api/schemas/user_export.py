"""Everything held on a user, as it is answered: written piece by piece, for it may be long."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import orjson
from pydantic import ConfigDict, Field

from app.api.schemas.base import Answer
from app.api.schemas.wishes import PreferencesOut, SuppressionOut
from app.services.user_export import Held, Rows, Section

_AT = "2026-11-21T10:15:00Z"
_NOTHING: dict[str, Any] = {"categories": [], "people": [], "items": []}


class AliasHeld(Answer):
    """A former id that stands for the user."""

    user_id: str
    expires_at: datetime


class RatingHeld(Answer):
    """A rating, or a note of one that was undone."""

    item_id: str
    value: float | None = Field(description="Null where the rating was undone.")
    rated_at: datetime


class EventHeld(Answer):
    """An event, impressions included."""

    event_id: str | None
    item_id: str
    kind: str
    value: float | None
    session_id: str | None
    recommendation_id: str | None
    position: int | None
    occurred_at: datetime
    received_at: datetime


class ExposureHeld(Answer):
    """An item of a list that the user was shown, and what came of it; kept for as long as a list counts."""

    item_id: str
    list_kind: str | None
    release: str | None
    variant: str | None = Field(description="The variant of the recommender that made the list, if it had any.")
    made_at: datetime
    shown: bool
    clicked: bool
    converted: bool


class UserExport(Answer):
    """Everything that is held on one user."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "user_id": "42",
                    "created_at": "2026-11-01T09:00:00Z",
                    "attributes": {"country": "DE"},
                    "aliases": [{"user_id": "visitor-7f3a", "expires_at": "2027-02-19T10:15:00Z"}],
                    "preferences": {
                        "liked": _NOTHING,
                        "disliked": _NOTHING,
                        "limits": {"max_duration": None, "certificates": [], "languages": [], "exclude_categories": []},
                        "updated_at": None,
                    },
                    "suppressions": [{"kind": "category", "id": "War", "expires_at": None}],
                    "ratings": [{"item_id": "318", "value": 5.0, "rated_at": _AT}],
                    "events": [],
                    "exposures": [],
                }
            ]
        }
    )

    user_id: str
    created_at: datetime
    attributes: dict[str, Any]
    aliases: list[AliasHeld]
    preferences: PreferencesOut
    suppressions: list[SuppressionOut]
    ratings: list[RatingHeld]
    events: list[EventHeld]
    exposures: list[ExposureHeld]


async def render_export(held: Held, feedback: AsyncIterator[tuple[Section, Rows]]) -> AsyncIterator[bytes]:
    """The JSON of a :class:`UserExport`, a piece for each part of what the user did."""
    head = {
        "user_id": held.user_id,
        "created_at": held.created_at,
        "attributes": held.attributes,
        "aliases": [{"user_id": user_id, "expires_at": end} for user_id, end in held.aliases],
        "preferences": PreferencesOut.of(held.preferences).model_dump(mode="json"),
        "suppressions": [SuppressionOut.of(each).model_dump(mode="json") for each in held.suppressions],
    }
    yield orjson.dumps(head, option=orjson.OPT_UTC_Z)[:-1]
    last: Section | None = None
    empty = True
    async for section, rows in feedback:
        if section != last:
            yield f'{"" if last is None else "]"},"{section}":['.encode()
            last, empty = section, True
        if rows:
            written = orjson.dumps(rows, option=orjson.OPT_UTC_Z)[1:-1]
            yield written if empty else b"," + written
            empty = False
    yield b"]}"
