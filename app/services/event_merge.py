"""Storing many events at once: the whole batch goes through each of a few statements.

An ``event_id`` is stored once, whoever comes first. A row whose id is there already is a ``duplicate`` where it says what is
stored, and ``reused`` where it says something else; what a row leaves out (its time) does not differ. Of rows of one batch
with the same id the first is stored.

Locks are taken in one order everywhere: users by id, then events by id. Two batches that overlap wait for each other and
never in a circle.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, LiteralString

from psycopg import Connection

from app.errors import Conflict
from app.services.merge_steps import Column, Steps, find_items, lock_or_create_users, run_merge_sync

Outcome = Literal["created", "duplicate", "reused", "unknown_item"]


@dataclass(frozen=True, slots=True)
class EventRow:
    """One event as it comes in; without ``occurred_at`` it is of the time of arrival. ``position`` is that of the item in the
    list that showed it."""

    event_id: str
    item_id: str
    kind: str
    user_id: str | None = None
    session_id: str | None = None
    value: float | None = None
    occurred_at: datetime | None = None
    recommendation_id: str | None = None
    position: int | None = None


# An event_id comes once here, and ON CONFLICT waits for whoever is inserting the same, and leaves theirs alone. The places of
# the rows that were not stored come back.
_INSERT: LiteralString = """
WITH offered AS MATERIALIZED (
    SELECT * FROM unnest(
        %(event_ids)b::text[], %(users)s::bigint[], %(items)s::bigint[], %(kinds)b::text[], %(values)s::float8[],
        %(sessions)b::text[], %(recommendations)b::text[], %(positions)s::bigint[], %(times)s::timestamptz[]
    ) WITH ORDINALITY AS row (
        event_id, user_key, item_key, kind, value, session_id, recommendation_id, position, occurred_at, place)
),
inserted AS (
    INSERT INTO events (
        event_id, user_key, item_key, kind, value, session_id, recommendation_id, position, occurred_at)
    SELECT event_id, nullif(user_key, 0), item_key, kind, nullif(value, 'NaN'), session_id, recommendation_id,
        nullif(position, 0), occurred_at
    FROM offered ORDER BY event_id COLLATE "C"
    ON CONFLICT (event_id) DO NOTHING
    RETURNING event_id
)
SELECT place - 1 FROM offered WHERE event_id NOT IN (SELECT event_id FROM inserted)
"""

# What a row says (staged) is what is stored (stored, with the ids of its user and item).
SAME_EVENT: LiteralString = """(
    stored.item_id = staged.item_id AND stored.kind = staged.kind
    AND (stored.user_id IS NOT DISTINCT FROM staged.user_id
        OR stored.user_key = (SELECT user_key FROM user_aliases WHERE id = staged.user_id AND expires_at > now()))
    AND stored.session_id IS NOT DISTINCT FROM staged.session_id
    AND stored.value IS NOT DISTINCT FROM staged.value
    AND stored.recommendation_id IS NOT DISTINCT FROM staged.recommendation_id
    AND stored.position IS NOT DISTINCT FROM staged.position
    AND stored.occurred_at = coalesce(staged.occurred_at, stored.occurred_at)
)"""

# A statement of its own: only a later snapshot than that of _INSERT sees the rows that were in its way.
_COMPARE: LiteralString = f"""
SELECT place - 1, CASE WHEN stored.event_id IS NULL THEN 'gone' WHEN {SAME_EVENT} THEN 'duplicate' ELSE 'reused' END
FROM unnest(
    %(event_ids)b::text[], %(user_ids)b::text[], %(item_ids)b::text[], %(kinds)b::text[], %(values)b::float8[],
    %(sessions)b::text[], %(recommendations)b::text[], %(positions)b::int[], %(times)b::timestamptz[]
) WITH ORDINALITY AS staged (
    event_id, user_id, item_id, kind, value, session_id, recommendation_id, position, occurred_at, place)
LEFT JOIN LATERAL (
    SELECT events.*, items.id AS item_id, users.id AS user_id
    FROM events JOIN items ON items.key = item_key LEFT JOIN users ON users.key = user_key
    WHERE event_id = staged.event_id
    LIMIT 1
) AS stored ON true
"""  # noqa: S608 - SAME_EVENT is a constant of ours


def merge_steps(rows: Sequence[EventRow], now: datetime) -> Steps[list[Outcome]]:
    """Store the rows: yields statements, is sent their rows, returns the outcome of every row."""
    items = yield from find_items({row.item_id for row in rows})
    named = {row.user_id for row in rows if row.user_id is not None and row.item_id in items}
    users, _ = yield from lock_or_create_users(named)
    first: dict[str, int] = {}
    for number, row in enumerate(rows):
        if row.item_id in items:
            first.setdefault(row.event_id, number)
    outcomes: list[Outcome | None] = [None] * len(rows)
    for number in first.values():
        outcomes[number] = "created"
    chosen = list(first.values())
    if chosen:
        for (place,) in (yield _INSERT, _columns([rows[number] for number in chosen], items, users, now)):
            outcomes[chosen[place]] = None
    rest = [number for number, outcome in enumerate(outcomes) if outcome is None]
    if rest:
        compared: list[tuple[int, str]] = yield _COMPARE, _texts([rows[number] for number in rest])
        for place, found in compared:
            outcomes[rest[place]] = _outcome(found, known=rows[rest[place]].item_id in items)
    return [outcome for outcome in outcomes if outcome is not None]


def merge_events_sync(connection: Connection[Any], rows: Sequence[EventRow], *, now: datetime) -> list[Outcome]:
    """Store ``rows`` in the connection's transaction, and say what became of each."""
    return run_merge_sync(connection, merge_steps(rows, now))


def _outcome(found: str, *, known: bool) -> Outcome:
    """What became of a row that was not stored, by how it compares with what is stored under its id."""
    match found:
        case "duplicate" | "reused":
            return found
        case _ if not known:
            return "unknown_item"
        case _:
            raise Conflict("Events of this batch are being deleted by others; send it again.", code="write_conflict")


def _columns(
    rows: Sequence[EventRow], items: Mapping[str, int], users: Mapping[str, int], now: datetime
) -> dict[str, Any]:
    return {
        "event_ids": [row.event_id for row in rows],
        "users": Column.integers([0 if row.user_id is None else users[row.user_id] for row in rows]),
        "items": Column.integers([items[row.item_id] for row in rows]),
        "kinds": [row.kind for row in rows],
        "values": Column.doubles([math.nan if row.value is None else row.value for row in rows]),
        "sessions": [row.session_id for row in rows],
        "recommendations": [row.recommendation_id for row in rows],
        "positions": Column.integers([row.position or 0 for row in rows]),
        "times": Column.times([row.occurred_at or now for row in rows]),
    }


def _texts(rows: Sequence[EventRow]) -> dict[str, Any]:
    return {
        "event_ids": [row.event_id for row in rows],
        "user_ids": [row.user_id for row in rows],
        "item_ids": [row.item_id for row in rows],
        "kinds": [row.kind for row in rows],
        "values": [row.value for row in rows],
        "sessions": [row.session_id for row in rows],
        "recommendations": [row.recommendation_id for row in rows],
        "positions": [row.position for row in rows],
        "times": [row.occurred_at for row in rows],
    }
