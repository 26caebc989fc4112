"""What a list may be asked for: filters, dials, how much of it and of what it says."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Annotated

from fastapi import Depends, Query
from pydantic import Field

from app.api.schemas.base import Date, ExternalId, Text
from app.api.schemas.paging import FrozenCursor
from app.api.schemas.query import Limit, QueryFlag, QueryInteger, QueryNumber
from app.engine.signals import SignalName
from app.services import limits
from app.services.cards import CardField
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
CursorQuery = Annotated[
    FrozenCursor,
    Query(
        description="`next_cursor` of the page before, with the same query as there; only `limit`, `explain` and `fields` may "
        "differ. All pages are of one list of up to 500 items (200 with `diversity`), which stays as it was whatever is rated "
        "meanwhile; what was hidden or deleted since is left out."
    ),
]
SearchCursorQuery = Annotated[
    FrozenCursor,
    Query(
        description="`next_cursor` of the page before, with the same query as there; only `limit`, `explain` and `fields` may "
        "differ. All pages are of one list of up to 500 items, which stays as it was whatever is rated meanwhile; what was "
        "hidden or deleted since is left out."
    ),
]
FieldsQuery = Annotated[
    list[CardField],
    Query(
        max_length=20,
        description="What to return of each item; without it `title`, `categories`, `released_on` and `image_url`.",
        examples=[["title", "duration_minutes", "ratings"]],
    ),
]
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
SignalsQuery = Annotated[
    list[SignalName],
    Query(max_length=5, description="The signals to use; without it, all of them.", examples=[["content"]]),
]
PopularityQuery = Annotated[
    QueryNumber, Query(ge=-1, le=1, description="From -1, rather the obscure, to 1, rather the popular.")
]
FiltersQuery = Annotated[Filters, Depends(read_filters)]


@dataclass(frozen=True, slots=True)
class _Presentation:
    """How much of a list to return, from where on, and what of each item: the same list all the same."""

    limit: int
    cursor: str | None
    explain: bool
    fields: Sequence[CardField] | None


async def _read_presentation(
    limit: LimitQuery = 20, cursor: CursorQuery = None, explain: ExplainQuery = False, fields: FieldsQuery = []
) -> _Presentation:
    return _Presentation(limit, cursor, explain, tuple(dict.fromkeys(fields)) or None)


_PresentationQuery = Annotated[_Presentation, Depends(_read_presentation)]


async def _read_wishes(
    filters: FiltersQuery, presentation: _PresentationQuery, diversity: DiversityQuery = 0.0
) -> ListRequest:
    return _request(presentation, ListRequest(filters=filters, diversity=diversity))


async def _read_personal_wishes(
    filters: FiltersQuery,
    presentation: _PresentationQuery,
    signals: SignalsQuery = [],
    include_seen: Annotated[QueryFlag, Query(description="Also what the user has seen already.")] = False,
    diversity: DiversityQuery = 0.0,
    popularity: PopularityQuery = 0.0,
) -> ListRequest:
    wishes = ListRequest(
        filters=filters,
        signals=frozenset(signals) or None,
        include_seen=include_seen,
        diversity=diversity,
        popularity=popularity,
    )
    return _request(presentation, wishes)


def _request(presentation: _Presentation, wishes: ListRequest) -> ListRequest:
    """The wishes with how they are to be presented, and with a digest of the wishes alone."""
    chosen = (wishes.filters, sorted(wishes.signals or ()), wishes.include_seen, wishes.diversity, wishes.popularity)
    return replace(
        wishes,
        limit=presentation.limit,
        cursor=presentation.cursor,
        explain=presentation.explain,
        fields=presentation.fields,
        asked=blake2b(repr(chosen).encode(), digest_size=8).digest(),
    )


async def _read_home_wishes(
    filters: FiltersQuery,
    limit: LimitQuery = 20,
    signals: SignalsQuery = [],
    include_seen: Annotated[QueryFlag, Query(description="Also what the user has seen already.")] = False,
    popularity: PopularityQuery = 0.0,
    explain: ExplainQuery = False,
    fields: FieldsQuery = [],
) -> ListRequest:
    """The dials are those of the rows that follow the user's own scores; what is like an item, trending or new stays so."""
    return _request(
        _Presentation(limit, None, explain, tuple(dict.fromkeys(fields)) or None),
        ListRequest(
            filters=filters, signals=frozenset(signals) or None, include_seen=include_seen, popularity=popularity
        ),
    )


async def _read_search_wishes(
    filters: FiltersQuery,
    limit: LimitQuery = 20,
    cursor: SearchCursorQuery = None,
    explain: ExplainQuery = False,
    fields: FieldsQuery = [],
) -> ListRequest:
    shown = _Presentation(limit, cursor, explain, tuple(dict.fromkeys(fields)) or None)
    return _request(shown, ListRequest(filters=filters))


HomeQuery = Annotated[ListRequest, Depends(_read_home_wishes)]
ListQuery = Annotated[ListRequest, Depends(_read_wishes)]
PersonalListQuery = Annotated[ListRequest, Depends(_read_personal_wishes)]
SearchQuery = Annotated[ListRequest, Depends(_read_search_wishes)]
