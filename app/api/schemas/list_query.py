"""What a list may be asked for: filters, dials, how much of it and of what it says."""

from dataclasses import replace
from typing import Annotated

from fastapi import Depends, Query
from pydantic import Field

from app.api.schemas.base import Date, ExternalId, Text
from app.api.schemas.query import Limit, QueryFlag, QueryInteger, QueryNumber
from app.engine.signals import SignalName
from app.services import limits
from app.services.filters import Filters
from app.services.recommendations import ListRequest

MOST_VALUES = 50

Category = Annotated[Text, Field(min_length=1, max_length=limits.LONGEST_LABEL)]
Certificate = Annotated[Text, Field(min_length=1, max_length=limits.LONGEST_CERTIFICATE)]
Language = Annotated[str, Field(max_length=limits.LONGEST_LANGUAGE, pattern=limits.LANGUAGE_PATTERN)]
PersonName = Annotated[Text, Field(min_length=1, max_length=limits.LONGEST_NAME)]


async def _read_labels(
    category: Annotated[
        list[Category],
        Query(
            max_length=MOST_VALUES, description="In any of these categories, as they are spelt.", examples=[["Comedy"]]
        ),
    ] = [],
    exclude_category: Annotated[
        list[Category], Query(max_length=MOST_VALUES, description="In none of these categories.", examples=[["Horror"]])
    ] = [],
    certificate: Annotated[
        list[Certificate],
        Query(max_length=MOST_VALUES, description="With any of these certificates.", examples=[["PG", "PG-13"]]),
    ] = [],
    language: Annotated[
        list[Language],
        Query(
            max_length=MOST_VALUES,
            description="In any of these languages, BCP 47 tags; `pt` stands for `pt-BR` too.",
            examples=[["en"]],
        ),
    ] = [],
    person: Annotated[
        list[PersonName],
        Query(
            max_length=MOST_VALUES,
            description="With any of these people, in whatever role.",
            examples=[["Bill Murray"]],
        ),
    ] = [],
    tag: Annotated[
        list[Category], Query(max_length=MOST_VALUES, description="With any of these tags.", examples=[["time loop"]])
    ] = [],
) -> Filters:
    return Filters(category, exclude_category, certificates=certificate, languages=language, people=person, tags=tag)


async def read_filters(
    labels: Annotated[Filters, Depends(_read_labels)],
    exclude_item: Annotated[
        list[ExternalId], Query(max_length=500, description="None of these items.", examples=[["318", "527"]])
    ] = [],
    released_from: Annotated[
        Date | None, Query(description="Released on this day or later.", examples=["1990-01-01"])
    ] = None,
    released_to: Annotated[
        Date | None, Query(description="Released on this day or earlier.", examples=["1999-12-31"])
    ] = None,
    max_duration: Annotated[
        QueryInteger | None,
        Query(ge=0, le=limits.LONGEST_DURATION_MINUTES, description="Of at most so many minutes.", examples=[120]),
    ] = None,
    min_rating: Annotated[
        QueryNumber | None,
        Query(
            ge=-limits.LARGEST_VOTE_MEAN,
            le=limits.LARGEST_VOTE_MEAN,
            description="Rated so well on average, on the scale of the ratings: a Bayesian mean of the ratings here and "
            "the votes from elsewhere, in which few opinions weigh little. What nobody has rated does not pass.",
            examples=[3.5],
        ),
    ] = None,
    min_ratings: Annotated[
        QueryInteger,
        Query(
            ge=0,
            le=limits.MOST_VOTES,
            description="With so many ratings here and votes from elsewhere.",
            examples=[100],
        ),
    ] = 0,
) -> Filters:
    """The filters that every list takes. They choose among the items before the list is cut to its length, and change no score.
    An item that does not say what a filter asks for does not pass it."""
    return replace(
        labels,
        exclude_items=exclude_item,
        released_from=released_from,
        released_to=released_to,
        max_duration=max_duration,
        min_rating=min_rating,
        min_ratings=min_ratings,
    )


LimitQuery = Annotated[Limit, Query()]
ExplainQuery = Annotated[
    QueryFlag,
    Query(description="Say why: adds `reasons` and `contributions`, and in personal lists `predicted_rating`."),
]
DiversityQuery = Annotated[
    QueryNumber,
    Query(
        ge=0,
        le=1,
        description="How much the items should differ: 0 is the plain ranking, 1 thinks of nothing else. The scores stay "
        "what they are, so that a diverse list does not fall by score.",
    ),
]
FiltersQuery = Annotated[Filters, Depends(read_filters)]


async def _read_wishes(
    filters: FiltersQuery,
    limit: LimitQuery = 20,
    signals: Annotated[
        list[SignalName], Query(max_length=5, description="The signals to use; without it, all of them.")
    ] = [],
    include_seen: Annotated[QueryFlag, Query(description="Also what the user has seen already.")] = False,
    explain: ExplainQuery = False,
    diversity: DiversityQuery = 0.0,
    popularity: Annotated[
        QueryNumber, Query(ge=-1, le=1, description="From -1, rather the obscure, to 1, rather the popular.")
    ] = 0.0,
) -> ListRequest:
    return ListRequest(
        limit, filters, frozenset(signals) or None, include_seen, explain, diversity=diversity, popularity=popularity
    )


PersonalListQuery = Annotated[ListRequest, Depends(_read_wishes)]
