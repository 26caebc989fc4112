"""Erasures that meet batches: nobody waits in a circle."""

from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime

import psycopg
from merging import paused
from workers import wait_until

from app.services.merge_steps import lock_or_create_users, run_merge_sync
from app.services.rating_merge import Outcome, merge_steps

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
AFTER_THE_LOCKS = 5


def test_two_batches_that_meet_an_erasure_do_not_wait_for_each_other(database_url: str) -> None:
    """The first has locked Ada and waits for Bob, who is being erased. As he is gone, the second creates him anew and waits for
    Ada: if the first kept her while it creates Bob too, each would wait for the other."""
    steps = merge_steps([("ada", "film", 1.0, None), ("bob", "film", 1.0, None)], NOW)
    with (
        psycopg.connect(database_url) as erasing,
        psycopg.connect(database_url) as first,
        psycopg.connect(database_url) as second,
        psycopg.connect(database_url, autocommit=True) as watching,
        ThreadPoolExecutor(2) as threads,
    ):
        erasing.execute("INSERT INTO items (id, title) VALUES ('film', 't')")
        erasing.execute("INSERT INTO users (id) VALUES ('ada'), ('bob')")
        erasing.commit()
        begun: list[Future[list[Outcome]]] = []

        def wait_until_blocked(connection: psycopg.Connection) -> None:
            blocked = "SELECT cardinality(pg_blocking_pids(%s)) > 0"
            pid = connection.info.backend_pid
            wait_until(lambda: watching.execute(blocked, [pid]).fetchone() == (True,), lambda: "nobody waits")

        def write_the_second() -> list[Outcome]:
            other = merge_steps([("bob", "film", 2.0, None), ("ada", "film", 2.0, None)], NOW)
            outcomes = run_merge_sync(second, other)
            second.commit()
            return outcomes

        def begin_the_second() -> None:
            begun.append(threads.submit(write_the_second))
            wait_until_blocked(second)

        def write_the_first() -> list[Outcome]:
            outcomes = run_merge_sync(first, paused(steps, AFTER_THE_LOCKS, begin_the_second))
            first.commit()
            return outcomes

        erasing.execute("DELETE FROM users WHERE id = 'bob'")
        written = threads.submit(write_the_first)
        wait_until_blocked(first)
        erasing.commit()
        assert written.result(120) == ["updated", "updated"]
        assert begun[0].result(120) == ["created", "created"]
        left = erasing.execute("SELECT users.id, value FROM ratings JOIN users ON key = user_key ORDER BY 1").fetchall()
        assert left == [("ada", 1.0), ("bob", 1.0)]


def test_a_batch_does_not_bring_back_whom_it_knew_by_an_alias(database_url: str) -> None:
    """Between the batch's look at the aliases and its look at the users the owner of the alias is erased."""
    with psycopg.connect(database_url, autocommit=True) as erasing, psycopg.connect(database_url) as writing:
        erasing.execute("INSERT INTO users (id) VALUES ('ada')")
        erasing.execute(
            "INSERT INTO user_aliases SELECT 'visitor', key, now() + interval '1 day' FROM users WHERE id = 'ada'"
        )

        def erase() -> None:
            erasing.execute("DELETE FROM users WHERE id = 'ada'")

        found, created = run_merge_sync(writing, paused(lock_or_create_users({"visitor"}), 1, erase))
        writing.commit()
        assert erasing.execute("SELECT id, key FROM users").fetchall() == list(found.items())
        assert created == set(found.values())
