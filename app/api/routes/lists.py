"""Lists that are the same for everybody: what is popular, what is like an item."""

from typing import Annotated, Any

from fastapi import Path, Query, Response

from app.api.deps import NowDep, ServicesDep
from app.api.routing import Router
from app.api.schemas.base import ExternalId
from app.api.schemas.list_query import DiversityQuery, ExplainQuery, FiltersQuery, LimitQuery
from app.api.schemas.lists import RankedList, render_list
from app.api.user_feedback import vote_share_of
from app.engine.similarity import Likeness
from app.errors import Unavailable
from app.services.popular import popular_or_nothing
from app.services.recommendation_ids import make_recommendation_id
from app.services.recommendations import ListRequest, list_popular, list_similar

router = Router(prefix="/v1", tags=["Recommendations"])
_NOT_FOUND: dict[int | str, dict[str, Any]] = {404: {"description": "There is no such item."}}


@router.get("/popular", operation_id="get_popular", summary="List what is popular", response_model=RankedList)
async def get_popular(
    services: ServicesDep,
    now: NowDep,
    filters: FiltersQuery,
    limit: LimitQuery = 20,
    explain: ExplainQuery = False,
    diversity: DiversityQuery = 0.0,
) -> Response:
    """What is taken and liked most by everybody."""
    request = ListRequest(limit, filters, explain=explain, diversity=diversity)
    serving = services.live.serving
    if serving is None:
        listed = await popular_or_nothing(
            services.database.sessions, request, now=now, vote_share=vote_share_of(services.settings)
        )
    else:
        listed = list_popular(serving, request, now=now)
    recommendation_id = make_recommendation_id(services.signer, "popular", listed.release, now)
    return Response(render_list(listed, recommendation_id, now), media_type="application/json")


@router.get(
    "/items/{item_id}/similar",
    operation_id="get_similar",
    summary="List items like an item",
    response_model=RankedList,
    responses=_NOT_FOUND,
)
async def get_similar(
    item_id: Annotated[ExternalId, Path(examples=["318"])],
    services: ServicesDep,
    now: NowDep,
    filters: FiltersQuery,
    limit: LimitQuery = 20,
    by: Annotated[Likeness, Query(description="By what it says about itself, by who takes it, or both.")] = "hybrid",
    diversity: DiversityQuery = 0.0,
) -> Response:
    """More like this one. An item stored a moment ago has its like too."""
    serving = services.live.serving
    if serving is None:
        raise Unavailable("There is no release yet: nothing is known of what is like what.", code="no_release")
    listed = list_similar(serving, item_id, by, ListRequest(limit, filters, diversity=diversity), now=now)
    recommendation_id = make_recommendation_id(services.signer, "similar", listed.release, now)
    return Response(render_list(listed, recommendation_id, now), media_type="application/json")
