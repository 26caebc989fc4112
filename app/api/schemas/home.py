"""The home page and the categories as they are answered."""

from datetime import UTC, datetime
from typing import Any, Literal

import orjson
from pydantic import ConfigDict, Field

from app.api.schemas.base import Answer
from app.api.schemas.events import EXAMPLE_RECOMMENDATION_ID
from app.api.schemas.lists import SHAWSHANK_LIST, RankedItem, render_items
from app.services.home import Home

_EXAMPLE: dict[str, Any] = {
    "recommendation_id": EXAMPLE_RECOMMENDATION_ID,
    "rows": [
        {
            "kind": "because_you_liked",
            "title": "Because you liked Schindler's List",
            "item_id": "527",
            "item_title": "Schindler's List",
            "category": None,
            "items": [
                {
                    name: value
                    for name, value in SHAWSHANK_LIST["items"][0].items()
                    if name in {"item_id", "rank", "score", "item"}
                }
            ],
        }
    ],
    **{
        name: SHAWSHANK_LIST[name]
        for name in ("release", "generated_at", "as_of", "history_size", "fallback", "degraded")
    },
}


class HomeRowOut(Answer):
    """One row of a home page: a stable `kind` with its parameters, and its title in English."""

    kind: Literal["for_you", "popular", "because_you_liked", "trending", "latest", "category"]
    title: str
    item_id: str | None = Field(description="The item that was liked, for `because_you_liked`.")
    item_title: str | None = Field(description="Its title.")
    category: str | None = Field(description="The category, for `category`.")
    items: list[RankedItem] = Field(description="Ranked within the row; no item is in two rows.")


class HomePage(Answer):
    """The rows of a home page, and where they come from."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    recommendation_id: str = Field(description="Send it with the events that the rows lead to.")
    rows: list[HomeRowOut]
    release: str | None = Field(description="The release that ranked the rows; null without one.")
    generated_at: datetime
    as_of: datetime = Field(description="When the user's history was read.")
    history_size: int = Field(description="How many ratings and events the rows were made from.")
    fallback: Literal["popularity", "preferences"] | None = Field(
        description="What stood in for a user without a history."
    )
    degraded: list[Literal["no_release", "database", "limits"]] = Field(
        description="What was missing when the rows were made."
    )


class CategoryOut(Answer):
    """A category."""

    category: str
    items: int = Field(description="How many items of it may be shown.")


class Categories(Answer):
    """Categories, the largest first."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"categories": [{"category": "Drama", "items": 1603}, {"category": "Comedy", "items": 1200}]}]
        }
    )

    categories: list[CategoryOut]


def render_home(home: Home, recommendation_id: str, generated_at: datetime) -> bytes:
    """The JSON of a :class:`HomePage`; cards are copied as they are."""
    return orjson.dumps(
        {
            "recommendation_id": recommendation_id,
            "rows": [
                {
                    "kind": row.kind,
                    "title": row.title,
                    "item_id": row.item_id,
                    "item_title": row.item_title,
                    "category": row.category,
                    "items": render_items(row.items),
                }
                for row in home.rows
            ],
            "release": home.release,
            "generated_at": generated_at.astimezone(UTC),
            "as_of": home.as_of.astimezone(UTC),
            "history_size": home.history_size,
            "fallback": home.fallback,
            "degraded": list(home.degraded),
        },
        option=orjson.OPT_UTC_Z,
    )
