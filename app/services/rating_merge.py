"""Merging many ratings at once: COPY into a temporary table, then three statements that give every row its outcome.

The SQL is the same for the batch endpoint, which runs it asynchronously, and for the importers, which do not: both
drive the one generator ``merge_steps``. The rules are those of a single write (``app.services.ratings``):

* the newest ``rated_at`` wins, and of equal times the later arrival; a tombstone wins at equal times too;
* a row without ``rated_at`` takes the time of arrival, but never one before what is stored, so that it is never stale;
  an unchanged value without ``rated_at`` keeps its time;
* rows of one batch that name the same user and item contend first: one wins by the same rules and is merged, the
  others are ``superseded``.

Locks are taken in one order everywhere: items that are created, users by id, new ratings by key, stored ratings by
key. Two batches that overlap therefore wait for each other and never in a circle.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal, LiteralString

from psycopg import AsyncConnection, Connection

from app.errors import Conflict
from app.services.staging import NULL, Steps, copied, merge_staged, merge_staged_sync

Outcome = Literal["created", "updated", "unchanged", "stale", "superseded", "unknown_item"]
# User id, item id, value, time (None: the time of arrival). A row's position in the batch is its name in the outcomes.
RatingRow = tuple[str, str, float, datetime | None]

_ATTEMPTS = 5

# Dropped first, because several merges may share one transaction.
CREATE_STAGING: LiteralString = """
DROP TABLE IF EXISTS pg_temp.staged_ratings, pg_temp.rating_contenders;
CREATE TEMPORARY TABLE staged_ratings (
    position integer NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    item_id text COLLATE "C" NOT NULL,
    value double precision NOT NULL,
    rated_at timestamptz
) ON COMMIT DROP;
CREATE TEMPORARY TABLE rating_contenders (
    position integer NOT NULL,
    user_key bigint NOT NULL,
    item_key bigint NOT NULL,
    value double precision NOT NULL,
    rated_at timestamptz NOT NULL,
    timed boolean NOT NULL
) ON COMMIT DROP
"""

COPY_STAGED: LiteralString = "COPY staged_ratings (position, user_id, item_id, value, rated_at) FROM STDIN"

# Lateral subqueries that cannot be flattened keep every look-up an index probe: the planner knows nothing of a
# temporary table and would now and then read a large table from end to end instead.
_CREATE_PLACEHOLDERS: LiteralString = """
INSERT INTO items (id, title)
SELECT named.item_id, named.item_id
FROM (SELECT DISTINCT item_id FROM staged_ratings) AS named
LEFT JOIN LATERAL (SELECT key FROM items WHERE id = named.item_id LIMIT 1) AS stored ON true
WHERE stored.key IS NULL
ORDER BY named.item_id
ON CONFLICT DO NOTHING
RETURNING key
"""

# KEY SHARE keeps a user from being erased until the merge is committed. A user whom another transaction creates or
# erases at this very moment is missing from both sides here; such rows come back as 'retry'.
_RESOLVE: LiteralString = """
WITH known_items AS MATERIALIZED (
    SELECT named.item_id, stored.key AS item_key
    FROM (SELECT DISTINCT item_id FROM staged_ratings) AS named
    CROSS JOIN LATERAL (SELECT key FROM items WHERE id = named.item_id AND deleted_at IS NULL LIMIT 1) AS stored
),
known_users AS MATERIALIZED (
    SELECT named.user_id, stored.key AS user_key
    FROM (SELECT DISTINCT user_id FROM staged_ratings JOIN known_items USING (item_id) ORDER BY user_id) AS named
    LEFT JOIN LATERAL (SELECT key FROM users WHERE id = named.user_id FOR KEY SHARE) AS stored ON true
),
new_users AS (
    INSERT INTO users (id)
    SELECT user_id FROM known_users WHERE user_key IS NULL ORDER BY user_id
    ON CONFLICT DO NOTHING
    RETURNING id AS user_id, key AS user_key
),
resolved AS (
    SELECT position, user_key, item_key, value, rated_at IS NOT NULL AS timed,
        coalesce(rated_at, max(coalesce(rated_at, %(now)s)) OVER (PARTITION BY user_key, item_key ORDER BY position))
            AS rated_at
    FROM staged_ratings
    LEFT JOIN known_items USING (item_id)
    LEFT JOIN (
        SELECT user_id, user_key FROM known_users WHERE user_key IS NOT NULL UNION ALL TABLE new_users
    ) AS users_by_id USING (user_id)
),
ranked AS MATERIALIZED (
    SELECT *, CASE
        WHEN item_key IS NULL THEN 'unknown_item'
        WHEN user_key IS NULL THEN 'retry'
        WHEN row_number() OVER (PARTITION BY user_key, item_key ORDER BY rated_at DESC, position DESC) > 1
            THEN 'superseded'
    END AS outcome
    FROM resolved
),
contending AS (
    INSERT INTO rating_contenders (position, user_key, item_key, value, rated_at, timed)
    SELECT position, user_key, item_key, value, rated_at, timed FROM ranked
    WHERE outcome IS NULL ORDER BY user_key, item_key
)
SELECT position, outcome FROM ranked WHERE outcome IS NOT NULL
"""

# Waits for whoever is inserting the same rating, and leaves it alone then. The positions that remain go back to the
# server as they come, as text: ten thousand integers need not become Python's in between.
_CREATE: LiteralString = """
WITH created AS (
    INSERT INTO ratings (user_key, item_key, value, rated_at)
    SELECT user_key, item_key, value, rated_at FROM rating_contenders ORDER BY user_key, item_key
    ON CONFLICT DO NOTHING
    RETURNING user_key, item_key
)
SELECT count(*) AS remaining, coalesce(array_agg(position), '{}')::text AS positions
FROM rating_contenders AS contender
WHERE NOT EXISTS (
    SELECT FROM created WHERE created.user_key = contender.user_key AND created.item_key = contender.item_key
)
"""

# What a rating (value, rated_at, timed) does to what is stored (stored_value, stored_at).
OUTCOME: LiteralString = """CASE
    WHEN timed AND (rated_at < stored_at OR rated_at = stored_at AND stored_value IS NULL) THEN 'stale'
    WHEN stored_value IS NULL THEN 'created'
    WHEN value = stored_value AND (NOT timed OR rated_at = stored_at) THEN 'unchanged'
    ELSE 'updated'
