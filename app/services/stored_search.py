"""The search straight from the database, for a service that has no release yet."""

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import BigInteger, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.errors import Unavailable
from app.models import Item, Rating
from app.services.cards import CardField, item_card, pick_fields
from app.services.changed_items import facts_of
from app.services.deadlines import run_within
from app.services.filter_conditions import StoredOpinions, filter_conditions, shown_conditions
from app.services.search import Answer, Hit, SearchRequest, answer_query
from app.services.search_candidates import Candidate
from app.services.search_text import fold
from app.services.suiting import COMMON_WEIGHT, NEARLY

# What is compared with the query, and what every card shows.
_NARROW = (Item.key, Item.id, Item.title, Item.people, Item.categories, Item.released_on, Item.image_url)


async def read_hits(
    sessions: async_sessionmaker[AsyncSession],
    request: SearchRequest,
    candidates: Sequence[Candidate],
    *,
    now: dt.datetime,
    seconds: float,
) -> list[Hit]:
    """The candidates that may be shown and answer the query, best first; what many have rated comes before the rest.

    Raises :class:`Unavailable` when the database does not answer within ``seconds``.
    """
    names: dict[int, set[str]] = {}
    for candidate in candidates:
        names.setdefault(candidate.key, set()).update({candidate.person} - {None})  # pyright: ignore[reportArgumentType] - no None is left
    try:
        rows = await run_within(seconds, _read(sessions, list(names), request, now))
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        raise Unavailable("The search in the database gave no answer.") from error
    most = max((math.log1p(row.opinions) for row in rows), default=0.0) or 1.0
    if request.page is not None:  # whose name it was that matched, the cursor does not say
        names = {row.key: {person["name"] for person in row.people} for row in rows}
    people = [[(name, fold(name)) for name in sorted(names[row.key])] for row in rows]
    answers = answer_query(request.query, [fold(row.title) for row in rows], people)
    found = zip(rows, answers, strict=True)
    hits = [_hit(row, answer, most, request) for row, answer in found if answer is not None]
    return sorted(hits, key=lambda hit: (-hit.score, hit.key))


async def _read(
    sessions: async_sessionmaker[AsyncSession],
    keys: Sequence[int],
    request: SearchRequest,
    now: dt.datetime,
) -> Sequence[Any]:
    wanted = literal(list(keys), ARRAY(BigInteger))
    ratings = (
        select(Rating.item_key, func.count().label("count"), func.sum(Rating.value).label("total"))
        .where(Rating.value.is_not(None), Rating.item_key == func.any(wanted))
        .group_by(Rating.item_key)
        .subquery()
    )
    opinions = StoredOpinions.of(ratings.c.count, ratings.c.total, request.vote_share)
    columns = _NARROW if request.wishes.fields is None else Item.__table__.columns
    counts = (
        opinions.all_count.label("opinions"),
        opinions.count.label("rating_count"),
        ratings.c.total.label("rating_total"),
    )
    statement = (
        select(*columns, *counts)
        .outerjoin(ratings, ratings.c.item_key == Item.key)
        .where(
            Item.key == func.any(wanted), *shown_conditions(now), *filter_conditions(request.wishes.filters, opinions)
        )
    )
    async with sessions() as session:
        return (await session.execute(statement)).all()


def _hit(row: Any, answer: Answer, most: float, request: SearchRequest) -> Hit:
    match, person = answer
    suits = COMMON_WEIGHT * (NEARLY if match.quality == "similar" else 1.0) * math.log1p(row.opinions) / most
    hit = Hit(
        row.key,
        row.id,
        match.score + suits,
        _card(row, request.wishes.fields),
        "title" if person is None else "person",
        match.quality,
        person,
    )
    if not request.wishes.explain:
        return hit
    return replace(hit, contributions={"match": match.score, "popularity": suits}, reasons=())


def _card(row: Any, fields: Sequence[CardField] | None) -> bytes:
    if fields is not None:
        facts = facts_of(row)
        return pick_fields(facts.card, facts.details, (row.rating_count, row.rating_total or 0.0), fields)
    return item_card(title=row.title, categories=row.categories, released_on=row.released_on, image_url=row.image_url)
