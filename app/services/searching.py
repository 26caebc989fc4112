"""One search from beginning to end: in memory first, in the database where that is not enough, one page of it at a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

import numpy as np
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.engine.arrays import BoolArray
from app.errors import Unavailable
from app.services.filters import Filters
from app.services.live_engine import LiveEngine, Serving
from app.services.search import Hit, Hits, Look
from app.services.search_candidates import SHORTEST_COMPARED, Candidate, read_candidates
from app.services.search_pages import RestOfList
from app.services.search_text import Query
from app.services.stored_search import read_hits
from app.services.suiting import Suiting

SECONDS, SECONDS_WITHOUT_RELEASE = 0.3, 2.0
"""How long the database is waited for."""
LIKENESS, LIKENESS_WITHOUT_RELEASE = 0.5, 0.4
"""How alike a text must be to be a candidate; where nothing is searched in memory, typos in short words have to get through."""


@dataclass(frozen=True, slots=True)
class Searcher:
    """Whose search it is: which rows may be shown, and how well each suits; ``degraded`` is what was missing to know that."""

    view: Callable[[Serving, Filters], tuple[BoolArray, Suiting]]
    degraded: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """What is searched for; ``rest`` is what a cursor holds. ``vote_share`` brings votes to the scale of the ratings."""

    query: Query
    limit: int
    filters: Filters
    rest: RestOfList | None
    vote_share: float


def anybody(now: datetime) -> Searcher:
    """A search of nobody in particular: what is popular comes first among what matches as well."""

    def view(serving: Serving, filters: Filters) -> tuple[BoolArray, Suiting]:
        return serving.catalogue.allowed(filters, now), serving.search.common_suiting(serving.engine)

    return Searcher(view)


async def search_items(
    sessions: async_sessionmaker[AsyncSession],
    live: LiveEngine,
    request: SearchRequest,
    searcher: Searcher,
    *,
    now: datetime,
) -> Hits:
    """What answers the query. What the database does not give in time is missing, and said to be."""
    release = live.serving.release if live.serving is not None else None
    if not request.query.words:
        return Hits([], [], 0, release, now, [*searcher.degraded] if release else ["no_release", *searcher.degraded])
    candidates, missing = await _candidates(sessions, live.serving, request, searcher)
    degraded = list(dict.fromkeys([*searcher.degraded, *missing]))
    # Taken now: while the database was asked, another release or another item may have come.
    serving = live.serving
    if serving is None:
        return await _without_release(sessions, request, candidates, degraded, now)
    look = Look.at(serving, request.query, *searcher.view(serving, request.filters))
    if request.rest is None:
        return _first_page(look.rank(candidates), request.limit, serving.release, now, degraded)
    return _next_page(look, request.rest, request.limit, serving.release, now, degraded)


async def _candidates(
    sessions: async_sessionmaker[AsyncSession], serving: Serving | None, request: SearchRequest, searcher: Searcher
) -> tuple[Sequence[Candidate], Sequence[str]]:
    """What the database says, and what was missing; it is not asked where enough is found in memory, nor for a next page."""
    if request.rest is not None and serving is None:
        return [Candidate(key, None) for key in request.rest.keys], ()
    if request.rest is not None or (serving is not None and not _asks_for_more(serving, request, searcher)):
        return (), ()
    likeness, seconds = (LIKENESS_WITHOUT_RELEASE, SECONDS_WITHOUT_RELEASE) if serving is None else (LIKENESS, SECONDS)
    try:
        return await read_candidates(sessions, request.query, likeness=likeness, seconds=seconds), ()
    except Unavailable:
        return (), ("database",)


def _asks_for_more(serving: Serving, request: SearchRequest, searcher: Searcher) -> bool:
    if len(request.query.telling) < SHORTEST_COMPARED:
        return False
    allowed, _ = searcher.view(serving, request.filters)
    found = serving.search.find(request.query.words)
    return int(np.count_nonzero(allowed & (found.matches > 0))) < request.limit


async def _without_release(
    sessions: async_sessionmaker[AsyncSession],
    request: SearchRequest,
    candidates: Sequence[Candidate],
    degraded: Sequence[str],
    now: datetime,
) -> Hits:
    hits: list[Hit] = []
    missing = ["no_release", *degraded]
    if candidates:
        try:
            hits = await read_hits(
                sessions,
                request.query,
                candidates,
                request.filters,
                now=now,
                vote_share=request.vote_share,
                seconds=SECONDS_WITHOUT_RELEASE,
            )
        except Unavailable:
            missing = list(dict.fromkeys([*missing, "database"]))
    if request.rest is None:
        return _first_page(hits, request.limit, None, now, missing)
    by_key = {hit.key: hit for hit in hits}
    ordered = [by_key[key] for key in request.rest.keys if key in by_key]
    more = [hit.key for hit in ordered[request.limit :]]
    return Hits(ordered[: request.limit], more, request.rest.offset, None, now, missing)


def _first_page(hits: Sequence[Hit], limit: int, release: str | None, now: datetime, degraded: Sequence[str]) -> Hits:
    return Hits(hits[:limit], [hit.key for hit in hits[limit:]], 0, release, now, degraded)


def _next_page(look: Look, rest: RestOfList, limit: int, release: str, now: datetime, degraded: Sequence[str]) -> Hits:
    hits = list(islice(look.go_on(rest.keys), limit))
    keys = list(rest.keys)
    more = keys[keys.index(hits[-1].key) + 1 :] if hits else []
    return Hits(hits, more, rest.offset, release, now, degraded)