END"""

# A statement of its own: only a later snapshot than that of _CREATE sees the rows that were in its way. Locking
# reads the newest version of each row, and ON CONFLICT writes on top of it whatever the snapshot says.
_SETTLE: LiteralString = f"""
WITH stored AS MATERIALIZED (
    SELECT contender.*, held.value AS stored_value, held.rated_at AS stored_at
    FROM (
        SELECT * FROM rating_contenders WHERE position IN (SELECT unnest(%(positions)s::integer[]))
        ORDER BY user_key, item_key
    ) AS contender
    CROSS JOIN LATERAL (
        SELECT value, rated_at FROM ratings
        WHERE user_key = contender.user_key AND item_key = contender.item_key
        FOR UPDATE
    ) AS held
),
decided AS MATERIALIZED (SELECT *, {OUTCOME} AS outcome FROM stored),
written AS (
    INSERT INTO ratings (user_key, item_key, value, rated_at)
    SELECT user_key, item_key, value, greatest(rated_at, stored_at) FROM decided
    WHERE outcome IN ('created', 'updated')
    ON CONFLICT (user_key, item_key) DO UPDATE SET value = excluded.value, rated_at = excluded.rated_at
)
SELECT position, outcome FROM decided
"""  # noqa: S608 - OUTCOME is a constant of ours


def merge_steps(count: int, now: datetime, *, create_placeholder_items: bool) -> Steps[list[Outcome]]:
    """Merge the ``count`` staged rows: yields statements, is sent their rows, returns the outcome of every position."""
    if create_placeholder_items:
        yield _CREATE_PLACEHOLDERS, {}
    for _ in range(_ATTEMPTS):
        losers = yield _RESOLVE, {"now": now}
        if all(outcome != "retry" for _, outcome in losers):
            break
        yield "DELETE FROM rating_contenders RETURNING position", {}
    else:
        raise Conflict(
            "Users of this batch keep being created and erased by others; send it again.", code="write_conflict"
        )
    remaining, positions = (yield _CREATE, {})[0]
    outcomes: list[Outcome] = ["created"] * count
    for position, outcome in losers:
        outcomes[position] = outcome
    if remaining:
        settled = yield _SETTLE, {"positions": positions}
        if len(settled) < remaining:
            raise Conflict("Ratings of this batch are being removed by others; send it again.", code="write_conflict")
        for position, outcome in settled:
            outcomes[position] = outcome
    return outcomes


async def merge_ratings(
    connection: AsyncConnection[Any],
    rows: Iterable[RatingRow],
    *,
    now: datetime,
    create_placeholder_items: bool = False,
) -> list[Outcome]:
    """Merge ``rows`` in the connection's transaction, and say what became of each."""
    data, count = staged_text(rows)
    steps = merge_steps(count, now, create_placeholder_items=create_placeholder_items)
    return await merge_staged(connection, CREATE_STAGING, COPY_STAGED, data, steps)


def merge_ratings_sync(
    connection: Connection[Any], rows: Iterable[RatingRow], *, now: datetime, create_placeholder_items: bool = False
) -> list[Outcome]:
    """The same for a synchronous connection."""
    data, count = staged_text(rows)
    steps = merge_steps(count, now, create_placeholder_items=create_placeholder_items)
    return merge_staged_sync(connection, CREATE_STAGING, COPY_STAGED, data, steps)


def staged_text(rows: Iterable[RatingRow]) -> tuple[bytes, int]:
    """The rows as COPY's text format has them, numbered from 0, and how many there are."""
    lines = [
        f"{position}\t{copied(user_id)}\t{copied(item_id)}\t{value!r}\t{rated_at.isoformat() if rated_at else NULL}\n"
        for position, (user_id, item_id, value, rated_at) in enumerate(rows)
    ]
    return "".join(lines).encode(), len(lines)
