"""The search straight from the database, for a service that has no release yet."""

import datetime as dt
import math
from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.errors import Unavailable
from app.models import Item, Rating
from app.services.cards import item_card
from app.services.deadlines import run_within
from app.services.filter_conditions import StoredOpinions, filter_conditions, shown_conditions
from app.services.filters import Filters
from app.services.search import Answer, Hit, answer_query
from app.services.search_candidates import Candidate
from app.services.search_text import Query, fold
from app.services.suiting import COMMON_WEIGHT, NEARLY


async def read_hits(
    sessions: async_sessionmaker[AsyncSession],
    query: Query,
    candidates: Sequence[Candidate],
    filters: Filters,
    *,
    now: dt.datetime,
    vote_share: float,
    seconds: float,
) -> list[Hit]:
    """The candidates that may be shown and answer the query, best first; what many have rated comes before the rest.

    Raises :class:`Unavailable` when the database does not answer within ``seconds``.
    """
    names: dict[int, set[str]] = {}
    for candidate in candidates:
        names.setdefault(candidate.key, set()).update({candidate.person} - {None})  # pyright: ignore[reportArgumentType] - no None is left
    try:
        rows = await run_within(seconds, _read(sessions, list(names), filters, now, vote_share))
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        raise Unavailable("The search in the database gave no answer.") from error
    most = max((math.log1p(row.opinions) for row in rows), default=0.0) or 1.0
    people = [[(name, fold(name)) for name in sorted(names[row.key])] for row in rows]
    answers = answer_query(query, [fold(row.title) for row in rows], people)
    hits = [_hit(row, answer, most) for row, answer in zip(rows, answers, strict=True) if answer is not None]
    return sorted(hits, key=lambda hit: (-hit.score, hit.key))


async def _read(
    sessions: async_sessionmaker[AsyncSession],
    keys: Sequence[int],
    filters: Filters,
    now: dt.datetime,
    vote_share: float,
) -> Sequence[Any]:
    wanted = literal(list(keys), ARRAY(BigInteger))
    ratings = (
        select(Rating.item_key, func.count().label("count"), func.sum(Rating.value).label("total"))
        .where(Rating.value.is_not(None), Rating.item_key == func.any(wanted))
        .group_by(Rating.item_key)
        .subquery()
    )
    opinions = StoredOpinions.of(ratings.c.count, ratings.c.total, vote_share)
    statement = (
        select(
            Item.key,
            Item.id,
            Item.title,
            Item.categories,
            Item.released_on,
            Item.image_url,
            opinions.all_count.label("opinions"),
        )
        .outerjoin(ratings, ratings.c.item_key == Item.key)
        .where(Item.key == func.any(wanted), *shown_conditions(now), *filter_conditions(filters, opinions))
    )
    async with sessions() as session:
        return (await session.execute(statement)).all()


def _hit(row: Any, answer: Answer, most: float) -> Hit:
    match, person = answer
    weight = COMMON_WEIGHT * (NEARLY if match.quality == "similar" else 1.0)
    score = match.score + weight * math.log1p(row.opinions) / most
    card = item_card(title=row.title, categories=row.categories, released_on=row.released_on, image_url=row.image_url)
    return Hit(row.key, row.id, score, card, "title" if person is None else "person", match.quality, person)
