"""Lists that are the same for everybody: what is popular, on the rise or new, what is like an item."""

from typing import Annotated

import orjson
from fastapi import Path, Query, Response

from app.api.conditional import EACH_TIME, with_etag
from app.api.deps import NowDep, ServicesDep
from app.api.docs_examples import refused
from app.api.list_pages import ListCall
from app.api.routing import Router
from app.api.schemas.base import ExternalId
from app.api.schemas.home import Categories
from app.api.schemas.list_query import ListQuery
from app.api.schemas.lists import RankedList
from app.api.schemas.query import CategoryLimit
from app.api.user_feedback import vote_share_of
from app.engine.similarity import Likeness
from app.services.charts import Period, TrendingPeriod, list_latest, list_popular, list_trending
from app.services.frozen_lists import Page
from app.services.popular import count_categories, popular_or_nothing
from app.services.recommendations import ItemList, list_similar
from app.services.stored_similar import list_popular_beside

router = Router(prefix="/v1", tags=["Recommendations"])
_NOT_FOUND = refused(404, "unknown_item", "There is no such item.")


@router.get("/popular", operation_id="get_popular", summary="List what is popular", response_model=RankedList)
@with_etag(*EACH_TIME)
async def get_popular(
    services: ServicesDep,
    now: NowDep,
    request: ListQuery,
    period: Annotated[
        Period, Query(description="Over all time, fading, or of a period up to the newest feedback of the release.")
    ] = "all",
) -> Response:
    """What is taken and liked most by everybody, or in a category; of a period, what was taken most in it."""
    call = ListCall(services, "popular", request, now, period)
    page, serving = call.page(), services.live.serving
    if serving is None:
        return call.answer(await _without_release(call, page), page)
    return call.answer(list_popular(serving, request, period, now=now, page=page), page)


@router.get("/trending", operation_id="get_trending", summary="List what is on the rise", response_model=RankedList)
@with_etag(*EACH_TIME)
async def get_trending(
    services: ServicesDep,
    now: NowDep,
    request: ListQuery,
    period: Annotated[
        TrendingPeriod,
        Query(
            description="Compared with the week, month or year before it: nothing longer is known to compare a year with."
        ),
    ] = "week",
) -> Response:
    """What is taken more often of late than the longer run lets expect, the most surprising first; what is popular follows, with
    scores below zero, so that the list is full. The period ends with the newest feedback of the release. Before the first
    release, what is popular."""
    call = ListCall(services, "trending", request, now, period)
    page, serving = call.page(), services.live.serving
    if serving is None:
        return call.answer(await _without_release(call, page), page)
    return call.answer(list_trending(serving, request, period, now=now, page=page), page)


@router.get("/latest", operation_id="get_latest", summary="List what is new", response_model=RankedList)
@with_etag(*EACH_TIME)
async def get_latest(services: ServicesDep, now: NowDep, request: ListQuery) -> Response:
    """The latest releases first, then what has no date by when it was added. What is still to be released is left out. Before the
    first release, what is popular."""
    call = ListCall(services, "latest", request, now)
    page, serving = call.page(), services.live.serving
    if serving is None:
        return call.answer(await _without_release(call, page), page)
    return call.answer(list_latest(serving, request, now=now, page=page), page)


async def _without_release(call: ListCall, page: Page | None) -> ItemList:
    services = call.services
    share = vote_share_of(services.settings)
    return await popular_or_nothing(services.database.sessions, call.request, now=call.now, vote_share=share, page=page)


@router.get("/categories", operation_id="list_categories", summary="List the categories", response_model=Categories)
@with_etag()
async def list_categories(
    services: ServicesDep, now: NowDep, limit: Annotated[CategoryLimit, Query()] = 100
) -> Response:
    """The categories and how many items of each may be shown, the largest first."""
    serving = services.live.serving
    if serving is None:
        counts = await count_categories(services.database.sessions, now=now)
    else:
        counts = serving.catalogue.category_counts(now)
    largest = sorted(counts.items(), key=lambda each: (-each[1], each[0]))[:limit]
    body = {"categories": [{"category": category, "items": count} for category, count in largest]}
    return Response(orjson.dumps(body), media_type="application/json")


@router.get(
    "/items/{item_id}/similar",
    operation_id="get_similar",
    summary="List items like an item",
    response_model=RankedList,
    responses=_NOT_FOUND,
)
@with_etag(*EACH_TIME)
async def get_similar(
    item_id: Annotated[ExternalId, Path(examples=["318"])],
    services: ServicesDep,
    now: NowDep,
    request: ListQuery,
    by: Annotated[Likeness, Query(description="By what it says about itself, by who takes it, or both.")] = "hybrid",
) -> Response:
    """More like this one. An item stored a moment ago has its like too. Before the first release, what is popular in the same
    categories."""
    serving = services.live.serving
    call = ListCall(services, "similar", request, now, f"{by} {item_id}")
    page = call.page()
    if serving is None:
        sessions, share = services.database.sessions, vote_share_of(services.settings)
        beside = await list_popular_beside(sessions, item_id, request, now=now, vote_share=share, page=page)
        return call.answer(beside, page)
    return call.answer(list_similar(serving, item_id, by, request, now=now, page=page), page)
