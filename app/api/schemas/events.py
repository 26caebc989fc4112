"""Events as they are sent and answered."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, SkipValidation

from app.api.schemas.base import Answer, ExternalId, FeedbackValue, Instant, Strict, Text
from app.api.schemas.row_outcome import MAX_BATCH, RowOutcome, accepted_row, rejected_row
from app.services.event_merge import EventRow
from app.services.events import new_event_id
from app.services.limits import LARGEST_POSITION, LONGEST_KIND, LONGEST_RECOMMENDATION_ID

EXAMPLE_RECOMMENDATION_ID = "rec_kWh4Zb1xOq8N6mVYtX0aRwFqAkrAXKH5AIl2ZHMyMDI2LTExLTIxVDA0LTEyLTAwWi0zZjlj"
_EXAMPLE: dict[str, Any] = {
    "event_id": "5f0c8e1a",
    "user_id": "ada",
    "session_id": "s-81",
    "item_id": "318",
    "kind": "play",
    "value": 0.92,
    "occurred_at": "2026-11-21T10:15:00Z",
    "recommendation_id": None,
    "position": 3,
}
_VISITOR: dict[str, Any] = {"session_id": "s-82", "item_id": "527", "kind": "click"}

EventId = Annotated[ExternalId, Field(examples=["5f0c8e1a"])]


class EventIn(Strict):
    """What a user, or a visitor of whom only the session is known, did with an item."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    event_id: EventId | None = Field(
        default=None, description="Makes a retry harmless: an id is stored once. Without it, one is made and answered."
    )
    user_id: ExternalId | None = Field(default=None, description="Required unless there is a `session_id`.")
    session_id: ExternalId | None = Field(default=None, description="Required unless there is a `user_id`.")
    item_id: ExternalId
    kind: Annotated[Text, Field(min_length=1, max_length=LONGEST_KIND)] = Field(
        description="By default `play`, `purchase`, `like`, `click`, `view`, `dislike`, `dismiss` or `impression`; a setting "
        "names the kinds, and what each means.",
        examples=["play"],
    )
    value: FeedbackValue | None = Field(
        default=None, description="How much of it: of a `play` the share that was played, from 0 to 1.", examples=[0.92]
    )
    occurred_at: Instant | None = Field(
        default=None, description="At most 5 minutes (a setting) ahead of the clock. Without it, the time of arrival."
    )
    recommendation_id: Annotated[Text, Field(min_length=1, max_length=LONGEST_RECOMMENDATION_ID)] | None = Field(
        default=None, description="Of the list that showed the item.", examples=[EXAMPLE_RECOMMENDATION_ID]
    )
    position: Annotated[int, Field(ge=1, le=LARGEST_POSITION)] | None = Field(
        default=None, description="The item's `rank` in that list.", examples=[3]
    )

    def as_row(self) -> EventRow:
        """The event as the service takes it, with an id in any case."""
        return EventRow(
            self.event_id or new_event_id(),
            self.item_id,
            self.kind,
            self.user_id,
            self.session_id,
            self.value,
            self.occurred_at,
            self.recommendation_id,
            self.position,
        )


class EventBatch(Strict):
    """Events to store in one transaction. Each row is looked at by itself: a bad one does not stop the others."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"events": [_EXAMPLE, _VISITOR]}]})

    events: list[Annotated[EventIn, SkipValidation]] = Field(
        description=f"Up to {MAX_BATCH} events; of rows with the same `event_id` the first is stored.",
        json_schema_extra={"minItems": 1, "maxItems": MAX_BATCH},
    )


class EventOut(Answer):
    """A stored event."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    event_id: str
    user_id: str | None
    session_id: str | None
    item_id: str
    kind: str
    value: float | None
    occurred_at: datetime
    recommendation_id: str | None
    position: int | None

    @classmethod
    def of(cls, event: EventRow) -> Self:
        """The answer for a stored event."""
        return cls.model_validate(event)


class WrittenEvent(Answer):
    """What the write did, and what is stored."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"outcome": "created", "event": _EXAMPLE}]})

    outcome: Literal["created", "duplicate"] = Field(
        description="`duplicate`: the same event was stored before; nothing was changed."
    )
    event: EventOut


class EventBatchCounts(Answer):
    """How many rows had each outcome."""

    created: int = 0
    duplicate: int = 0
    rejected: int = 0


class EventOutcome(RowOutcome):
    """What became of one row."""

    event_id: str | None = Field(description="The event's, made here where the row had none; null for a rejected row.")
    outcome: Literal["created", "duplicate", "rejected"]


_CREATED = accepted_row(0, outcome="created", event_id="5f0c8e1a")
_REJECTED = rejected_row(
    1, "/events/1/item_id", "unknown_item", "There is no such item in the catalogue.", event_id=None
)


class EventBatchResult(Answer):
    """The rows in their order."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"counts": {"created": 1, "duplicate": 0, "rejected": 1}, "outcomes": [_CREATED, _REJECTED]}]
        }
    )

    counts: EventBatchCounts
    outcomes: list[EventOutcome]
