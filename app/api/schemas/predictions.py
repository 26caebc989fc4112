"""Predicted ratings as they are asked for and answered."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import ConfigDict, Field

from app.api.schemas.base import Answer, ExternalId

MOST_ITEMS = 100

PREDICTIONS: dict[str, Any] = {
    "predictions": [
        {"item_id": "318", "predicted_rating": 4.61, "low": 3.52, "high": 5.0},
        {"item_id": "1721", "predicted_rating": 2.87, "low": 1.49, "high": 4.1},
    ],
    "interval": 0.8,
    "ratings_used": 37,
    "release": "2026-11-21T04-12-00Z-3f9c",
    "as_of": "2026-11-21T10:15:00Z",
    "degraded": [],
}

ItemIdsQuery = Annotated[
    list[ExternalId],
    Query(
        alias="item_id",
        min_length=1,
        max_length=MOST_ITEMS,
        description="The items to predict for.",
        examples=[["318", "1721"]],
    ),
]


class PredictedRatingOut(Answer):
    """The rating that a user would give an item. All three are null where nothing can be said: of an item that is not in the
    catalogue, and of any while there is no release or none that was made from ratings."""

    item_id: str
    predicted_rating: float | None = Field(description="What is expected, on the scale of the service.")
    low: float | None = Field(description="The lower end of the interval.")
    high: float | None = Field(description="The upper end of the interval.")


class PredictionsOut(Answer):
    """Predicted ratings, in the order of the items that were asked for."""

    model_config = ConfigDict(json_schema_extra={"examples": [PREDICTIONS]})

    predictions: list[PredictedRatingOut]
    interval: float | None = Field(description="The share of ratings that lies between `low` and `high`.")
    ratings_used: int = Field(description="How many of the user's ratings were taken into account.")
    release: str | None = Field(description="The release that predicted; null without one.")
    as_of: datetime = Field(description="When the user's ratings were read.")
    degraded: list[Literal["no_release", "database", "limits"]] = Field(description="What was missing.")
