"""What a caller may say: the query parameters of each list, and the bodies."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal, NotRequired, Required, TypedDict

Signal = Literal["collaborative", "item_to_item", "next_item", "content", "popularity"]
Time = datetime | str
Day = date | str


class FilterQuery(TypedDict, total=False):
    """Which items a list may hold."""

    exclude_item: Sequence[str]
    released_from: Day
    released_to: Day
    max_duration: int
    min_rating: float
    min_ratings: int
    category: Sequence[str]
    exclude_category: Sequence[str]
    certificate: Sequence[str]
    language: Sequence[str]
    person: Sequence[str]
    tag: Sequence[str]


class SearchQuery(FilterQuery, total=False):
    """``user_id`` ranks what is found for that user; ``fields`` names what to return of each item."""

    user_id: str
    limit: int
    cursor: str
    explain: bool
    fields: Sequence[str]


class CatalogueQuery(FilterQuery, total=False):
    """``fields`` names what to return of each item besides its id."""

    limit: int
    cursor: str
    fields: Sequence[str]


class HomeQuery(FilterQuery, total=False):
    """``limit`` is the length of each row; ``signals`` and ``popularity`` are for those that follow the user's own scores."""

    limit: int
    signals: Sequence[Signal]
    include_seen: bool
    popularity: float
    explain: bool
    fields: Sequence[str]


class LatestQuery(FilterQuery, total=False):
    """``diversity`` goes from 0 to 1; ``fields`` names what to return of each item."""

    diversity: float
    limit: int
    cursor: str
    explain: bool
    fields: Sequence[str]


class ChartQuery(LatestQuery, total=False):
    """``period`` is the time that counts."""

    period: Literal["day", "week", "month", "year", "all"]


class TrendingQuery(LatestQuery, total=False):
    """``period`` is the time that is held against the one before."""

    period: Literal["day", "week", "month"]


class SimilarQuery(LatestQuery, total=False):
    """``by`` says what likeness is: by what people rate alike, by content, or both."""

    by: Literal["hybrid", "content", "collaborative"]


class RecommendationQuery(LatestQuery, total=False):
    """``popularity`` goes from -1, obscure, to 1, popular."""

    signals: Sequence[Signal]
    include_seen: bool
    popularity: float


class PageQuery(TypedDict, total=False):
    """One page, and how long it is."""

    limit: int
    cursor: str


class RatingsQuery(PageQuery, total=False):
    """One page of a user's ratings, of these items only where some are named."""

    item_id: Sequence[str]


class Tastes(TypedDict, total=False):
    """What somebody likes or dislikes."""

    categories: Sequence[str]
    people: Sequence[str]
    items: Sequence[str]


class Limits(TypedDict, total=False):
    """What no personal list may break."""

    max_duration: int | None
    certificates: Sequence[str]
    languages: Sequence[str]
    exclude_categories: Sequence[str]


class HistoryEntry(TypedDict, total=False):
    """One thing that somebody did: a rating (``value``) or an event (``kind``)."""

    item_id: Required[str]
    kind: str
    value: float
    rated_at: Time
    occurred_at: Time


class RatingIn(TypedDict):
    user_id: str
    item_id: str
    value: float
    rated_at: NotRequired[Time]


class EventIn(TypedDict, total=False):
    """``recommendation_id`` and ``position`` (a rank) say which list it came of."""

    item_id: Required[str]
    kind: Required[str]
    user_id: str
    session_id: str
    event_id: str
    value: float
    occurred_at: Time
    recommendation_id: str
    position: int


class ItemIn(TypedDict, total=False):
    title: Required[str]
    description: str | None
    categories: Sequence[str]
    tags: Sequence[str]
    people: Sequence[Mapping[str, str | None]]
    released_on: Day | None
    duration_minutes: int | None
    certificate: str | None
    language: str | None
    image_url: str | None
    url: str | None
    available_from: Time | None
    available_until: Time | None
    votes: int | None
    vote_mean: float | None
    attributes: Mapping[str, Any]
    hidden: bool
    safe_for_all: bool


class ItemRow(ItemIn):
    item_id: str
