"""Lists that are the same for everybody: what is popular, what is like an item."""

from typing import Annotated, Any

from fastapi import Path, Query, Response

from app.api.conditional import EACH_TIME, with_etag
from app.api.deps import NowDep, ServicesDep
from app.api.list_pages import ListCall
from app.api.routing import Router
from app.api.schemas.base import ExternalId
from app.api.schemas.list_query import ListQuery
from app.api.schemas.lists import RankedList
from app.api.user_feedback import vote_share_of
from app.engine.similarity import Likeness
from app.errors import Unavailable
from app.services.popular import popular_or_nothing
from app.services.recommendations import list_popular, list_similar

router = Router(prefix="/v1", tags=["Recommendations"])
_NOT_FOUND: dict[int | str, dict[str, Any]] = {404: {"description": "There is no such item."}}


@router.get("/popular", operation_id="get_popular", summary="List what is popular", response_model=RankedList)
@with_etag(*EACH_TIME)
async def get_popular(services: ServicesDep, now: NowDep, request: ListQuery) -> Response:
    """What is taken and liked most by everybody."""
    call = ListCall(services, "popular", request, now)
    page, serving = call.page(), services.live.serving
    if serving is None:
        share = vote_share_of(services.settings)
        listed = await popular_or_nothing(services.database.sessions, request, now=now, vote_share=share, page=page)
    else:
        listed = list_popular(serving, request, now=now, page=page)
    return call.answer(listed, page)


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
    """More like this one. An item stored a moment ago has its like too."""
    serving = services.live.serving
    if serving is None:
        raise Unavailable("There is no release yet: nothing is known of what is like what.", code="no_release")
    call = ListCall(services, "similar", request, now, f"{by} {item_id}")
    page = call.page()
    return call.answer(list_similar(serving, item_id, by, request, now=now, page=page), page)
