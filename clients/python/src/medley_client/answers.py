"""What the service answers, as typed dictionaries that bear the names of the OpenAPI document's schemas.

The JSON is handed over as it came: times stay RFC 3339 text, and a field that a newer service adds is simply there.
"""

from typing import Any, Literal, NotRequired, Required, TypedDict

from medley_client.errors import ProblemField

Degraded = list[Literal["no_release", "database", "limits"]]
Fallback = Literal["popularity", "preferences"] | None


class PersonOut(TypedDict):
    name: str
    role: str | None


class CardRatings(TypedDict):
    count: int
    mean: float | None


class Card(TypedDict, total=False):
    """An item in a list: the required fields, or exactly those that ``fields`` asked for."""

    title: Required[str]
    categories: Required[list[str]]
    released_on: Required[str | None]
    image_url: Required[str | None]
    description: str | None
    tags: list[str]
    people: list[PersonOut]
    duration_minutes: int | None
    certificate: str | None
    language: str | None
    url: str | None
    votes: int | None
    vote_mean: float | None
    attributes: dict[str, Any]
    ratings: CardRatings | None


class ReasonOut(TypedDict):
    """``kind`` is stable, for apps that word or translate reasons themselves; ``text`` is English."""

    kind: str
    item_id: str | None
    title: str | None
    value: float | None
    event: str | None
    name: str | None
    attribute: str | None
    attribute_value: str | None
    shared_people: list[str]
    shared_categories: list[str]
    text: str


class RankedItem(TypedDict):
    """``reasons`` and ``contributions`` come with ``explain=True``."""

    item_id: str
    rank: int
    score: float
    predicted_rating: NotRequired[float | None]
    item: Card
    reasons: NotRequired[list[ReasonOut]]
    contributions: NotRequired[dict[str, float]]


class RankedList(TypedDict):
    recommendation_id: str
    items: list[RankedItem]
    next_cursor: str | None
    release: str | None
    generated_at: str
    as_of: str
    history_size: int
    fallback: Fallback
    degraded: Degraded


class HomeRowOut(TypedDict):
    kind: str
    title: str
    item_id: str | None
    item_title: str | None
    category: str | None
    items: list[RankedItem]


class HomePage(TypedDict):
    recommendation_id: str
    rows: list[HomeRowOut]
    release: str | None
    generated_at: str
    as_of: str
    history_size: int
    fallback: Fallback
    degraded: Degraded


class MatchOut(TypedDict):
    by: Literal["title", "person"]
    quality: Literal["exact", "prefix", "words", "similar"]
    person: str | None


class FoundItem(TypedDict):
    """``reasons`` and ``contributions`` come with ``explain=True``."""

    item_id: str
    rank: int
    score: float
    predicted_rating: NotRequired[float | None]
    item: Card
    match: MatchOut
    reasons: NotRequired[list[ReasonOut]]
    contributions: NotRequired[dict[str, float]]


class SearchResults(TypedDict):
    recommendation_id: str
    items: list[FoundItem]
    next_cursor: str | None
    release: str | None
    generated_at: str
    as_of: str
    degraded: Degraded


class ObstacleOut(TypedDict):
    """What keeps an item out of the list."""

    code: str
    text: str
    subject: str | None
    rank: int | None
    behind: float | None


class EvidenceOut(TypedDict):
    item_id: str
    title: str
    value: float | None
    event: str | None
    part: float
    signals: dict[str, float]


class PredictedRatingOut(TypedDict):
    item_id: str
    predicted_rating: float | None
    low: float | None
    high: float | None


class ExplanationOut(TypedDict):
    item_id: str
    item: Card
    listed: bool
    list_rank: int | None
    rank: int | None
    out_of: int | None
    score: float | None
    contributions: dict[str, float]
    obstacles: list[ObstacleOut]
    reasons: list[ReasonOut]
    evidence: list[EvidenceOut]
    prediction: PredictedRatingOut | None
    release: str | None
    as_of: str
    history_size: int
    fallback: Fallback
    degraded: Degraded


class PredictionsOut(TypedDict):
    predictions: list[PredictedRatingOut]
    interval: float | None
    ratings_used: int
    release: str | None
    as_of: str
    degraded: Degraded


class CategoryOut(TypedDict):
    category: str
    items: int


class Categories(TypedDict):
    categories: list[CategoryOut]


class RatingOut(TypedDict):
    user_id: str
    item_id: str
    value: float
    rated_at: str


class RatingScaleOut(TypedDict):
    minimum: float
    maximum: float


class WrittenRating(TypedDict):
    outcome: Literal["created", "updated", "unchanged", "stale"]
    rating: RatingOut | None


class RatingPage(TypedDict):
    ratings: list[RatingOut]
    next_cursor: str | None


class RatingOutcome(TypedDict):
    position: int
    code: str | None
    detail: str | None
    errors: list[ProblemField]
    outcome: Literal["created", "updated", "unchanged", "stale", "superseded", "rejected"]


class RatingBatchResult(TypedDict):
    counts: dict[str, int]
    outcomes: list[RatingOutcome]


class EventOut(TypedDict):
    event_id: str
    user_id: str | None
    session_id: str | None
    item_id: str
    kind: str
    value: float | None
    occurred_at: str
    recommendation_id: str | None
    position: int | None


class WrittenEvent(TypedDict):
    outcome: Literal["created", "duplicate"]
    event: EventOut


class EventOutcome(TypedDict):
    position: int
    code: str | None
    detail: str | None
    errors: list[ProblemField]
    event_id: str | None
    outcome: Literal["created", "duplicate", "rejected"]


class EventBatchResult(TypedDict):
    counts: dict[str, int]
    outcomes: list[EventOutcome]


class TastesOut(TypedDict):
    categories: list[str]
    people: list[str]
    items: list[str]


class LimitsOut(TypedDict):
    max_duration: int | None
    certificates: list[str]
    languages: list[str]
    exclude_categories: list[str]


class PreferencesOut(TypedDict):
    liked: TastesOut
    disliked: TastesOut
    limits: LimitsOut
    updated_at: str | None


class SuppressionOut(TypedDict):
    kind: Literal["item", "category"]
    id: str
    expires_at: str | None


class SuppressionList(TypedDict):
    suppressions: list[SuppressionOut]
