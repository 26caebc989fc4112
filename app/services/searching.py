"""One search from beginning to end, one page of it at a time: in memory, or in the database before the first release."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.engine.arrays import NO_ROWS, BoolArray
from app.engine.predicted_rating import RatingScale
from app.errors import Unavailable
from app.event_kinds import EventKinds
from app.services.filters import Filters
from app.services.frozen_lists import MOST_ITEMS, rows_left
from app.services.history import UserFeedback, know_user
from app.services.live_engine import LiveEngine, Serving
from app.services.personal import score_for
from app.services.predictions import predict_ratings
from app.services.reasons import reasons_of
from app.services.search import Hit, Hits, Look, SearchRequest
from app.services.search_candidates import Candidate, read_candidates
from app.services.stated import NOTHING_STATED, Stated
from app.services.stored_search import read_hits
from app.services.suiting import Suiting

SECONDS = 2.0
"""How long the database is waited for."""


@dataclass(frozen=True, slots=True)
class View:
    """How somebody sees what is served: which rows may be shown, how well each suits, and, of who has a history, what speaks for
    the hits."""

    allowed: BoolArray
    suiting: Suiting
    explain: Callable[[Sequence[Hit]], list[Hit]] | None = None


@dataclass(frozen=True, slots=True)
class Searcher:
    """Whose search it is, what they have stated of what they must not be shown, and what was missing to know all that."""

    view: Callable[[Serving, Filters], View]
    stated: Stated = NOTHING_STATED
    degraded: Sequence[str] = ()


def anybody(now: datetime) -> Searcher:
    """A search of nobody in particular: what is popular comes first among what matches as well."""

    def view(serving: Serving, filters: Filters) -> View:
        return View(serving.catalogue.allowed(filters, now), serving.search.common_suiting(serving.engine))

    return Searcher(view)


def somebody(
    feedback: UserFeedback, kinds: EventKinds, scale: RatingScale, *, now: datetime, degraded: Sequence[str]
) -> Searcher:
    """A search of a user. Their hard limits hold; what they only do not want to see, or have seen, is found, for they ask
    for it."""

    def view(serving: Serving, filters: Filters) -> View:
        user = know_user(feedback, serving.catalogue, serving.configuration.overall_mean, kinds)
        scores = score_for(serving, user)
        personal = scores.fallback_for(user) != "popularity"

        def explain(hits: Sequence[Hit]) -> list[Hit]:
            rows = serving.catalogue.rows_of_keys(np.array([hit.key for hit in hits], np.int64))
            ranking = scores.at(rows, explain=True)
            reasons = reasons_of(ranking, user, serving.catalogue, scores.tastes, scores.groups)
            stars = predict_ratings(serving, user, [hit.item_id for hit in hits], scale, now=now).predictions
            return [
                replace(hit, reasons=why, predicted_rating=star.predicted_rating)
                for hit, why, star in zip(hits, reasons, stars, strict=True)
            ]

        suiting = Suiting.of(scores.scores.total, personal=personal)
        return View(serving.catalogue.allowed(filters, now), suiting, explain)

    return Searcher(view, replace(feedback.stated, suppressed_categories=()), degraded)


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
    wishes = replace(request.wishes, filters=searcher.stated.narrow(request.wishes.filters))
    request = replace(request, wishes=wishes)
    if serving is None:
        hits = await _without_release(sessions, request, searcher, now)
    elif request.query.words:
        hits = _in_memory(serving, request, searcher, now)
    else:
        hits = Hits([], serving.release, now, searcher.degraded)
    page = request.page
    return hits if page is None else replace(hits, release=page.recommendation.release, rank=page.rank)


def _in_memory(serving: Serving, request: SearchRequest, searcher: Searcher, now: datetime) -> Hits:
    view = searcher.view(serving, request.wishes.filters)
    look = Look.at(serving, request, view.allowed, view.suiting)
    limit = request.wishes.limit
    if request.page is None:
        items, following = look.rank(limit)
    else:
        rows = rows_left(request.page, serving.catalogue, look.allowed)
        items, following = look.go_on(rows[:limit]), serving.catalogue.keys_of(rows[limit:])
    if request.wishes.explain and view.explain is not None and items:
        items = view.explain(items)
    return Hits(items, serving.release, now, searcher.degraded, following=following)


async def _without_release(
    sessions: async_sessionmaker[AsyncSession], request: SearchRequest, searcher: Searcher, now: datetime
) -> Hits:
    missing = ["no_release", *searcher.degraded]
    hits: list[Hit] = []
    limit, left = request.wishes.limit, NO_ROWS
    if request.query.words:
        try:
            hits = await _stored_hits(sessions, request, now)
        except Unavailable:
            missing = list(dict.fromkeys([*missing, "database"]))
            left = left if request.page is None else request.page.keys
    following = np.array([hit.key for hit in hits[limit:MOST_ITEMS]], np.int64) if hits else left
    return Hits(hits[:limit], None, now, missing, following=following)


async def _stored_hits(sessions: async_sessionmaker[AsyncSession], request: SearchRequest, now: datetime) -> list[Hit]:
    """Everything the database finds, or of a later page what is left of its list."""
    if request.page is not None:
        candidates: Sequence[Candidate] = [Candidate(key, None) for key in request.page.keys.tolist()]
    else:
        candidates = await read_candidates(sessions, request.query, seconds=SECONDS)
    if not candidates:
        return []
    hits = await read_hits(sessions, request, candidates, now=now, seconds=SECONDS)
    if request.page is None:
        return hits
    by_key = {hit.key: hit for hit in hits}
    return [by_key[candidate.key] for candidate in candidates if candidate.key in by_key]
