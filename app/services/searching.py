"""One search from beginning to end, one page of it at a time: in memory, or in the database before the first release."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.engine.arrays import NO_ROWS, BoolArray
from app.errors import Unavailable
from app.services.filters import Filters
from app.services.frozen_lists import MOST_ITEMS, Page, rows_left
from app.services.live_engine import LiveEngine, Serving
from app.services.search import Hit, Hits, Look
from app.services.search_candidates import Candidate, read_candidates
from app.services.search_text import Query
from app.services.stored_search import read_hits
from app.services.suiting import Suiting

SECONDS = 2.0
"""How long the database is waited for."""


@dataclass(frozen=True, slots=True)
class Searcher:
    """Whose search it is: which rows may be shown, and how well each suits; ``degraded`` is what was missing to know that."""

    view: Callable[[Serving, Filters], tuple[BoolArray, Suiting]]
    degraded: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """What is searched for; ``page`` is a later one of the list. ``vote_share`` brings votes to the scale of the ratings."""

    query: Query
    limit: int
    filters: Filters
    page: Page | None
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
    serving = live.serving
    if serving is None:
        hits = await _without_release(sessions, request, searcher, now)
    elif request.query.words:
        hits = _in_memory(serving, request, searcher, now)
    else:
        hits = Hits([], serving.release, now, searcher.degraded)
    page = request.page
    return hits if page is None else replace(hits, release=page.recommendation.release, rank=page.rank)


def _in_memory(serving: Serving, request: SearchRequest, searcher: Searcher, now: datetime) -> Hits:
    look = Look.at(serving, request.query, *searcher.view(serving, request.filters))
    if request.page is None:
        items, following = look.rank(request.limit)
    else:
        rows = rows_left(request.page, serving.catalogue, look.allowed)
        items, following = look.go_on(rows[: request.limit]), serving.catalogue.keys_of(rows[request.limit :])
    return Hits(items, serving.release, now, searcher.degraded, following=following)


async def _without_release(
    sessions: async_sessionmaker[AsyncSession], request: SearchRequest, searcher: Searcher, now: datetime
) -> Hits:
    missing = ["no_release", *searcher.degraded]
    hits: list[Hit] = []
    if request.query.words:
        try:
            hits = await _stored_hits(sessions, request, now)
        except Unavailable:
            missing = list(dict.fromkeys([*missing, "database"]))
    keys = np.array([hit.key for hit in hits[request.limit : MOST_ITEMS]], np.int64) if hits else NO_ROWS
    return Hits(hits[: request.limit], None, now, missing, following=keys)


async def _stored_hits(sessions: async_sessionmaker[AsyncSession], request: SearchRequest, now: datetime) -> list[Hit]:
    """Everything the database finds, or of a later page what is left of its list."""
    if request.page is not None:
        candidates: Sequence[Candidate] = [Candidate(key, None) for key in request.page.keys.tolist()]
    else:
        candidates = await read_candidates(sessions, request.query, seconds=SECONDS)
    if not candidates:
        return []
    hits = await read_hits(
        sessions, request.query, candidates, request.filters, now=now, vote_share=request.vote_share, seconds=SECONDS
    )
    if request.page is None:
        return hits
    by_key = {hit.key: hit for hit in hits}
    return [by_key[candidate.key] for candidate in candidates if candidate.key in by_key]
