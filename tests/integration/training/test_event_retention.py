"""Old events go, in small portions and past writers; the others stay."""

from datetime import UTC, datetime, timedelta

import psycopg

from app.db import open_sync_engine
from training.retention import delete_old_events

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def fill(connection: psycopg.Connection) -> None:
    connection.execute("INSERT INTO items (id, title) VALUES ('film', 'Film')")
    connection.execute(
        "INSERT INTO events (event_id, session_id, item_key, kind, occurred_at)"
        " SELECT 'e' || n, 's', key, 'view', %s - n * interval '1 minute' FROM items, generate_series(0, 29999) AS n",
        [NOW - timedelta(days=9, hours=23, minutes=50)],
    )
    connection.commit()


def test_old_events_go_in_portions_and_past_locks_of_others(database_url: str) -> None:
    with open_sync_engine(database_url) as engine, psycopg.connect(database_url) as other:
        fill(other)
        asked = 0

        def stopped() -> bool:
            nonlocal asked
            asked += 1
            return asked == 3

        assert delete_old_events(engine, days=0, now=NOW) == 0
        assert delete_old_events(engine, days=10, now=NOW, rows=1_000, stopped=stopped) == 2_000
        other.execute("SELECT FROM events WHERE event_id = 'e15000' FOR UPDATE")
        assert delete_old_events(engine, days=10, now=NOW, rows=7_000) == 29_989 - 2_000 - 1
        kept = {row[0] for row in other.execute("SELECT event_id FROM events").fetchall()}
        assert kept == {f"e{n}" for n in range(11)} | {"e15000"}
        other.rollback()
        assert delete_old_events(engine, days=10, now=NOW) == 1
        oldest = other.execute("SELECT min(occurred_at) FROM events").fetchone()
        assert oldest is not None
        assert oldest[0] >= NOW - timedelta(days=10)
