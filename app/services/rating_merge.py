"""Merging many ratings at once: the whole batch goes through each of a few statements.

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

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, LiteralString, cast

import numpy as np
from psycopg import Connection

from app.services.merge_steps import Column, Steps, find_items, lock_or_create_users, run_merge_sync

Outcome = Literal["created", "updated", "unchanged", "stale", "superseded", "unknown_item"]
# User id, item id, value, time (None: the time of arrival). A row's position in the batch is its name in the outcomes.
RatingRow = tuple[str, str, float, datetime | None]
# Position, value, time, and whether the row itself gave the time.
_Offer = tuple[int, float, datetime, bool]

# What a rating (value, rated_at, timed) does to what is stored (stored_value, stored_at).
OUTCOME: LiteralString = """CASE
    WHEN timed AND (rated_at < stored_at OR rated_at = stored_at AND stored_value IS NULL) THEN 'stale'
    WHEN stored_value IS NULL THEN 'created'
    WHEN value = stored_value AND (NOT timed OR rated_at = stored_at) THEN 'unchanged'
    ELSE 'updated'
END"""

# The users are locked, so that what is read here is the newest, and a plain INSERT does: ON CONFLICT would take twice the time.
# ``new_user`` saves looking for what cannot be there. The look-up is an index probe however large the planner takes the arrays
# to be.
_MERGE: LiteralString = f"""
WITH decided AS MATERIALIZED (
    SELECT offered.*, stored_value, stored_at, {OUTCOME} AS outcome
    FROM unnest(
        %(users)s::bigint[], %(items)s::bigint[], %(values)s::float8[], %(times)s::timestamptz[], %(timed)s::boolean[],
        %(new_users)s::boolean[]
    ) WITH ORDINALITY AS offered (user_key, item_key, value, rated_at, timed, new_user, place)
    LEFT JOIN LATERAL (
        SELECT ratings.value AS stored_value, ratings.rated_at AS stored_at FROM ratings
        WHERE NOT new_user AND user_key = offered.user_key AND item_key = offered.item_key
        LIMIT 1
    ) AS stored ON true
),
inserted AS (
    INSERT INTO ratings (user_key, item_key, value, rated_at)
    SELECT user_key, item_key, value, rated_at FROM decided WHERE stored_at IS NULL ORDER BY user_key, item_key
),
replaced AS (
    INSERT INTO ratings (user_key, item_key, value, rated_at)
    SELECT user_key, item_key, value, greatest(rated_at, stored_at) FROM decided
    WHERE stored_at IS NOT NULL AND outcome IN ('created', 'updated')
    ON CONFLICT (user_key, item_key) DO UPDATE SET value = excluded.value, rated_at = excluded.rated_at
)
SELECT string_agg(outcome, ',' ORDER BY place) FROM decided
"""  # noqa: S608 - OUTCOME is a constant of ours


def merge_steps(
    rows: Sequence[RatingRow], now: datetime, *, create_placeholder_items: bool = False
) -> Steps[list[Outcome]]:
    """Merge the rows: yields statements, is sent their rows, returns the outcome of every row."""
    items = yield from find_items({row[1] for row in rows}, create=create_placeholder_items)
    users, new_users = yield from lock_or_create_users({row[0] for row in rows if row[1] in items})
    outcomes: list[Outcome] = ["superseded" if row[1] in items else "unknown_item" for row in rows]
    newest = _newest_of_each(rows, items, users, now)
    if newest:
        merged: str = (yield _MERGE, _columns(newest, new_users))[0][0]
        for (position, *_), outcome in zip(newest.values(), merged.split(","), strict=True):
            outcomes[position] = cast("Outcome", outcome)
    return outcomes


def merge_ratings_sync(
    connection: Connection[Any], rows: Sequence[RatingRow], *, now: datetime, create_placeholder_items: bool = False
) -> list[Outcome]:
    """Merge ``rows`` in the connection's transaction, and say what became of each."""
    return run_merge_sync(connection, merge_steps(rows, now, create_placeholder_items=create_placeholder_items))


def _newest_of_each(
    rows: Sequence[RatingRow], items: Mapping[str, int], users: Mapping[str, int], now: datetime
) -> dict[tuple[int, int], _Offer]:
    """The newest rating of each user and item, by their keys, of the rows whose item is known; of equal times the last."""
    newest: dict[tuple[int, int], _Offer] = {}
    for position, (user_id, item_id, value, rated_at) in enumerate(rows):
        item_key = items.get(item_id)
        if item_key is None:
            continue
        pair = users[user_id], item_key
        held = newest.get(pair)
        if held is None:
            newest[pair] = position, value, rated_at or now, rated_at is not None
            continue
        # Without a time it is never older than those before it.
        time = rated_at or max(now, held[2])
        if time >= held[2]:
            newest[pair] = position, value, time, rated_at is not None
    return newest


def _columns(newest: Mapping[tuple[int, int], _Offer], new_users: Collection[int]) -> dict[str, Column]:
    pairs = np.array(list(newest), np.int64)
    _, values, times, timed = zip(*newest.values(), strict=True)
    return {
        "users": Column.integers(pairs[:, 0]),
        "items": Column.integers(pairs[:, 1]),
        "values": Column.doubles(values),
        "times": Column.times(times),
        "timed": Column.flags(timed),
        "new_users": Column.flags(np.isin(pairs[:, 0], list(new_users))),
    }
