"""Search over HTTP."""

from dataclasses import replace

from fastapi import Response

from app.api.conditional import EACH_TIME, NO_STORE, with_etag
from app.api.deps import NowDep, ServicesDep
from app.api.list_pages import ListCall
from app.api.routing import Router
from app.api.schemas.list_query import SearchQuery
from app.api.schemas.search import SearchingUser, SearchResults, SearchText, render_hits
from app.api.user_feedback import read_user_feedback, scale_of, vote_share_of
from app.services.search import SearchRequest
from app.services.search_text import Query
from app.services.searching import anybody, search_items, somebody

router = Router(prefix="/v1", tags=["Search"])


@router.get("/search", operation_id="search_items", summary="Search titles and people", response_model=SearchResults)
@with_etag(*EACH_TIME)
async def get_search(
    services: ServicesDep, now: NowDep, wishes: SearchQuery, q: SearchText, user_id: SearchingUser = None
) -> Response:
    """Items by title or by their people, with typos and while typing. Exact matches come first, then those that begin so, those
    that hold the words, and those that are similar; among these what suits the user, or what is popular without one."""
    settings, query = services.settings, Query.of(q)
    wishes = replace(wishes, asked=wishes.asked + query.folded.encode())
    call = ListCall(services, "search", wishes, now, user_id or "")
    page = call.page()
    searcher = anybody(now)
    if user_id is not None:
        feedback, degraded = await read_user_feedback(services, user_id, now)
        searcher = somebody(feedback, settings.event_kinds, scale_of(settings), now=now, degraded=degraded)
    request = SearchRequest(query, wishes, page, vote_share_of(settings))
    hits = await search_items(services.database.sessions, services.live, request, searcher, now=now)
    recommendation_id, next_cursor = call.seal(page, hits.release, hits.rank + len(hits.items), hits.following)
    body = render_hits(hits, next_cursor, recommendation_id, now)
    headers = {"Cache-Control": NO_STORE} if user_id is not None else None
    return Response(body, media_type="application/json", headers=headers)
