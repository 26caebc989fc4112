"""Every call of the API, described once as data; who sends it is another matter.

All of them may be sent twice: what writes goes by address, by its own id or under an ``Idempotency-Key``, so that each can be
retried.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Self, TypeVar, Unpack, cast
from uuid import uuid4

from medley_client import answers, inputs, stored

Answer = TypeVar("Answer")
Item = TypeVar("Item")


@dataclass(frozen=True)
class Request(Generic[Answer]):
    """A call: the path as the OpenAPI document has it, what to put into it, and the type of what comes back."""

    method: str
    path: str
    ids: Mapping[str, str] = field(default_factory=dict[str, str])
    query: Mapping[str, Any] = field(default_factory=dict[str, Any])
    body: Mapping[str, Any] | None = None
    repeatable: bool = False
    """Whether a POST does no harm when it is sent twice. Any other carries an ``Idempotency-Key``."""


@dataclass(frozen=True)
class PageRequest(Request[Answer], Generic[Answer, Item]):
    """A call whose answer is one page of something longer."""

    rows: str = "items"

    def after(self, page: Answer) -> Self | None:
        """The request for the page that follows, None after the last."""
        cursor = cast("Mapping[str, Any]", page)["next_cursor"]
        return replace(self, query={**self.query, "cursor": cursor}) if cursor else None

    def items_of(self, page: Answer) -> list[Item]:
        """What is on a page."""
        return cast("Mapping[str, list[Item]]", page)[self.rows]


def recommendations(
    user_id: str, **query: Unpack[inputs.RecommendationQuery]
) -> PageRequest[answers.RankedList, answers.RankedItem]:
    """The best items for a user, as of now."""
    return PageRequest("GET", "/v1/users/{user_id}/recommendations", {"user_id": user_id}, query)


def recommend_for_history(
    history: Sequence[inputs.HistoryEntry],
    *,
    preferences: Mapping[str, inputs.Tastes | inputs.Limits] | None = None,
    attributes: Mapping[str, Any] | None = None,
    **query: Unpack[inputs.RecommendationQuery],
) -> PageRequest[answers.RankedList, answers.RankedItem]:
    """The best items for somebody who did this. Nothing is stored."""
    body = present(history=history, preferences=preferences, attributes=attributes)
    return PageRequest("POST", "/v1/recommendations", query=query, body=body, repeatable=True)


def home(user_id: str, **query: Unpack[inputs.HomeQuery]) -> Request[answers.HomePage]:
    """All rows of a home page, in which no item comes twice."""
    return Request("GET", "/v1/users/{user_id}/home", {"user_id": user_id}, query)


def similar(item_id: str, **query: Unpack[inputs.SimilarQuery]) -> PageRequest[answers.RankedList, answers.RankedItem]:
    """More like this item."""
    return PageRequest("GET", "/v1/items/{item_id}/similar", {"item_id": item_id}, query)


def popular(**query: Unpack[inputs.ChartQuery]) -> PageRequest[answers.RankedList, answers.RankedItem]:
    """What everybody likes."""
    return PageRequest("GET", "/v1/popular", query=query)


def trending(**query: Unpack[inputs.TrendingQuery]) -> PageRequest[answers.RankedList, answers.RankedItem]:
    """What is on the rise."""
    return PageRequest("GET", "/v1/trending", query=query)


def latest(**query: Unpack[inputs.LatestQuery]) -> PageRequest[answers.RankedList, answers.RankedItem]:
    """What is new."""
    return PageRequest("GET", "/v1/latest", query=query)


def categories(*, limit: int | None = None) -> Request[answers.Categories]:
    """The categories, the largest first."""
    return Request("GET", "/v1/categories", query=present(limit=limit))


def search(q: str, **query: Unpack[inputs.SearchQuery]) -> PageRequest[answers.SearchResults, answers.FoundItem]:
    """Titles and people, typos allowed, also while somebody is still typing."""
    return PageRequest("GET", "/v1/search", query={"q": q, **query})


def explanation(
    user_id: str, item_id: str, **query: Unpack[inputs.RecommendationQuery]
) -> Request[answers.ExplanationOut]:
    """Why an item is in a user's list, or what keeps it out. Give the query that the list was asked for with."""
    path = "/v1/users/{user_id}/recommendations/{item_id}/explanation"
    return Request("GET", path, {"user_id": user_id, "item_id": item_id}, query)


