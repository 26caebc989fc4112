"""Ratings as they are sent and answered."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from fastapi import Query
from pydantic import ConfigDict, Field, SkipValidation

from app.api.schemas.base import Answer, ExternalId, FeedbackValue, Instant, Strict
from app.api.schemas.row_outcome import MAX_BATCH, RowOutcome, accepted_row, rejected_row
from app.services import ratings

MOST_ITEMS = 100

_EXAMPLE: dict[str, Any] = {"user_id": "ada", "item_id": "318", "value": 4.5, "rated_at": "2026-11-21T10:15:00Z"}

Value = Annotated[FeedbackValue, Field(description="On the configured scale, by default 0.5 to 5.", examples=[4.5])]
RatedItems = Annotated[
    list[ExternalId] | None,
    Query(
        alias="item_id",
        min_length=1,
        max_length=MOST_ITEMS,
        description="These items only: what the user has given to what a page shows.",
        examples=[["318", "527"]],
    ),
]
RatedAt = Annotated[
    Instant | None,
    Field(
        description="When the user rated: 1900 or later, and at most 5 minutes (a setting) ahead of the clock. Without "
        "it, the time of arrival; a value that is stored already then keeps its time."
    ),
]


class RatingValue(Strict):
    """A rating whose user and item the address names."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"value": 4.5, "rated_at": "2026-11-21T10:15:00Z"}]})

    value: Value
    rated_at: RatedAt = None


class RatingIn(Strict):
    """One user's rating of one item."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    user_id: ExternalId
    item_id: ExternalId
    value: Value
    rated_at: RatedAt = None


class RatingBatch(Strict):
    """Ratings to store in one transaction. Each row is looked at by itself: a bad one does not stop the others."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"ratings": [_EXAMPLE, {"user_id": "ada", "item_id": "527", "value": 9}]}]}
    )

    ratings: list[Annotated[RatingIn, SkipValidation]] = Field(
        description=f"Up to {MAX_BATCH} ratings; of rows with the same user and item the newest wins.",
        json_schema_extra={"minItems": 1, "maxItems": MAX_BATCH},
    )


class RatingOut(Answer):
    """A stored rating."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    user_id: str
    item_id: str
    value: float
    rated_at: datetime

    @classmethod
    def of(cls, rating: ratings.StoredRating) -> Self:
        """The answer for a stored rating."""
        return cls(user_id=rating.user_id, item_id=rating.item_id, value=rating.value, rated_at=rating.rated_at)


class WrittenRating(Answer):
    """What the write did, and what is stored now."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"outcome": "created", "rating": _EXAMPLE}]})

    outcome: Literal["created", "updated", "unchanged", "stale"] = Field(
        description="`stale`: what is stored, or was deleted, is newer; nothing was changed."
    )
    rating: RatingOut | None = Field(description="Null where the rating was deleted after the time of this one.")


class RatingScaleOut(Answer):
    """Between which values ratings lie."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"minimum": 0.5, "maximum": 5.0}]})

    minimum: float = Field(description="The lowest rating that is taken.")
    maximum: float = Field(description="The highest.")


class RatingPage(Answer):
    """One page of a user's ratings."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"ratings": [_EXAMPLE], "next_cursor": None}]})

    ratings: list[RatingOut]
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page; null on the last.")


class RatingBatchCounts(Answer):
    """How many rows had each outcome."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    stale: int = 0
    superseded: int = 0
    rejected: int = 0


class RatingOutcome(RowOutcome):
    """What became of one row."""

    outcome: Literal["created", "updated", "unchanged", "stale", "superseded", "rejected"] = Field(
        description="`superseded`: of the rows with this user and item, another one of this batch is newer."
    )


class RatingBatchResult(Answer):
    """The rows in their order."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "counts": {"created": 1, "updated": 0, "unchanged": 0, "stale": 0, "superseded": 0, "rejected": 1},
                    "outcomes": [
                        accepted_row(0, outcome="created"),
                        rejected_row(1, "/ratings/1/value", "off_scale", "A rating is from 0.5 to 5."),
                    ],
                }
            ]
        }
    )

    counts: RatingBatchCounts
    outcomes: list[RatingOutcome]
