"""How the service does, as far as the database knows: feedback by the hour, lengths of histories, and what is there."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import perf_counter

from sqlalchemy import BigInteger, ColumnElement, column, func, literal, literal_column, select, table, text, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import QueryableAttribute

from app.models import Event, Item, Rating, User
from app.services.training_runs import WORKER_NAME

HOUR = timedelta(hours=1)
LENGTHS = (0, 1, 5, 20, 50, 100, 200, 500)
"""Where the classes of history lengths begin; the last has no end."""
SAMPLED_PAGES = 20
COUNTED_ROWS = 100_000
_PAGE_BYTES = 8192
_ACTIVITY = table("pg_stat_activity", column("datname"), column("application_name"))
_CLASS = table("pg_class", column("oid"), column("relname"), column("reltuples"))


@dataclass(frozen=True, slots=True)
class Hour:
    """What arrived in an hour that begins at ``start``; events without impressions, which are counted apart."""

    start: datetime
    ratings: int
    events: int
    impressions: int


@dataclass(frozen=True, slots=True)
class LengthClass:
    """How many of the sampled users have so many ratings; ``most`` None for no end."""

    least: int
    most: int | None
    users: int


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """What Postgres says of itself. ``training_workers`` counts those that listen for work over a connection of our own role."""

    latency_ms: float
    size_bytes: int
    connections: int
    training_workers: int


@dataclass(frozen=True, slots=True)
class Totals:
    """How many rows there are: as Postgres estimates them, for counting takes long."""

    users: int
    items: int
    ratings: int
    events: int


async def count_hours(session: AsyncSession, *, hours: int, now: datetime) -> list[Hour]:
    """Ratings and events of the last ``hours`` hours, the running one included, oldest first and without a gap."""
    last = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    since = last - (hours - 1) * HOUR
    ratings = await _by_hour(session, Rating.rated_at, since, Rating.value.is_not(None))
    events = await _by_hour(session, Event.occurred_at, since, Event.kind != "impression")
    impressions = await _by_hour(session, Event.occurred_at, since, Event.kind == "impression")
    starts = [since + number * HOUR for number in range(hours)]
    return [Hour(each, ratings.get(each, 0), events.get(each, 0), impressions.get(each, 0)) for each in starts]


async def _by_hour(
    session: AsyncSession, time: QueryableAttribute[datetime], since: datetime, *conditions: ColumnElement[bool]
) -> dict[datetime, int]:
    hour = func.date_trunc(literal_column("'hour'"), time)
    query = select(hour, func.count()).where(time >= since, *conditions).group_by(hour)
    return dict((await session.execute(query)).all())


async def count_history_lengths(session: AsyncSession) -> list[LengthClass]:
    """Users by how many ratings they have, of some pages of the table of users: all of them where there are few."""
    pages = (await session.execute(select(func.pg_relation_size(text("'users'")) / _PAGE_BYTES))).scalar_one()
    share = min(100.0, 100.0 * SAMPLED_PAGES / max(1, int(pages)))
    users = User.__table__.tablesample(func.system(share), seed=literal_column("0"), name="sampled")
    # Counted up to where the last class begins and no further.
    some = select(literal(1)).where(Rating.user_key == users.c.key, Rating.value.is_not(None))
    counted = select(func.count().label("ratings")).select_from(
        some.limit(LENGTHS[-1]).correlate(users).subquery("some")
    )
    length = counted.lateral("counted")
    place = func.width_bucket(length.c.ratings, literal(list(LENGTHS), ARRAY(BigInteger)))
    query = select(place, func.count()).select_from(users).join(length, true()).group_by(place)
    found = dict((await session.execute(query)).all())
    ends: list[int | None] = [each - 1 for each in LENGTHS[1:]]
    return [
        LengthClass(least, most, found.get(place, 0))
        for place, (least, most) in enumerate(zip(LENGTHS, [*ends, None], strict=True), 1)
    ]


async def read_totals(session: AsyncSession) -> Totals:
    """How many rows the tables hold, as the planner estimates; counted where a table was never analysed."""
    tables = (User, Item, Rating, Event)
    names = [each.__tablename__ for each in tables]
    query = select(_CLASS.c.relname, _CLASS.c.reltuples).where(
        _CLASS.c.oid.in_([func.to_regclass(name) for name in names])
    )
    estimates = {name: int(rows) for name, rows in (await session.execute(query))}
    for model, name in zip(tables, names, strict=True):
        if estimates.get(name, -1) < 0:
            some = select(literal(1)).select_from(model).limit(COUNTED_ROWS).subquery()
            estimates[name] = (await session.execute(select(func.count()).select_from(some))).scalar_one()
    return Totals(*(estimates[name] for name in names))


async def read_database_state(session: AsyncSession) -> DatabaseState:
    """One look at the database, and how long the answer took."""
    began = perf_counter()
    await session.execute(select(literal(1)))
    latency = 1e3 * (perf_counter() - began)
    here = _ACTIVITY.c.datname == func.current_database()
    query = select(
        func.pg_database_size(func.current_database()),
        select(func.count()).select_from(_ACTIVITY).where(here).scalar_subquery(),
        select(func.count())
        .select_from(_ACTIVITY)
        .where(here, _ACTIVITY.c.application_name == WORKER_NAME)
        .scalar_subquery(),
    )
    size, connections, workers = (await session.execute(query)).one()
    return DatabaseState(round(latency, 2), size, connections, workers)