def predictions(user_id: str, item_ids: Sequence[str]) -> Request[answers.PredictionsOut]:
    """How many stars a user would give to each item."""
    return Request("GET", "/v1/users/{user_id}/predictions", {"user_id": user_id}, {"item_id": item_ids})


def rate(
    user_id: str, item_id: str, value: float, *, rated_at: inputs.Time | None = None
) -> Request[answers.WrittenRating]:
    """Store a rating, or replace it. The very next list knows it."""
    body = present(value=value, rated_at=rated_at)
    return Request("PUT", "/v1/users/{user_id}/ratings/{item_id}", {"user_id": user_id, "item_id": item_id}, body=body)


def rate_batch(ratings: Sequence[inputs.RatingIn]) -> Request[answers.RatingBatchResult]:
    """Store up to 10,000 ratings, with an outcome for each."""
    return Request("POST", "/v1/ratings:batch", body={"ratings": ratings})


def undo_rating(user_id: str, item_id: str) -> Request[None]:
    """Take a rating back."""
    return Request("DELETE", "/v1/users/{user_id}/ratings/{item_id}", {"user_id": user_id, "item_id": item_id})


def rating_scale() -> Request[answers.RatingScaleOut]:
    """Between which values ratings lie."""
    return Request("GET", "/v1/rating-scale")


def rating(user_id: str, item_id: str) -> Request[answers.RatingOut]:
    """One rating of a user."""
    return Request("GET", "/v1/users/{user_id}/ratings/{item_id}", {"user_id": user_id, "item_id": item_id})


def ratings(user_id: str, **query: Unpack[inputs.RatingsQuery]) -> PageRequest[answers.RatingPage, answers.RatingOut]:
    """What a user has rated."""
    return PageRequest("GET", "/v1/users/{user_id}/ratings", {"user_id": user_id}, query, rows="ratings")


def send_event(**event: Unpack[inputs.EventIn]) -> Request[answers.WrittenEvent]:
    """Tell what a user did with an item. Without an ``event_id`` one is made, so that a retry counts once."""
    return Request("POST", "/v1/events", body=with_event_id(event), repeatable=True)


def send_events(events: Sequence[inputs.EventIn]) -> Request[answers.EventBatchResult]:
    """Tell up to 10,000 events, with an outcome for each."""
    body = {"events": [with_event_id(event) for event in events]}
    return Request("POST", "/v1/events:batch", body=body, repeatable=True)


def undo_event(event_id: str) -> Request[None]:
    """Take an event back."""
    return Request("DELETE", "/v1/events/{event_id}", {"event_id": event_id})


def preferences(user_id: str) -> Request[answers.PreferencesOut]:
    """What a user said they like, dislike and never want to see."""
    return Request("GET", "/v1/users/{user_id}/preferences", {"user_id": user_id})


def set_preferences(
    user_id: str,
    *,
    liked: inputs.Tastes | None = None,
    disliked: inputs.Tastes | None = None,
    limits: inputs.Limits | None = None,
) -> Request[answers.PreferencesOut]:
    """Replace all that a user said; what is left out is forgotten."""
    body = present(liked=liked, disliked=disliked, limits=limits)
    return Request("PUT", "/v1/users/{user_id}/preferences", {"user_id": user_id}, body=body)


def clear_preferences(user_id: str) -> Request[None]:
    """Forget all that a user said."""
    return Request("DELETE", "/v1/users/{user_id}/preferences", {"user_id": user_id})


def suppressions(user_id: str) -> Request[answers.SuppressionList]:
    """What a user does not want to see at present."""
    return Request("GET", "/v1/users/{user_id}/suppressions", {"user_id": user_id})


def suppress_item(
    user_id: str, item_id: str, *, days: int | None = None, expires_at: inputs.Time | None = None
) -> Request[answers.SuppressionOut]:
    """Not this item, for a while or for good."""
    path = "/v1/users/{user_id}/suppressions/items/{item_id}"
    return Request(
        "PUT", path, {"user_id": user_id, "item_id": item_id}, body=present(days=days, expires_at=expires_at)
    )


