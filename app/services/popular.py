"""What is popular, straight from the database: the list for a service that has no release yet."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import structlog
from sqlalchemy import BigInteger, Double, Row, cast, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.models import Item, Rating
from app.services.cards import item_card
from app.services.deadlines import run_within
from app.services.filter_conditions import StoredOpinions, filter_conditions, shown_conditions
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
) -> ItemList:
    """:func:`read_popular`, or an empty list when the database cannot be read either."""
    try:
        return await run_within(DEADLINE_SECONDS, _read(sessions, request, now, hidden_keys, vote_share))
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
    sessions: async_sessionmaker[AsyncSession],
    request: ListRequest,
    now: dt.datetime,
    hidden_keys: Sequence[int],
    vote_share: float,
) -> ItemList:
    async with sessions() as session:
        return await read_popular(session, request, now=now, hidden_keys=hidden_keys, vote_share=vote_share)


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
) -> ItemList:
    """Items by ``log(1 + count) * Bayesian mean`` of their ratings, ties by votes from elsewhere and by id.

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
    score = cast(func.ln(1 + opinions.count) * opinions.mean_of_ratings, Double)
    statement = (
        select(Item.id, Item.title, Item.categories, Item.released_on, Item.image_url, score.label("score"))
        .outerjoin(ratings, ratings.c.item_key == Item.key)
        .where(*shown_conditions(now), *filter_conditions(request.filters, opinions))
        .order_by(score.desc(), Item.votes.desc().nulls_last(), Item.id)
        .limit(request.limit)
    )
    if hidden_keys:
        # As a subquery, which Postgres hashes: a long history is not searched through for each item.
        seen = select(func.unnest(literal(list(hidden_keys), ARRAY(BigInteger))))
        statement = statement.where(Item.key.not_in(seen))
    items = [_listed(row, explain=request.explain) for row in await session.execute(statement)]
    return ItemList(items=items, release=None, as_of=now, fallback="popularity", degraded=("no_release",))


def _listed(row: Row[*tuple[Any, ...]], *, explain: bool) -> ListedItem:
    card = item_card(title=row.title, categories=row.categories, released_on=row.released_on, image_url=row.image_url)
    score = float(row.score)
    if not explain:
        return ListedItem(row.id, score, card)
    return ListedItem(row.id, score, card, reasons=[POPULAR], contributions={"popularity": score})
