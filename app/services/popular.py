"""What is popular, straight from the database: the list for a service that has no release yet."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import structlog
from sqlalchemy import BigInteger, Double, Row, cast, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.models import Item, Rating
from app.services.cards import pick_fields
from app.services.changed_items import facts_of, read_items
from app.services.deadlines import run_within
from app.services.filter_conditions import StoredOpinions, filter_conditions, shown_conditions
from app.services.frozen_lists import MOST_ITEMS, Page
from app.services.opinions import VOTE_SCALE
from app.services.reasons import POPULAR
from app.services.recommendations import ItemList, ListedItem, ListRequest

DEFAULT_VOTE_SHARE = 5.0 / VOTE_SCALE
DEADLINE_SECONDS = 2.0
_log: structlog.stdlib.BoundLogger = structlog.get_logger()


async def popular_or_nothing(
    sessions: async_sessionmaker[AsyncSession],
    request: ListRequest,
    *,
    now: dt.datetime,
    hidden_keys: Sequence[int] = (),
    vote_share: float = DEFAULT_VOTE_SHARE,
    page: Page | None = None,
) -> ItemList:
    """:func:`read_popular`, or an empty list when the database cannot be read either."""

    async def read() -> ItemList:
        async with sessions() as session:
            return await read_popular(
                session, request, now=now, hidden_keys=hidden_keys, vote_share=vote_share, page=page
            )

    try:
        return await run_within(DEADLINE_SECONDS, read())
    except (SQLAlchemyError, TimeoutError) as error:
        _log.warning("popular.database_failed", error=type(error).__name__)
        return unread_list(now, page)


def unread_list(now: dt.datetime, page: Page | None) -> ItemList:
    """The list that there is without a release and without the database; a later page leaves its items to the next."""
    nothing = ItemList([], None, now, fallback="popularity", degraded=("no_release", "database"))
    return replace(nothing, rank=page.rank, following=page.keys) if page else nothing


async def can_read_popular(sessions: async_sessionmaker[AsyncSession]) -> bool:
    """Whether :func:`read_popular` would have something to read from."""
    try:
        await run_within(DEADLINE_SECONDS, _touch(sessions))
    except (SQLAlchemyError, TimeoutError):
        return False
    return True


async def count_categories(sessions: async_sessionmaker[AsyncSession], *, now: dt.datetime) -> dict[str, int]:
    """How many items of each category may be shown; none when the database cannot be read."""
    category = func.unnest(Item.categories).label("category")
    labels = select(Item.key, category).where(*shown_conditions(now)).subquery()
    statement = select(labels.c.category, func.count(labels.c.key.distinct()).label("items")).group_by(
        labels.c.category
    )

    async def read() -> dict[str, int]:
        async with sessions() as session:
            rows = (await session.execute(statement)).all()
            return {row.category: row.items for row in rows}

    try:
        return await run_within(DEADLINE_SECONDS, read())
    except (SQLAlchemyError, TimeoutError) as error:
        _log.warning("categories.database_failed", error=type(error).__name__)
        return {}


async def _touch(sessions: async_sessionmaker[AsyncSession]) -> None:
    async with sessions() as session:
        await session.execute(select(Item.key).limit(1))


async def read_popular(
    session: AsyncSession,
    request: ListRequest,
    *,
    now: dt.datetime,
    hidden_keys: Sequence[int] = (),
    vote_share: float = DEFAULT_VOTE_SHARE,
    page: Page | None = None,
) -> ItemList:
    """Items by ``log(1 + count) * Bayesian mean`` of their ratings, ties by votes from elsewhere and by id, or those of ``page``.

    Those of ``hidden_keys`` are left out. ``vote_share`` brings votes from elsewhere to
    the scale of the ratings.
    """
    ratings = (
        select(Rating.item_key, func.count().label("count"), func.sum(Rating.value).label("total"))
        .where(Rating.value.is_not(None))
        .group_by(Rating.item_key)
        .subquery()
    )
    opinions = StoredOpinions.of(ratings.c.count, ratings.c.total, vote_share)
    score = cast(func.ln(1 + opinions.count) * opinions.mean_of_ratings, Double).label("score")
    statement = (
        select(Item.key, score, opinions.count.label("rating_count"), ratings.c.total.label("rating_total"))
        .outerjoin(ratings, ratings.c.item_key == Item.key)
        .where(*shown_conditions(now), *filter_conditions(request.filters, opinions))
    )
    if page is not None:
        keys = literal(page.keys.tolist(), ARRAY(BigInteger))
        statement = statement.where(Item.key == func.any(keys)).order_by(func.array_position(keys, Item.key))
    if hidden_keys:
        # As a subquery, which Postgres hashes: a long history is not searched through for each item.
        seen = select(func.unnest(literal(list(hidden_keys), ARRAY(BigInteger))))
        statement = statement.where(Item.key.not_in(seen))
    if page is None:
        statement = statement.order_by(score.desc(), Item.votes.desc().nulls_last(), Item.id).limit(MOST_ITEMS)
    ranked = (await session.execute(statement)).all()
    items = {row.key: row for row in await read_items(session, [row.key for row in ranked[: request.limit]])}
    return ItemList(
        [_listed(items[row.key], row, request) for row in ranked[: request.limit] if row.key in items],
        page.recommendation.release if page else None,
        now,
        fallback="popularity",
        degraded=("no_release",),
        rank=page.rank if page else 1,
        following=np.array([row.key for row in ranked[request.limit :]], np.int64),
    )


def _listed(item: Row[Any], ranked: Row[*tuple[Any, ...]], request: ListRequest) -> ListedItem:
    facts, score = facts_of(item), float(ranked.score)
    card = facts.card
    if request.fields is not None:
        card = pick_fields(card, facts.details, (ranked.rating_count, ranked.rating_total or 0.0), request.fields)
    if not request.explain:
        return ListedItem(item.id, score, card)
    return ListedItem(item.id, score, card, reasons=[POPULAR], contributions={"popularity": score})