def undo_suppress_item(user_id: str, item_id: str) -> Request[None]:
    """This item again."""
    path = "/v1/users/{user_id}/suppressions/items/{item_id}"
    return Request("DELETE", path, {"user_id": user_id, "item_id": item_id})


def suppress_category(
    user_id: str, category: str, *, days: int | None = None, expires_at: inputs.Time | None = None
) -> Request[answers.SuppressionOut]:
    """Nothing of this category, for a while or for good."""
    path = "/v1/users/{user_id}/suppressions/categories/{category}"
    body = present(days=days, expires_at=expires_at)
    return Request("PUT", path, {"user_id": user_id, "category": category}, body=body)


def undo_suppress_category(user_id: str, category: str) -> Request[None]:
    """This category again."""
    path = "/v1/users/{user_id}/suppressions/categories/{category}"
    return Request("DELETE", path, {"user_id": user_id, "category": category})


def user(user_id: str) -> Request[stored.UserOut]:
    """What is known of a user."""
    return Request("GET", "/v1/users/{user_id}", {"user_id": user_id})


def put_user(user_id: str, attributes: Mapping[str, Any]) -> Request[stored.WrittenUser]:
    """Store what you know of a user; other attributes are forgotten."""
    return Request("PUT", "/v1/users/{user_id}", {"user_id": user_id}, body={"attributes": attributes})


def patch_user(user_id: str, attributes: Mapping[str, Any]) -> Request[stored.WrittenUser]:
    """Store some attributes of a user; the others stay."""
    return Request("PATCH", "/v1/users/{user_id}", {"user_id": user_id}, body={"attributes": attributes})


def erase_user(user_id: str) -> Request[None]:
    """Forget a user with all that is held on them."""
    return Request("DELETE", "/v1/users/{user_id}", {"user_id": user_id})


def merge_users(user_id: str, from_user_id: str) -> Request[stored.MergedUser]:
    """A visitor has logged in: the user takes over what the visitor did, and the former id. For server keys only."""
    body = {"from_user_id": from_user_id}
    return Request("POST", "/v1/users/{user_id}:merge", {"user_id": user_id}, body=body)


def export_user(user_id: str) -> Request[stored.UserExport]:
    """Everything that is held on a user; for server keys only."""
    return Request("GET", "/v1/users/{user_id}/export", {"user_id": user_id})


def neighbours(user_id: str, *, limit: int | None = None) -> Request[stored.NeighbourList]:
    """Users who rate alike; for server keys only."""
    return Request("GET", "/v1/users/{user_id}/neighbours", {"user_id": user_id}, present(limit=limit))


def items(**query: Unpack[inputs.CatalogueQuery]) -> PageRequest[stored.ItemPage, stored.CatalogueItem]:
    """The catalogue, or what of it passes the filters."""
    return PageRequest("GET", "/v1/items", query=query)


def item(item_id: str) -> Request[stored.ItemDetail]:
    """One item, with its rating statistics."""
    return Request("GET", "/v1/items/{item_id}", {"item_id": item_id})


def put_item(item_id: str, **fields: Unpack[inputs.ItemIn]) -> Request[stored.WrittenItem]:
    """Store an item, or replace it."""
    return Request("PUT", "/v1/items/{item_id}", {"item_id": item_id}, body=fields)


def put_items(rows: Sequence[inputs.ItemRow]) -> Request[stored.ItemBatchResult]:
    """Store many items, with an outcome for each."""
    return Request("POST", "/v1/items:batch", body={"items": rows}, repeatable=True)


def delete_item(item_id: str) -> Request[None]:
    """Take an item out of the catalogue."""
    return Request("DELETE", "/v1/items/{item_id}", {"item_id": item_id})


def present(**fields: Any) -> dict[str, Any]:
    """The fields that were given."""
    return {name: value for name, value in fields.items() if value is not None}


def with_event_id(event: inputs.EventIn) -> Mapping[str, Any]:
    """An event with an id, its own or a new one."""
    return {"event_id": f"evt_{uuid4().hex}", **event}
