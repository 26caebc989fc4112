"""Deletes events that are older than they are to be kept, a few at a time, so that no writer waits for long."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Engine, text

ROWS_A_TRANSACTION = 5_000

# SKIP LOCKED: an event that somebody is deleting is none of ours, and so is the wait for them.
_DELETE_SOME = text(
    """
DELETE FROM events WHERE key = ANY (ARRAY(
    SELECT key FROM events WHERE occurred_at < :before ORDER BY occurred_at LIMIT :rows FOR UPDATE SKIP LOCKED
))
"""
)


def delete_old_events(
    engine: Engine,
    *,
    days: int,
    now: datetime,
    rows: int = ROWS_A_TRANSACTION,
    stopped: Callable[[], bool] = lambda: False,
) -> int:
    """Delete the events of more than ``days`` ago, ``rows`` in a transaction; how many there were. With 0 days, none.

    ``stopped`` is asked before each transaction: what is left is deleted by the next call.
    """
    deleted = 0
    while days and not stopped():
        with engine.begin() as connection:
            found = connection.execute(_DELETE_SOME, {"before": now - timedelta(days=days), "rows": rows}).rowcount
        deleted += found
        if found < rows:
            break
    return deleted
