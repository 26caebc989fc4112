"""Search over HTTP."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated

from fastapi import Query, Response

from app.api.conditional import EACH_TIME, NO_STORE, with_etag
from app.api.deps import NowDep, Services, ServicesDep
from app.api.list_pages import ListCall
from app.api.routing import Router
from app.api.schemas.list_query import FiltersQuery, LimitQuery
from app.api.schemas.paging import Cursor
from app.api.schemas.search import SearchingUser, SearchResults, SearchText, render_hits
from app.api.user_feedback import read_user_feedback, vote_share_of
from app.engine.arrays import BoolArray
from app.services import search_text
from app.services.filters import Filters
from app.services.history import know_user
from app.services.live_engine import Serving
from app.services.personal import score_for
from app.services.recommendations import ListRequest
from app.services.searching import Searcher, SearchRequest, anybody, search_items
from app.services.stated import Stated
from app.services.suiting import Suiting

router = Router(prefix="/v1", tags=["Search"])


@router.get("/search", operation_id="search_items", summary="Search titles and people", response_model=SearchResults)
@with_etag(*EACH_TIME)
async def get_search(
    services: ServicesDep,
    now: NowDep,
    filters: FiltersQuery,
    q: SearchText,
    user_id: SearchingUser = None,
    limit: LimitQuery = 20,
    cursor: Annotated[Cursor, Query()] = None,
) -> Response:
    """Items by title or by their people, with typos and while typing. Exact matches come first, then those that begin so, those
    that hold the words, and those that are similar; among these what suits the user, or what is popular without one."""
    query = search_text.Query.of(q)
    asked = repr((query.folded, filters)).encode()
    call = ListCall(services, "search", ListRequest(limit=limit, cursor=cursor, asked=asked), now, user_id or "")
    page = call.page()
    searcher = anybody(now)
    if user_id is not None:
        searcher, stated = await _somebody(services, user_id, now)
        filters = stated.narrow(filters)
    request = SearchRequest(query, limit, filters, page, vote_share_of(services.settings))
    hits = await search_items(services.database.sessions, services.live, request, searcher, now=now)
    recommendation_id, next_cursor = call.seal(page, hits.release, hits.rank + len(hits.items), hits.following)
    body = render_hits(hits, next_cursor, recommendation_id, now)
    headers = {"Cache-Control": NO_STORE} if user_id is not None else None
    return Response(body, media_type="application/json", headers=headers)


async def _somebody(services: Services, user_id: str, now: datetime) -> tuple[Searcher, Stated]:
    """The search of a user, and what they have stated of what they must not be shown: what they only do not want to see, or have
    seen, is found, for they ask for it."""
    feedback, degraded = await read_user_feedback(services, user_id, now)
    kinds = services.settings.event_kinds

    def view(serving: Serving, filters: Filters) -> tuple[BoolArray, Suiting]:
        user = know_user(feedback, serving.catalogue, serving.configuration.overall_mean, kinds)
        scores = score_for(serving, user)
        personal = scores.fallback_for(user) != "popularity"
        return serving.catalogue.allowed(filters, now), Suiting.of(scores.scores.total, personal=personal)

    return Searcher(view, degraded), replace(feedback.stated, suppressed_categories=())
