"""Storing items: one statement that creates, replaces or leaves alone, from one row or from a temporary table.

A row that would not change is not written, so that ``changed_in`` moves on real changes only. Rows are locked in the
order of their ids, so that two batches that overlap wait for each other and never in a circle.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from operator import attrgetter
from typing import Any, Literal

from psycopg import AsyncConnection
from psycopg.sql import SQL, Identifier
from psycopg.types.json import Jsonb
from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    FromClause,
    Integer,
    MetaData,
    Select,
    Table,
    bindparam,
    case,
    cast,
    literal_column,
    null,
    or_,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.schema import CreateTable

from app.models import Item, ItemKey

Outcome = Literal["created", "updated", "unchanged", "superseded"]


@dataclass(frozen=True, slots=True)
class ItemFields:
    """Everything a client may say about an item, its id apart; a field for a column of the same name."""

    title: str
    description: str | None = None
    categories: Sequence[str] = ()
    tags: Sequence[str] = ()
    people: Sequence[dict[str, str]] = ()
    released_on: date | None = None
    duration_minutes: int | None = None
    certificate: str | None = None
    language: str | None = None
    image_url: str | None = None
    url: str | None = None
    available_from: datetime | None = None
    available_until: datetime | None = None
    votes: int | None = None
    vote_mean: float | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict[str, Any])
    hidden: bool = False
    safe_for_all: bool = False


@dataclass(frozen=True, slots=True)
class StoredRow:
    """What became of one row. ``key`` is None where a later row of the batch superseded it, or where another
    transaction stored the same at this very moment."""

    outcome: Outcome
    key: ItemKey | None


_TABLE = Item.__table__
_FIELDS = [each.name for each in fields(ItemFields)]
_COLUMNS = ["id", *_FIELDS]
_STAGED = Table(
    "staged_items",
    MetaData(),
    Column("position", Integer, nullable=False),
    *(Column(name, _TABLE.c[name].type) for name in _COLUMNS),
    prefixes=["TEMPORARY"],
    postgresql_on_commit="DROP",
)
_COPY = SQL("COPY staged_items ({}) FROM STDIN").format(SQL(", ").join(map(Identifier, ["position", *_COLUMNS])))
_values_of = attrgetter(*_FIELDS)
_LISTS = [2 + _FIELDS.index(name) for name in ("categories", "tags", "people")]
_DOCUMENTS = [2 + _FIELDS.index(name) for name in ("people", "attributes")]


def _merge(incoming: FromClause) -> Select[int, int | None, Outcome]:
    """Merge ``incoming`` (one row an id) into the items; gives position, key and outcome of each of its rows."""
    deleted = (
        select(Item.id).join(incoming, incoming.c.id == Item.id).where(Item.deleted_at.is_not(None)).cte("deleted")
    )
    now = bindparam("now", type_=Item.created_at.type)
    rows = select(*(incoming.c[name] for name in _COLUMNS), now, now).order_by(incoming.c.id)
    arriving = insert(Item).from_select([*_COLUMNS, "created_at", "updated_at"], rows)
    differs = tuple_(*(_TABLE.c[name] for name in _FIELDS)).is_distinct_from(
        tuple_(*(arriving.excluded[name] for name in _FIELDS))
    )
    upsert = arriving.on_conflict_do_update(
        index_elements=["id"],
        set_={name: arriving.excluded[name] for name in [*_FIELDS, "updated_at"]} | {"deleted_at": null()},
        where=or_(differs, Item.deleted_at.is_not(None)),
    )
    # A row version that nobody has locked or updated yet was inserted by this very statement.
    written = upsert.returning(Item.key, Item.id, literal_column("items.xmax = 0", Boolean).label("inserted")).cte(
        "written"
    )
    outcome: ColumnElement[Any] = case(
        (written.c.id.is_(None), "unchanged"),
        (or_(written.c.inserted, deleted.c.id.is_not(None)), "created"),
        else_="updated",
    )
    # An unchanged row is not returned by the upsert; its key is read from the table, where this snapshot sees it.
    key = select(Item.key).where(Item.id == incoming.c.id).scalar_subquery()
    return (
        select(incoming.c.position, case((written.c.id.is_(None), key), else_=written.c.key).label("key"), outcome)
        .select_from(incoming)
        .outerjoin(written, written.c.id == incoming.c.id)
        .outerjoin(deleted, deleted.c.id == incoming.c.id)
    )


_MERGE_ONE = _merge(
    select(
        literal_column("0", Integer).label("position"),
        # Cast, because Postgres takes an untyped parameter of a subquery for text.
        *(
            cast(bindparam(f"new_{name}", type_=_TABLE.c[name].type), _TABLE.c[name].type).label(name)
            for name in _COLUMNS
        ),
    ).cte("incoming")
)
_MERGE_STAGED = _merge(_STAGED)


async def merge_item(session: AsyncSession, item_id: str, item: ItemFields, *, now: datetime) -> StoredRow:
    """Store one item in full."""
    values: dict[str, Any] = {f"new_{name}": getattr(item, name) for name in _FIELDS}
    row = (await session.execute(_MERGE_ONE, values | {"new_id": item_id, "now": now})).one()
    return _stored(row[1], row[2])


async def merge_items(
    session: AsyncSession, rows: Sequence[tuple[str, ItemFields]], *, now: datetime
) -> list[StoredRow]:
    """Store items in full, in one statement; of rows with the same id the last is stored, the others superseded."""
    last = {item_id: position for position, (item_id, _) in enumerate(rows)}
    connection = await session.connection()
    driver: AsyncConnection[Any] = (await connection.get_raw_connection()).driver_connection  # pyright: ignore[reportAssignmentType] - SQLAlchemy cannot know the driver
    async with driver.cursor() as cursor:
        # Several merges may share one transaction.
        await cursor.execute("DROP TABLE IF EXISTS pg_temp.staged_items")
        await connection.execute(CreateTable(_STAGED))
        async with cursor.copy(_COPY) as copy:
            for position in last.values():
                await copy.write_row(_copied(position, *rows[position]))
        await cursor.execute("ANALYZE pg_temp.staged_items")
    outcomes = [StoredRow("superseded", None)] * len(rows)
    for position, key, outcome in await connection.execute(_MERGE_STAGED, {"now": now}):
        outcomes[position] = _stored(key, outcome)
    return outcomes


def _stored(key: int | None, outcome: Outcome) -> StoredRow:
    return StoredRow(outcome, None if key is None else ItemKey(key))


def _copied(position: int, item_id: str, item: ItemFields) -> list[Any]:
    """A row as COPY takes it."""
    row: list[Any] = [position, item_id, *_values_of(item)]
    for place in _LISTS:
        row[place] = list(row[place])
    for place in _DOCUMENTS:
        row[place] = Jsonb(row[place])
    return row
