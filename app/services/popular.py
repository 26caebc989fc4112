"""What is popular, straight from the database: the list for a service that has no release yet."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import structlog
from sqlalchemy import BigInteger, ColumnElement, Double, Row, Text, cast, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.models import Item, Rating
from app.services.cards import item_card
from app.services.catalogue import Filters
from app.services.deadlines import run_within
from app.services.reasons import POPULAR
from app.services.recommendations import ItemList, ListedItem, ListRequest

PRIOR_RATINGS = 20.0
DEADLINE_SECONDS = 2.0
_log: structlog.stdlib.BoundLogger = structlog.get_logger()


async def popular_or_nothing(
    sessions: async_sessionmaker[AsyncSession],
    request: ListRequest,
    *,
    now: dt.datetime,
    seen_keys: Sequence[int] = (),
) -> ItemList:
    """:func:`read_popular`, or an empty list when the database cannot be read either."""
    try:
        return await run_within(DEADLINE_SECONDS, _read(sessions, request, now=now, seen_keys=seen_keys))
    except (SQLAlchemyError, TimeoutError) as error:
        _log.warning("popular.database_failed", error=type(error).__name__)
        return ItemList([], None, now, fallback="popularity", degraded=("no_release", "database"))


async def can_read_popular(sessions: async_sessionmaker[AsyncSession]) -> bool:
    """Whether :func:`read_popular` would have something to read from."""
    try:
        await run_within(DEADLINE_SECONDS, _touch(sessions))
    except (SQLAlchemyError, TimeoutError):
        return False
    return True


async def _read(
    sessions: async_sessionmaker[AsyncSession], request: ListRequest, *, now: dt.datetime, seen_keys: Sequence[int]
) -> ItemList:
    async with sessions() as session:
        return await read_popular(session, request, now=now, seen_keys=seen_keys)


async def _touch(sessions: async_sessionmaker[AsyncSession]) -> None:
    async with sessions() as session:
        await session.execute(select(Item.key).limit(1))


async def read_popular(
    session: AsyncSession, request: ListRequest, *, now: dt.datetime, seen_keys: Sequence[int] = ()
) -> ItemList:
    """Items by ``log(1 + count) * Bayesian mean`` of their ratings, ties by id; those of ``seen_keys`` are left out,
    unless what was seen is asked for too."""
    overall = select(func.coalesce(func.avg(Rating.value), 0.0)).where(Rating.value.is_not(None)).scalar_subquery()
    ratings = (
        select(Rating.item_key, func.count().label("count"), func.sum(Rating.value).label("total"))
        .where(Rating.value.is_not(None))
        .group_by(Rating.item_key)
        .subquery()
    )
    count = func.coalesce(ratings.c.count, 0)
    mean = (PRIOR_RATINGS * overall + func.coalesce(ratings.c.total, 0.0)) / (PRIOR_RATINGS + count)
    score = cast(func.ln(1 + count) * mean, Double)
    statement = (
        select(Item.id, Item.title, Item.categories, Item.released_on, Item.image_url, score.label("score"))
        .outerjoin(ratings, ratings.c.item_key == Item.key)
        .where(Item.deleted_at.is_(None), Item.hidden.is_(False), *_conditions(request.filters))
        .order_by(score.desc(), Item.id)
        .limit(request.limit)
    )
    if seen_keys and not request.include_seen:
        # As a subquery, which Postgres hashes: a long history is not searched through for each item.
        seen = select(func.unnest(literal(list(seen_keys), ARRAY(BigInteger))))
        statement = statement.where(Item.key.not_in(seen))
    items = [_listed(row, explain=request.explain) for row in await session.execute(statement)]
    return ItemList(items=items, release=None, as_of=now, fallback="popularity", degraded=("no_release",))


def _listed(row: Row[*tuple[Any, ...]], *, explain: bool) -> ListedItem:
    card = item_card(title=row.title, categories=row.categories, released_on=row.released_on, image_url=row.image_url)
    score = float(row.score)
    if not explain:
        return ListedItem(row.id, score, card)
    return ListedItem(row.id, score, card, reasons=[POPULAR], contributions={"popularity": score})


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if filters.categories:
        conditions.append(Item.categories.overlap(literal(list(filters.categories), ARRAY(Text))))
    if filters.exclude_categories:
        conditions.append(~Item.categories.overlap(literal(list(filters.exclude_categories), ARRAY(Text))))
    if filters.exclude_items:
        conditions.append(Item.id != func.all(literal(list(filters.exclude_items), ARRAY(Text))))
    if filters.released_from:
        conditions.append(Item.released_on >= filters.released_from)
    if filters.released_to:
        conditions.append(Item.released_on <= filters.released_to)
    return conditions
