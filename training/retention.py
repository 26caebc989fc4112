"""Deletes events that are older than they are to be kept, exposures that nothing can be added to more, and ids of users that have
run out: a few at a time, so that no writer waits for long."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Engine, TextClause, text

ROWS_A_TRANSACTION = 5_000

# SKIP LOCKED: an event that somebody is deleting is none of ours, and so is the wait for them.
_DELETE_EVENTS = text(
    """
DELETE FROM events WHERE key = ANY (ARRAY(
    SELECT key FROM events WHERE occurred_at < :before ORDER BY occurred_at LIMIT :rows FOR UPDATE SKIP LOCKED
))
"""
)

# The counts of these exposures stay.
_DELETE_EXPOSURES = text(
    """
DELETE FROM exposures WHERE (viewer, item_key, nonce) IN (
    SELECT viewer, item_key, nonce FROM exposures
    WHERE made_at < :before ORDER BY made_at LIMIT :rows FOR UPDATE SKIP LOCKED
)
"""
)
_DELETE_EXPOSED_ITEMS = text(
    """
DELETE FROM exposed_items WHERE (day, origin_key, item_key) IN (
    SELECT day, origin_key, item_key FROM exposed_items
    WHERE day < CAST(:before AS date) ORDER BY day LIMIT :rows FOR UPDATE SKIP LOCKED
)
"""
)
_DELETE_ALIASES = text(
    """
DELETE FROM user_aliases WHERE id IN (
    SELECT id FROM user_aliases WHERE expires_at < :before ORDER BY expires_at LIMIT :rows FOR UPDATE SKIP LOCKED
)
"""
)
_DELETE_ANSWERS = text(
    """
DELETE FROM stored_answers WHERE id = ANY (ARRAY(
    SELECT id FROM stored_answers WHERE expires_at < :before ORDER BY expires_at LIMIT :rows FOR UPDATE SKIP LOCKED
))
"""
)


def _never() -> bool:
    return False


def delete_old_events(
    engine: Engine,
    *,
    days: int,
    now: datetime,
    rows: int = ROWS_A_TRANSACTION,
    stopped: Callable[[], bool] = _never,
) -> int:
    """Delete the events of more than ``days`` ago, ``rows`` in a transaction; how many there were. With 0 days, none.

    ``stopped`` is asked before each transaction: what is left is deleted by the next call.
    """
    return _delete_some(engine, _DELETE_EVENTS, now - timedelta(days=days), rows, stopped) if days else 0


def delete_old_exposures(
    engine: Engine,
    *,
    days: int,
    now: datetime,
    rows: int = ROWS_A_TRANSACTION,
    stopped: Callable[[], bool] = _never,
) -> int:
    """Delete the exposures of lists that were made more than ``days`` (and one) ago, in the same way, and after the last of a day
    the note of which items it showed."""
    before = now - timedelta(days=days + 1)
    deleted = _delete_some(engine, _DELETE_EXPOSURES, before, rows, stopped)
    _delete_some(engine, _DELETE_EXPOSED_ITEMS, before, rows, stopped)
    return deleted


def delete_old_aliases(
    engine: Engine, *, now: datetime, rows: int = ROWS_A_TRANSACTION, stopped: Callable[[], bool] = _never
) -> int:
    """Delete the ids of merged users that stand for nobody any more, in the same way."""
    return _delete_some(engine, _DELETE_ALIASES, now, rows, stopped)


def delete_old_answers(
    engine: Engine, *, now: datetime, rows: int = ROWS_A_TRANSACTION, stopped: Callable[[], bool] = _never
) -> int:
    """Delete the answers that are not given again any more, in the same way."""
    return _delete_some(engine, _DELETE_ANSWERS, now, rows, stopped)


def _delete_some(
    engine: Engine, statement: TextClause, before: datetime, rows: int, stopped: Callable[[], bool]
) -> int:
    deleted = 0
    while not stopped():
        with engine.begin() as connection:
            found = connection.execute(statement, {"before": before, "rows": rows}).rowcount
        deleted += found
        if found < rows:
            break
    return deleted
