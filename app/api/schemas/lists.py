"""Ranked lists as they are asked for and answered."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

import orjson
from pydantic import ConfigDict, Field

from app.api.schemas.base import Answer, ExternalId, FeedbackValue, Instant, Strict, Text
from app.api.schemas.events import EXAMPLE_RECOMMENDATION_ID
from app.api.schemas.items import PersonOut
from app.api.schemas.users import Attributes
from app.api.schemas.wishes import PreferencesIn
from app.engine.signals import SignalName
from app.services.reasons import Reason
from app.services.recommendations import ItemList, ListedItem

MAX_HISTORY = 500

SHAWSHANK_LIST: dict[str, Any] = {
    "recommendation_id": EXAMPLE_RECOMMENDATION_ID,
    "items": [
        {
            "item_id": "318",
            "rank": 1,
            "score": 1.83,
            "predicted_rating": 4.61,
            "item": {
                "title": "The Shawshank Redemption",
                "categories": ["Crime", "Drama"],
                "released_on": "1994-09-23",
                "image_url": None,
            },
            "reasons": [
                {
                    "kind": "because_you_rated",
                    "item_id": "527",
                    "title": "Schindler's List",
                    "value": 5.0,
                    "event": None,
                    "name": None,
                    "attribute": None,
                    "attribute_value": None,
                    "shared_people": [],
                    "shared_categories": ["Drama"],
                    "text": "Because you rated Schindler's List 5 stars",
                }
            ],
            "contributions": {"collaborative": 1.42, "content": 0.19, "popularity": 0.22},
        }
    ],
    "next_cursor": "Rg2k1c8mXw0VtZb3Q5n7Yg",
    "release": "2026-11-21T04-12-00Z-3f9c",
    "generated_at": "2026-11-21T10:15:00Z",
    "as_of": "2026-11-21T10:15:00Z",
    "history_size": 37,
    "fallback": None,
    "degraded": [],
}


class CardRatings(Answer):
    """What this service's own users say, as of the release; nothing yet of an item that is newer."""

    count: int
    mean: float | None = Field(description="Null without ratings.")


class Card(Answer):
    """What lists show of an item: `title`, `categories`, `released_on` and `image_url`, or what `fields` asks for."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    title: str = ""
    categories: list[str] = Field(default=[])
    released_on: date | None = None
    image_url: str | None = None
    description: str | None = None
    tags: list[str] = Field(default=[])
    people: list[PersonOut] = Field(default=[])
    duration_minutes: int | None = None
    certificate: str | None = None
    language: str | None = None
    url: str | None = None
    votes: int | None = Field(default=None, description="How many votes the item has elsewhere.")
    vote_mean: float | None = Field(default=None, description="Their mean, on their scale.")
    attributes: dict[str, Any] = Field(default={})
    ratings: CardRatings | None = None


class ReasonOut(Answer):
    """Why an item is in the list: a stable `kind` with its parameters, and the same in English."""

    kind: Literal[
        "because_you_rated",
        "because_of_event",
        "preferred_item",
        "preferred_category",
        "preferred_person",
        "related_to_history",
        "popular",
        "popular_in_group",
        "similar_to",
        "trending",
        "newest",
    ]
    item_id: str | None = Field(
        description="The item that the user rated, did something with or has stated to like, or that this one is like."
    )
    title: str | None = Field(description="Its title.")
    value: float | None = Field(description="The rating it got.")
    event: str | None = Field(description="The kind of the event, such as `play`, for `because_of_event`.")
    name: str | None = Field(description="The category or person, for `preferred_category` and `preferred_person`.")
    attribute: str | None = Field(
        description="One of the user's own attributes, for `popular_in_group`: those who share it take the item more often."
    )
    attribute_value: str | None = Field(description="The user's own value of it, as text.")
    shared_people: list[str] = Field(description="Up to five people whom that item and this one have in common.")
    shared_categories: list[str] = Field(description="Up to five categories that both are in.")
    text: str


class RankedItem(Answer):
    """One item of a list. `predicted_rating`, `reasons` and `contributions` are there with `explain=true`; contributions add up
    to `score`."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    item_id: str
    rank: int
    score: float
    predicted_rating: float | None = Field(
        default=None,
        description="In personal lists with `explain=true`: the rating the user would give; absent where there are no ratings.",
    )
    item: Card
    reasons: list[ReasonOut] = Field(default=[], description="With `explain=true`.")
    contributions: dict[SignalName | Literal["preferences"], float] = Field(
        default={},
        description="With `explain=true`: what each signal adds to the score, and, as `preferences`, the categories and people "
        "that the user has stated to like or not.",
    )


