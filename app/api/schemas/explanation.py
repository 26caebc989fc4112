"""The explanation of one item, as it is answered."""

from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field

from app.api.schemas.base import Answer
from app.api.schemas.lists import Card, ReasonOut
from app.api.schemas.predictions import PredictedRatingOut
from app.engine.signals import SignalName
from app.services.obstacles import ObstacleCode

EXPLANATION: dict[str, Any] = {
    "item_id": "480",
    "item": {
        "title": "Jurassic Park",
        "categories": ["Action", "Adventure"],
        "released_on": "1993-06-11",
        "image_url": None,
    },
    "listed": False,
    "list_rank": None,
    "rank": 31,
    "out_of": 3669,
    "score": 1.12,
    "contributions": {
        "collaborative": 0.61,
        "item_to_item": 0.3,
        "next_item": 0.02,
        "content": 0.08,
        "popularity": 0.11,
    },
    "obstacles": [
        {"code": "outranked", "text": "30 others are before it.", "subject": None, "rank": 31, "behind": 0.14}
    ],
    "reasons": [
        {
            "kind": "because_you_rated",
            "item_id": "260",
            "title": "Star Wars",
            "value": 5.0,
            "event": None,
            "name": None,
            "shared_people": [],
            "shared_categories": ["Action", "Adventure"],
            "attribute": None,
            "attribute_value": None,
            "text": "Because you rated Star Wars 5 stars",
        }
    ],
    "evidence": [
        {
            "item_id": "260",
            "title": "Star Wars",
            "value": 5.0,
            "event": None,
            "part": 0.31,
            "signals": {"collaborative": 0.22, "item_to_item": 0.09},
        }
    ],
    "prediction": {"item_id": "480", "predicted_rating": 3.9, "low": 2.8, "high": 5.0},
    "release": "2026-11-21T04-12-00Z-3f9c",
    "as_of": "2026-11-21T10:15:00Z",
    "history_size": 37,
    "fallback": None,
    "degraded": [],
}


class ObstacleOut(Answer):
    """One thing that keeps the item out of the list: a stable `code` with its parameters, and the same in English."""

    code: ObstacleCode
    text: str
    subject: str | None = Field(
        description="For `filtered` the query parameter; for `hard_limit` the limit in the user's preferences, or `unread` where "
        "these could not be read; for `suppressed` the category, or `item`."
    )
    rank: int | None = Field(description="For `outranked`: the place among all items that may be in the list.")
    behind: float | None = Field(
        description="For `outranked`: by how much the score is below that of the last listed item; with `diversity` it may be "
        "above it, and this below zero."
    )


class EvidenceOut(Answer):
    """What one entry of the user's history says for the item, or against it."""

    item_id: str
    title: str
    value: float | None = Field(description="The rating, where it is one.")
    event: str | None = Field(description="The kind of the event, where it is one.")
    part: float = Field(description="What the entry adds to the score; below zero where it speaks against the item.")
    signals: dict[SignalName, float] = Field(description="The same by signal; these add up to `part`.")


class ExplanationOut(Answer):
    """Why an item is in a user's list, or why not."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXPLANATION]})

    item_id: str
    item: Card
    listed: bool = Field(description="Whether it is among the first `limit` of the list.")
    list_rank: int | None = Field(description="Its rank there, null where it is not.")
    rank: int | None = Field(
        description="Its place among everything that the user has not seen and may be shown at all, without filters."
    )
    out_of: int | None = Field(description="How many these are.")
    score: float | None
    contributions: dict[SignalName | Literal["preferences"], float] = Field(
        description="What each signal adds; they add up to `score`."
    )
    obstacles: list[ObstacleOut] = Field(description="Everything that keeps it out; empty for an item that is listed.")
    reasons: list[ReasonOut]
    evidence: list[EvidenceOut] = Field(
        description="The entries of the history that count most, the weightiest first; as in reasons, not those of items that "
        "were hidden or deleted, or that the user must not or does not want to see."
    )
    prediction: PredictedRatingOut | None = Field(
        description="The rating that the user would give; null without a release."
    )
    release: str | None = Field(description="The release that scored it; null without one.")
    as_of: datetime = Field(description="When the user's history was read.")
    history_size: int
    fallback: Literal["popularity", "preferences"] | None = Field(description="What stood in for a history.")
    degraded: list[Literal["no_release", "database", "limits"]] = Field(
        description="What was missing. Without a release there are no scores, and `obstacles` is all that is known."
    )
