"""Storing many events at once: COPY into a temporary table, then statements that give every row its outcome.

An ``event_id`` is stored once, whoever comes first. A row whose id is there already is a ``duplicate`` where it says what is
stored, and ``reused`` where it says something else; what a row leaves out (its time) does not differ. Of rows of one batch
with the same id the first is stored.

Locks are taken in one order everywhere: users by id, then events by id. Two batches that overlap wait for each other and
never in a circle.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, LiteralString

from psycopg import AsyncConnection, Connection

from app.errors import Conflict
from app.services.staging import NULL, Steps, copied, merge_staged, merge_staged_sync

Outcome = Literal["created", "duplicate", "reused", "unknown_item"]
_ATTEMPTS = 5


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


# Dropped first, because several merges may share one transaction.
_CREATE_STAGING: LiteralString = """
DROP TABLE IF EXISTS pg_temp.staged_events;
CREATE TEMPORARY TABLE staged_events (
    row_number integer NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    item_id text COLLATE "C" NOT NULL,
    kind text NOT NULL,
    user_id text COLLATE "C",
    session_id text,
    value double precision,
    occurred_at timestamptz,
    recommendation_id text,
    position integer
) ON COMMIT DROP
"""
_COPY_STAGED: LiteralString = "COPY staged_events FROM STDIN"

# Lateral subqueries that cannot be flattened keep every look-up an index probe: the planner knows nothing of a
# temporary table and would now and then read a large table from end to end instead.
_CREATE_USERS: LiteralString = """
INSERT INTO users (id)
SELECT named.user_id
FROM (SELECT DISTINCT user_id FROM staged_events WHERE user_id IS NOT NULL) AS named
LEFT JOIN LATERAL (SELECT key FROM users WHERE id = named.user_id LIMIT 1) AS stored ON true
WHERE stored.key IS NULL AND EXISTS (
    SELECT FROM staged_events AS staged
    CROSS JOIN LATERAL (SELECT FROM items WHERE id = staged.item_id AND deleted_at IS NULL LIMIT 1) AS known
    WHERE staged.user_id = named.user_id
)
ORDER BY named.user_id
ON CONFLICT DO NOTHING
RETURNING key
"""

# KEY SHARE keeps a user from being erased until the merge is committed. ON CONFLICT waits for whoever is inserting the same
# id, and leaves theirs alone. Rows that were not stored come back with what is known of the reason.
_INSERT: LiteralString = """
WITH known_items AS MATERIALIZED (
    SELECT named.item_id, stored.key AS item_key
    FROM (SELECT DISTINCT item_id FROM staged_events) AS named
    CROSS JOIN LATERAL (SELECT key FROM items WHERE id = named.item_id AND deleted_at IS NULL LIMIT 1) AS stored
),
known_users AS MATERIALIZED (
    SELECT named.user_id, stored.key AS user_key
    FROM (
        SELECT DISTINCT user_id FROM staged_events JOIN known_items USING (item_id)
        WHERE user_id IS NOT NULL ORDER BY user_id
    ) AS named
    CROSS JOIN LATERAL (SELECT key FROM users WHERE id = named.user_id FOR KEY SHARE) AS stored
),
resolved AS MATERIALIZED (
    SELECT staged_events.*, item_key, user_key,
        item_key IS NOT NULL AND (user_id IS NULL OR user_key IS NOT NULL) AS sound
    FROM staged_events LEFT JOIN known_items USING (item_id) LEFT JOIN known_users USING (user_id)
),
ranked AS MATERIALIZED (
    SELECT *, row_number() OVER (PARTITION BY event_id, sound ORDER BY row_number) AS place FROM resolved
),
inserted AS (
    INSERT INTO events (
        event_id, user_key, item_key, kind, value, session_id, recommendation_id, position, occurred_at)
    SELECT event_id, user_key, item_key, kind, value, session_id, recommendation_id, position,
        coalesce(occurred_at, %(now)s)
    FROM ranked WHERE sound AND place = 1 ORDER BY event_id
    ON CONFLICT (event_id) DO NOTHING
    RETURNING event_id
)
SELECT row_number, CASE WHEN sound THEN 'present' WHEN item_key IS NULL THEN 'unknown_item' ELSE 'retry' END
FROM ranked
WHERE NOT (sound AND place = 1 AND event_id IN (SELECT event_id FROM inserted))
"""

# What a row says (staged) is what is stored (stored, with the ids of its user and item).
SAME_EVENT: LiteralString = """(
    stored.item_id = staged.item_id AND stored.kind = staged.kind
    AND stored.user_id IS NOT DISTINCT FROM staged.user_id
    AND stored.session_id IS NOT DISTINCT FROM staged.session_id
    AND stored.value IS NOT DISTINCT FROM staged.value
    AND stored.recommendation_id IS NOT DISTINCT FROM staged.recommendation_id
    AND stored.position IS NOT DISTINCT FROM staged.position
    AND stored.occurred_at = coalesce(staged.occurred_at, stored.occurred_at)
)"""

# A statement of its own: only a later snapshot than that of _INSERT sees the rows that were in its way.
_COMPARE: LiteralString = f"""
SELECT row_number, CASE WHEN stored.event_id IS NULL THEN 'gone' WHEN {SAME_EVENT} THEN 'duplicate' ELSE 'reused' END
FROM (
    SELECT * FROM staged_events WHERE row_number IN (SELECT unnest(%(rows)s::integer[]))
) AS staged
LEFT JOIN LATERAL (
    SELECT events.*, items.id AS item_id, users.id AS user_id
    FROM events JOIN items ON items.key = item_key LEFT JOIN users ON users.key = user_key
    WHERE event_id = staged.event_id
    LIMIT 1
) AS stored ON true
"""  # noqa: S608 - SAME_EVENT is a constant of ours


def merge_steps(count: int, now: datetime) -> Steps[list[Outcome]]:
    """Store the ``count`` staged rows: yields statements, is sent their rows, returns the outcome of every row."""
    waiting: dict[int, str] = dict.fromkeys(range(count), "retry")
    for _ in range(_ATTEMPTS):
        yield _CREATE_USERS, {}
        losers: list[tuple[int, str]] = yield _INSERT, {"now": now}
        missed = dict(losers)
        # A row that was stored by an earlier attempt is in its own way now; that is no news of it.
        waiting = {row: missed.get(row, "created") if state == "retry" else state for row, state in waiting.items()}
        if "retry" not in waiting.values():
            break
    else:
        raise Conflict(
            "Users of this batch keep being created and erased by others; send it again.", code="write_conflict"
        )
    unsettled = [row for row, state in waiting.items() if state != "created"]
    compared: dict[int, str] = {}
    if unsettled:
        compared = dict((yield _COMPARE, {"rows": unsettled}))
    return [_outcome(state, compared.get(row)) for row, state in waiting.items()]


def _outcome(state: str, compared: str | None) -> Outcome:
    match state, compared:
        case "created", _:
            return "created"
        case _, "duplicate":
            return "duplicate"
        case _, "reused":
            return "reused"
        case "unknown_item", _:
            return "unknown_item"
        case _:
            raise Conflict("Events of this batch are being deleted by others; send it again.", code="write_conflict")


async def merge_events(connection: AsyncConnection[Any], rows: Iterable[EventRow], *, now: datetime) -> list[Outcome]:
    """Store ``rows`` in the connection's transaction, and say what became of each."""
    data, count = staged_text(rows)
    return await merge_staged(connection, _CREATE_STAGING, _COPY_STAGED, data, merge_steps(count, now))


def merge_events_sync(connection: Connection[Any], rows: Iterable[EventRow], *, now: datetime) -> list[Outcome]:
    """The same for a synchronous connection."""
    data, count = staged_text(rows)
    return merge_staged_sync(connection, _CREATE_STAGING, _COPY_STAGED, data, merge_steps(count, now))


def staged_text(rows: Iterable[EventRow]) -> tuple[bytes, int]:
    """The rows as COPY's text format has them, numbered from 0, and how many there are."""
    lines = [
        f"{number}\t{copied(row.event_id)}\t{copied(row.item_id)}\t{row.kind}\t{copied(row.user_id)}"
        f"\t{copied(row.session_id)}\t{NULL if row.value is None else repr(row.value)}"
        f"\t{row.occurred_at.isoformat() if row.occurred_at else NULL}\t{copied(row.recommendation_id)}"
        f"\t{NULL if row.position is None else row.position}\n"
        for number, row in enumerate(rows)
    ]
    return "".join(lines).encode(), len(lines)
