"""Search as it is asked for and answered."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import orjson
from fastapi import Query
from pydantic import ConfigDict, Field

from app.api.schemas.base import Answer, ExternalId, Text
from app.api.schemas.events import EXAMPLE_RECOMMENDATION_ID
from app.api.schemas.lists import SHAWSHANK_LIST, Card, ReasonOut, render_reason
from app.services.search import Hit, Hits
from app.services.search_text import LONGEST_QUERY
from app.services.text_match import Quality

FOUND: dict[str, Any] = {
    "recommendation_id": EXAMPLE_RECOMMENDATION_ID,
    "items": [
        {
            "item_id": "318",
            "rank": 1,
            "score": 2.46,
            "predicted_rating": 4.61,
            "item": {
                "title": "The Shawshank Redemption",
                "categories": ["Crime", "Drama"],
                "released_on": "1994-09-23",
                "image_url": None,
            },
            "match": {"by": "title", "quality": "similar", "person": None},
            "reasons": [SHAWSHANK_LIST["items"][0]["reasons"][0]],
            "contributions": {"match": 2.23, "personal": 0.23},
        },
        {
            "item_id": "47",
            "rank": 2,
            "score": 1.93,
            "predicted_rating": 4.2,
            "item": {
                "title": "Se7en",
                "categories": ["Mystery", "Thriller"],
                "released_on": "1995-09-22",
                "image_url": None,
            },
            "match": {"by": "person", "quality": "similar", "person": "Morgan Freeman"},
            "reasons": [],
            "contributions": {"match": 1.71, "personal": 0.22},
        },
    ],
    "next_cursor": None,
    "release": "2026-11-21T04-12-00Z-3f9c",
    "generated_at": "2026-11-21T10:15:00Z",
    "as_of": "2026-11-21T10:15:00Z",
    "degraded": [],
}

SearchText = Annotated[
    Text,
    Query(
        min_length=1,
        max_length=LONGEST_QUERY,
        description="What was typed, also while it is being typed: of a title or of a person's name, with or without typos and "
        "accents. What holds no letter and no digit finds nothing.",
        examples=["shawshnak", "star wa", "tom hanks"],
    ),
]
SearchingUser = Annotated[
    ExternalId | None,
    Query(
        description="Whose search it is: what suits them comes first among what matches as well. Their hard limits hold, and "
        "what they have seen or suppressed is found all the same.",
        examples=["42"],
    ),
]


class MatchOut(Answer):
    """Why an item was found."""

    by: Literal["title", "person"]
    quality: Quality = Field(
        description="`exact`: the text and nothing else, apart from articles; `prefix`: it begins so; `words`: all words are "
        "there or begun; `similar`: nearly, as with a typo."
    )
    person: str | None = Field(description="Who matched, for `person`.")


class FoundItem(Answer):
    """One item that was found. `reasons` and `contributions` are there with `explain=true`; contributions add up to `score`."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    item_id: str
    rank: int
    score: float = Field(description="How well it matches, and how well it suits; says nothing across searches.")
    predicted_rating: float | None = Field(
        default=None,
        description="With `explain=true` and `user_id`: the rating the user would give; absent where there are no ratings.",
    )
    item: Card
    match: MatchOut
    reasons: list[ReasonOut] = Field(
        default=[],
        description="With `explain=true`: why the item suits the user, as in the user's other lists; none without `user_id`.",
    )
    contributions: dict[Literal["match", "personal", "popularity"], float] = Field(
        default={},
        description="With `explain=true`: what it adds to the score that the text matches (`match`), and that the item suits the "
        "user (`personal`) or, for who has no history and without `user_id`, everybody (`popularity`).",
    )


class SearchResults(Answer):
    """What a search found, best first."""

    model_config = ConfigDict(json_schema_extra={"examples": [FOUND]})

    recommendation_id: str = Field(
        description="Names this list: send it with the events that follow from it, for `GET /v1/metrics/online`."
    )
    items: list[FoundItem]
    next_cursor: str | None = Field(description="Where the next page of this very list begins; null on the last.")
    release: str | None = Field(description="The release whose scores the order takes into account; null without one.")
    generated_at: datetime
    as_of: datetime = Field(description="When the user's history was read.")
    degraded: list[Literal["no_release", "database", "limits"]] = Field(
        description="What was missing. Without the database what the service holds in memory is searched."
    )


def render_hits(hits: Hits, next_cursor: str | None, recommendation_id: str, generated_at: datetime) -> bytes:
    """The JSON of :class:`SearchResults`; cards are copied as they are."""
    return orjson.dumps(
        {
            "recommendation_id": recommendation_id,
            "items": [_found(hit, rank) for rank, hit in enumerate(hits.items, hits.rank)],
            "next_cursor": next_cursor,
            "release": hits.release,
            "generated_at": generated_at.astimezone(UTC),
            "as_of": hits.as_of.astimezone(UTC),
            "degraded": list(hits.degraded),
        },
        option=orjson.OPT_UTC_Z,
    )


def _found(hit: Hit, rank: int) -> dict[str, Any]:
    found: dict[str, Any] = {
        "item_id": hit.item_id,
        "rank": rank,
        "score": hit.score,
        "item": orjson.Fragment(hit.card),
        "match": {"by": hit.by, "quality": hit.quality, "person": hit.person},
    }
    if hit.predicted_rating is not None:
        found["predicted_rating"] = hit.predicted_rating
    if hit.contributions is not None:
        found["reasons"] = [render_reason(reason) for reason in hit.reasons or ()]
        found["contributions"] = hit.contributions
    return found
