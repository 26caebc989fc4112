"""What the service holds on items and users, as it answers; see ``answers`` for the lists."""

from typing import Any, Literal, NotRequired, TypedDict

from medley_client.answers import PersonOut, PreferencesOut, SuppressionOut
from medley_client.errors import ProblemField


class RatingStatistics(TypedDict):
    count: int
    mean: float | None


class _StoredItem(TypedDict):
    item_id: str
    title: str
    description: str | None
    categories: list[str]
    tags: list[str]
    people: list[PersonOut]
    released_on: str | None
    duration_minutes: int | None
    certificate: str | None
    language: str | None
    image_url: str | None
    url: str | None
    available_from: str | None
    available_until: str | None
    votes: int | None
    vote_mean: float | None
    attributes: dict[str, Any]
    hidden: bool
    safe_for_all: bool
    created_at: str
    updated_at: str


class ItemDetail(_StoredItem):
    ratings: RatingStatistics


class WrittenItem(_StoredItem):
    outcome: Literal["created", "updated", "unchanged"]


class CatalogueItem(_StoredItem):
    """The required fields, or exactly those that ``fields`` asked for, and ``item_id``."""

    ratings: NotRequired[RatingStatistics | None]


class ItemPage(TypedDict):
    items: list[CatalogueItem]
    next_cursor: str | None


class ItemOutcome(TypedDict):
    position: int
    item_id: str | None
    outcome: str
    code: str | None
    detail: str | None
    errors: list[ProblemField]


class ItemBatchResult(TypedDict):
    counts: dict[str, int]
    outcomes: list[ItemOutcome]


class FavouriteCategoryOut(TypedDict):
    name: str
    rating_count: int
    rating_mean: float


class UserOut(TypedDict):
    user_id: str
    attributes: dict[str, Any]
    created_at: str
    rating_count: int
    rating_mean: float | None
    event_count: int
    first_active_at: str | None
    last_active_at: str | None
    favourite_categories: list[FavouriteCategoryOut]
    has_preferences: bool
    has_limits: bool


class WrittenUser(TypedDict):
    outcome: Literal["created", "updated"]
    user_id: str
    attributes: dict[str, Any]


class AliasHeld(TypedDict):
    user_id: str
    expires_at: str


class RatingHeld(TypedDict):
    """``value`` is None where the rating was undone."""

    item_id: str
    value: float | None
    rated_at: str


class EventHeld(TypedDict):
    event_id: str | None
    item_id: str
    kind: str
    value: float | None
    session_id: str | None
    recommendation_id: str | None
    position: int | None
    occurred_at: str
    received_at: str


class ExposureHeld(TypedDict):
    item_id: str
    list_kind: str | None
    release: str | None
    variant: str | None
    made_at: str
    shown: bool
    clicked: bool
    converted: bool


class UserExport(TypedDict):
    user_id: str
    created_at: str
    attributes: dict[str, Any]
    aliases: list[AliasHeld]
    preferences: PreferencesOut
    suppressions: list[SuppressionOut]
    ratings: list[RatingHeld]
    events: list[EventHeld]
    exposures: list[ExposureHeld]


class MergedUser(TypedDict):
    """``alias_until`` is null where the former id is the user's own."""

    outcome: Literal["merged", "unchanged"]
    user_id: str
    from_user_id: str
    rating_count: int
    event_count: int
    alias_until: str | None


class NeighbourOut(TypedDict):
    user_id: str
    similarity: float
    common_items: int
    item_ids: list[str]


class NeighbourList(TypedDict):
    neighbours: list[NeighbourOut]
