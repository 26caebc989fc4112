"""Reads the rows that one training run works on, in one transaction that sees one state of the database."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Connection, Engine, Row, select, text

from app.engine.terms import Description
from app.event_kinds import EventKinds
from app.models import Item
from app.services.event_rules import EventRules
from training.data import ItemRecord, Snapshot
from training.snapshot_feedback import read_feedback
from training.snapshot_groups import read_groups

_ITEMS_A_FETCH = 5_000
_COLUMNS = (
    Item.key,
    Item.id,
    Item.title,
    Item.description,
    Item.categories,
    Item.tags,
    Item.people,
    Item.released_on,
    Item.language,
    Item.attributes,
    Item.image_url,
    Item.votes,
    Item.vote_mean,
    Item.hidden,
    Item.changed_in,
    Item.duration_minutes,
    Item.certificate,
    Item.url,
    Item.available_from,
    Item.available_until,
    Item.safe_for_all,
    Item.created_at,
)


@dataclass(frozen=True, slots=True)
class DatabaseSnapshot:
    """A snapshot and the transaction id below which every change of the catalogue is in it."""

    snapshot: Snapshot
    catalogue_seen: str


def read_snapshot(engine: Engine, kinds: EventKinds | None = None) -> DatabaseSnapshot:
    """Items in the byte order of their ids, and all ratings and events (by the table of ``kinds``) of items that are not
    deleted."""
    with _one_state(engine) as connection:
        seen = str(connection.execute(text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text")).scalar_one())
        items = list(_read_items(connection))
        item_keys = np.array([item.key for item in items], np.int64)
        read = read_feedback(connection, item_keys, EventRules.of(kinds or EventKinds()))
        groups = read_groups(connection, read.user_keys)
    return DatabaseSnapshot(Snapshot(items, read.feedback, groups), seen)


@contextmanager
def _one_state(engine: Engine) -> Generator[Connection]:
    with engine.connect() as connection:
        connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with connection.begin():
            yield connection


def _read_items(connection: Connection) -> Iterator[ItemRecord]:
    statement = select(*_COLUMNS).where(Item.deleted_at.is_(None)).order_by(Item.id)
    rows = connection.execution_options(yield_per=_ITEMS_A_FETCH).execute(statement)
    for row in rows:
        yield _record(row)


def _record(row: Row[*tuple[Any, ...]]) -> ItemRecord:
    description = Description(
        row.title,
        row.description,
        row.categories,
        row.tags,
        row.people,
        row.released_on,
        row.language,
        row.attributes,
    )
    return ItemRecord(
        row.key,
        row.id.encode(),
        description,
        row.image_url,
        row.votes,
        row.vote_mean,
        row.hidden,
        int(row.changed_in),
        row.duration_minutes,
        row.certificate,
        row.url,
        row.available_from,
        row.available_until,
        row.safe_for_all,
        row.created_at,
    )