class RankedList(Answer):
    """A ranked list, and where it comes from."""

    model_config = ConfigDict(json_schema_extra={"examples": [SHAWSHANK_LIST]})

    recommendation_id: str = Field(
        description="Names this list: send it with the events that follow from it, for `GET /v1/metrics/online`."
    )
    items: list[RankedItem]
    next_cursor: str | None = Field(
        description="Send it as `cursor`, with the rest of the query as it is, for the next page; null on the last."
    )
    release: str | None = Field(description="The release that ranked the list; null without one.")
    generated_at: datetime
    as_of: datetime = Field(description="When the user's history was read.")
    history_size: int = Field(description="How many ratings and events the list was made from.")
    fallback: Literal["popularity", "preferences"] | None = Field(
        description="What stood in for a user without a history: what they have stated to like, or what is popular."
    )
    degraded: list[Literal["no_release", "database", "limits"]] = Field(
        description="What was missing when the list was made. `limits`: the user may have hard limits, which could not be "
        "read, so that only items marked `safe_for_all` are shown."
    )


class HistoryEntry(Strict):
    """One rating (`item_id`, `value`, `rated_at`) or event (`item_id`, `kind`, `value`, `occurred_at`) that is not stored."""

    item_id: ExternalId
    kind: Annotated[Text, Field(max_length=64)] | None = Field(
        default=None, description="What was done, for an event.", examples=["play"]
    )
    value: FeedbackValue | None = Field(
        default=None, description="A rating on the scale of the service, or how much of an event.", examples=[5.0]
    )
    rated_at: Instant | None = Field(default=None, description="Without it, the order of the list counts: newest last.")
    occurred_at: Instant | None = Field(default=None, description="The same, for an event.")


class HistoryIn(Strict):
    """A history to recommend for: an anonymous visitor's, or one to try out. Nothing of it is stored."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"history": [{"item_id": "527", "value": 5.0}, {"item_id": "593", "kind": "play", "value": 0.9}]}
            ]
        }
    )

    history: list[HistoryEntry] = Field(max_length=MAX_HISTORY)
    preferences: PreferencesIn = Field(
        default=PreferencesIn(),
        description="What the visitor has stated to like or not, and hard limits; nothing is stored.",
    )
    attributes: Attributes = Field(
        default={},
        description="What you know of the visitor, as with `PUT /v1/users/{user_id}`; nothing is stored.",
        examples=[{"age_group": "18-24"}],
    )


def render_list(
    listed: ItemList, recommendation_id: str, generated_at: datetime, next_cursor: str | None = None
) -> bytes:
    """The JSON of a :class:`RankedList`; cards are copied as they are."""
    return orjson.dumps(
        {
            "recommendation_id": recommendation_id,
            "items": render_items(listed.items, listed.rank),
            "next_cursor": next_cursor,
            "release": listed.release,
            "generated_at": generated_at.astimezone(UTC),
            "as_of": listed.as_of.astimezone(UTC),
            "history_size": listed.history_size,
            "fallback": listed.fallback,
            "degraded": list(listed.degraded),
        },
        option=orjson.OPT_UTC_Z,
    )


def render_items(items: Sequence[ListedItem], first_rank: int = 1) -> list[dict[str, Any]]:
    """The items of a list as they are written into JSON, the first with this rank."""
    return [_ranked(item, rank) for rank, item in enumerate(items, first_rank)]


def _ranked(item: ListedItem, rank: int) -> dict[str, Any]:
    ranked: dict[str, Any] = {
        "item_id": item.item_id,
        "rank": rank,
        "score": item.score,
        "item": orjson.Fragment(item.card),
    }
    if item.predicted_rating is not None:
        ranked["predicted_rating"] = item.predicted_rating
    if item.reasons is not None:
        ranked["reasons"] = [render_reason(reason) for reason in item.reasons]
    if item.contributions is not None:
        ranked["contributions"] = item.contributions
    return ranked


def render_reason(reason: Reason) -> dict[str, Any]:
    """A :class:`ReasonOut` as it is written into JSON."""
    return {
        "kind": reason.kind,
        "item_id": reason.item_id,
        "title": reason.title,
        "value": reason.value,
        "event": reason.event,
        "name": reason.name,
        "attribute": reason.attribute,
        "attribute_value": reason.attribute_value,
        "shared_people": list(reason.shared_people),
        "shared_categories": list(reason.shared_categories),
        "text": reason.text,
    }
