"""What triggers promise in the place of foreign keys: feedback names what is there, and goes with its user."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg import errors


def test_a_batch_in_which_one_row_names_no_item_is_refused_whole(database_url: str) -> None:
    insert = "INSERT INTO ratings SELECT user_key, item_key, 3, now() FROM rows"
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO users (id) VALUES ('ann');"
            "INSERT INTO items (id, title) SELECT 'i' || n, 't' FROM generate_series(1, 50) AS n;"
            "CREATE TEMPORARY TABLE rows AS SELECT users.key AS user_key, items.key AS item_key FROM users, items;"
            "INSERT INTO rows SELECT user_key, -1 FROM rows LIMIT 1"
        )
        with pytest.raises(errors.ForeignKeyViolation), connection.transaction():
            connection.execute(insert)
        assert connection.execute("SELECT count(*) FROM ratings").fetchone() == (0,)
        connection.execute("DELETE FROM rows WHERE item_key = -1")
        connection.execute(insert)
        assert connection.execute("SELECT count(*) FROM ratings").fetchone() == (50,)


def test_what_is_written_holds_off_the_erasure_of_its_user_and_goes_with_it(database_url: str) -> None:
    """A writer that takes no lock of its own: the trigger does, and the erasure sees what it waited for."""
    with (
        psycopg.connect(database_url) as writing,
        psycopg.connect(database_url) as erasing,
        ThreadPoolExecutor(1) as pool,
    ):
        writing.execute("INSERT INTO users (id) VALUES ('ann'); INSERT INTO items (id, title) VALUES ('heat', 'Heat')")
        writing.commit()
        writing.execute("INSERT INTO ratings SELECT u.key, i.key, 4, now() FROM users u, items i")
        writing.execute(
            "INSERT INTO events (user_key, item_key, kind, occurred_at)"
            " SELECT u.key, i.key, kind, now() FROM users u, items i, unnest('{view,impression}'::text[]) AS kind"
        )
        erased = pool.submit(erasing.execute, "DELETE FROM users")
        with pytest.raises(TimeoutError):
            erased.result(0.3)
        writing.commit()
        assert erased.result(60).rowcount == 1
        erasing.commit()
        left = "SELECT (SELECT count(*) FROM ratings), (SELECT count(*) FROM events)"
        assert writing.execute(left).fetchone() == (0, 0)


def test_an_erasure_that_could_not_see_all_is_refused(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("INSERT INTO users (id) VALUES ('ann')")
        connection.commit()
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        with pytest.raises(errors.InvalidTransactionState):
            connection.execute("DELETE FROM users")
