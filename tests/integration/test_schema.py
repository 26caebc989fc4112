"""The schema as migrated: what it refuses, what its trigger does, and that it is what ``app.models`` says."""

import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from psycopg import errors
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from app import migrations
from app.db import open_sync_engine, sqlalchemy_url
from app.errors import Conflict
from app.models import Base

ONE_OF_EACH = """
    INSERT INTO users (id) VALUES ('ann');
    INSERT INTO items (id, title) VALUES ('alien', 'Alien'), ('heat', 'Heat');
    INSERT INTO ratings SELECT u.key, i.key, 4.5, now() FROM users u, items i WHERE i.id = 'alien';
    INSERT INTO events (event_id, user_key, item_key, kind, occurred_at)
        SELECT 'e1', u.key, i.key, 'view', now() FROM users u, items i WHERE i.id = 'heat';
    INSERT INTO releases (id, location, format, manifest, active) VALUES ('r1', 'file:///r1', 1, '{}', true);
    INSERT INTO training_runs (id, cause, release_key) SELECT 't1', 'request', key FROM releases;
    INSERT INTO api_keys (id, name, digest, scopes) VALUES ('k1', 'shop', decode(repeat('ab', 32), 'hex'), '{read,write}');
"""


@pytest.fixture
def connection(shared_database_url: str) -> Generator[psycopg.Connection[Any]]:
    """A connection with a row in every table, whose work is rolled back."""
    with psycopg.connect(shared_database_url) as opened:
        opened.execute(ONE_OF_EACH)
        yield opened
        opened.rollback()


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("UPDATE items SET id = '' WHERE id = 'heat'", "ck_items_id_length"),
        ("UPDATE items SET id = repeat('x', 1025) WHERE id = 'heat'", "ck_items_id_length"),
        ("UPDATE items SET duration_minutes = -1", "ck_items_duration_minutes_positive"),
        ("UPDATE items SET votes = -1", "ck_items_votes_positive"),
        ("INSERT INTO items (id, title) VALUES ('heat', 'Another')", "uq_items_id"),
        ("UPDATE users SET id = ''", "ck_users_id_length"),
        ("UPDATE users SET id = repeat('é', 513)", "ck_users_id_length"),
        ("INSERT INTO users (id) VALUES ('ann')", "uq_users_id"),
        ("UPDATE ratings SET value = 'NaN'", "ck_ratings_value_finite"),
        ("UPDATE ratings SET value = 'Infinity'", "ck_ratings_value_finite"),
        ("UPDATE ratings SET value = '-Infinity'", "ck_ratings_value_finite"),
        ("INSERT INTO ratings SELECT * FROM ratings", "pk_ratings"),
        ("UPDATE ratings SET user_key = -1", "fk_ratings_user_key_users"),
        ("UPDATE ratings SET item_key = -1", "fk_ratings_item_key_items"),
        ("INSERT INTO ratings SELECT user_key, -1, 3, now() FROM ratings", "fk_ratings_item_key_items"),
        ("INSERT INTO ratings SELECT -1, item_key, 3, now() FROM ratings", "fk_ratings_user_key_users"),
        ("INSERT INTO events (user_key, item_key, kind, occurred_at) SELECT user_key, -1, 'view', now() FROM events",
         "fk_events_item_key_items"),
        ("INSERT INTO events (user_key, item_key, kind, occurred_at) SELECT -1, item_key, 'view', now() FROM events",
         "fk_events_user_key_users"),
        ("DELETE FROM items WHERE id = 'alien'", "items_refuse_delete"),
        ("TRUNCATE items CASCADE", "items_refuse_truncate"),
        ("TRUNCATE users CASCADE", "users_refuse_truncate"),
        ("UPDATE events SET user_key = NULL", "ck_events_somebody"),
        ("UPDATE events SET user_key = -1", "fk_events_user_key_users"),
        ("UPDATE events SET item_key = -1", "fk_events_item_key_items"),
        ("INSERT INTO events (event_id, user_key, item_key, kind, occurred_at)"  # noqa: ISC004 - one statement on two lines
         " SELECT 'e1', user_key, item_key, kind, occurred_at FROM events", "uq_events_event_id"),
        ("INSERT INTO releases (id, location, format, manifest) VALUES ('r1', '', 1, '{}')", "uq_releases_id"),
        ("INSERT INTO releases (id, location, format, manifest, active) VALUES ('r2', '', 1, '{}', true)", "uq_releases_active"),
        ("UPDATE training_runs SET state = 'resting'", "ck_training_runs_state_known"),
        ("UPDATE training_runs SET progress = 1.01", "ck_training_runs_progress_share"),
        ("UPDATE training_runs SET progress = -0.01", "ck_training_runs_progress_share"),
        ("UPDATE training_runs SET progress = 'NaN'", "ck_training_runs_progress_share"),
        ("UPDATE training_runs SET release_key = -1", "fk_training_runs_release_key_releases"),
        ("INSERT INTO training_runs (id, cause) VALUES ('t1', 'request')", "uq_training_runs_id"),
        ("UPDATE api_keys SET digest = 'short'", "ck_api_keys_digest_sha256"),
        ("UPDATE api_keys SET scopes = '{read,root}'", "ck_api_keys_scopes_known"),
        ("UPDATE api_keys SET scopes = ARRAY[NULL]::text[]", "ck_api_keys_scopes_known"),
        ("INSERT INTO api_keys (id, name, digest, scopes) SELECT 'k2', name, digest, scopes FROM api_keys", "uq_api_keys_digest"),
        ("INSERT INTO api_keys (id, name, digest, scopes) SELECT 'k1', name, sha256(digest), scopes FROM api_keys",
         "uq_api_keys_id"),
    ],
)  # fmt: skip
def test_a_row_that_must_not_be_is_refused_by_name(
    connection: psycopg.Connection[Any], statement: str, constraint: str
) -> None:
    with pytest.raises(errors.IntegrityError) as refusal:
        connection.execute(statement)  # pyright: ignore[reportArgumentType, reportCallIssue] - a constant
    assert refusal.value.diag.constraint_name == constraint


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE users SET id = repeat('é', 512)",
        "UPDATE ratings SET value = NULL",
        "UPDATE events SET user_key = NULL, session_id = 's'",
        "INSERT INTO events (user_key, item_key, kind, occurred_at) SELECT user_key, item_key, kind, now() FROM events",
        "INSERT INTO releases (id, location, format, manifest) VALUES ('r2', '', 1, '{}'), ('r3', '', 1, '{}')",
        "UPDATE training_runs SET progress = 1, state = 'succeeded'",
        "UPDATE api_keys SET scopes = '{}'",
    ],
)
def test_a_row_at_the_edge_is_taken(connection: psycopg.Connection[Any], statement: str) -> None:
    assert connection.execute(statement).rowcount > 0  # pyright: ignore[reportArgumentType, reportCallIssue] - a constant


def test_an_erased_user_takes_ratings_and_events_along(connection: psycopg.Connection[Any]) -> None:
    connection.execute("DELETE FROM users WHERE id = 'ann'")
    assert connection.execute("SELECT (SELECT count(*) FROM ratings), (SELECT count(*) FROM events)").fetchone() == (
        0,
        0,
    )


def test_a_removed_release_leaves_its_run(connection: psycopg.Connection[Any]) -> None:
    connection.execute("DELETE FROM releases")
    assert connection.execute("SELECT release_key FROM training_runs WHERE id = 't1'").fetchone() == (None,)


def test_an_update_moves_changed_in_whatever_it_sets(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("INSERT INTO items (id, title) VALUES ('a', 'A'), ('b', 'B')")
        ((inserted, other),) = connection.execute(
            "SELECT min(changed_in::text), max(changed_in::text) FROM items"
        ).fetchall()
        assert inserted == other
        with connection.transaction():
            current = connection.execute("SELECT pg_current_xact_id()::text").fetchone()
            connection.execute("UPDATE items SET title = title, changed_in = '3' WHERE id = 'a'")
        rows = connection.execute("SELECT id, changed_in::text FROM items ORDER BY id").fetchall()
        assert rows == [("a", *(current or ())), ("b", inserted)]
        assert rows[0][1] != inserted
        merge = "INSERT INTO items (id, title) VALUES ('b', 'B2') ON CONFLICT (id) DO UPDATE SET title = EXCLUDED.title"
        connection.execute(merge)
        moved = connection.execute("SELECT changed_in > %s::xid8 FROM items WHERE id = 'b'", [rows[0][1]]).fetchone()
        assert moved == (True,)


def test_the_models_say_what_the_migrations_made(database_url: str) -> None:
    with open_sync_engine(database_url) as engine:
        assert migrations.check(engine) == []


def test_check_sees_a_difference(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("ALTER TABLE items DROP COLUMN changed_in")
    with open_sync_engine(database_url) as engine:
        differences = migrations.check(engine)
    assert any("add_column" in each and "changed_in" in each for each in differences)


def test_check_of_an_outdated_database_is_refused(empty_database_url: str) -> None:
    with open_sync_engine(empty_database_url) as engine, pytest.raises(Conflict, match="None"):
        migrations.check(engine)


def test_migrations_and_models_make_the_same_objects(database_url: str, empty_database_url: str) -> None:
    """Check constraints, predicates and included columns, which alembic does not compare."""
    engine = create_engine(sqlalchemy_url(empty_database_url), poolclass=NullPool)
    with psycopg.connect(empty_database_url) as connection:
        connection.execute("CREATE EXTENSION pg_trgm")
    Base.metadata.create_all(engine)
    assert definitions(database_url) - definitions(empty_database_url) == set()
    assert definitions(empty_database_url) - definitions(database_url) == set()


def definitions(url: str) -> set[tuple[str, ...]]:
    """Every column, constraint and index of our tables as Postgres would write it."""
    with psycopg.connect(url) as connection:
        return set(
            connection.execute(
                """
                SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull::text,
                       a.attidentity::text || coalesce(l.collname, '') || coalesce(pg_get_expr(d.adbin, d.adrelid), '')
                FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
                LEFT JOIN pg_collation l ON l.oid = a.attcollation
                WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> 'alembic_version'
                UNION ALL
                SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), '', ''
                FROM pg_constraint
                WHERE connamespace = 'public'::regnamespace AND conrelid <> 0
                  AND conrelid::regclass::text <> 'alembic_version'
                UNION ALL
                SELECT tablename, indexname, indexdef, '', '' FROM pg_indexes
                WHERE schemaname = 'public' AND tablename <> 'alembic_version'
                """
            ).fetchall()
        )


def test_down_to_nothing_and_up_again_with_rows_in_every_table(database_url: str) -> None:
    before = definitions(database_url)
    with psycopg.connect(database_url) as connection:
        connection.execute(ONE_OF_EACH)
    with open_sync_engine(database_url) as engine:
        assert migrations.current(engine) == migrations.head()
        migrations.downgrade(engine, "base")
        assert migrations.current(engine) is None
        with psycopg.connect(database_url) as connection:
            left = connection.execute(
                """
                SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace
                UNION ALL SELECT proname::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace
                """
            ).fetchall()
        assert {name for (name,) in left} == {"alembic_version", "alembic_version_pkc"}
        migrations.upgrade(engine)
        assert migrations.current(engine) == migrations.head()
    assert definitions(database_url) == before


def test_a_failed_upgrade_leaves_nothing_and_gives_the_lock_back(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url) as connection:
        connection.execute("CREATE TABLE training_runs (in_the_way text)")
    with open_sync_engine(empty_database_url) as engine:
        with pytest.raises(Exception, match="training_runs"):
            migrations.upgrade(engine)
        with psycopg.connect(empty_database_url) as connection:
            assert connection.execute("SELECT to_regclass('items')").fetchone() == (None,)
            assert connection.execute("SELECT pg_try_advisory_lock(%s)", [migrations.ADVISORY_LOCK]).fetchone() == (
                True,
            )
            connection.execute("DROP TABLE training_runs")
            connection.commit()
        migrations.upgrade(engine)
        assert migrations.current(engine) == migrations.head()


def test_an_upgrade_in_the_callers_transaction_goes_with_it(empty_database_url: str) -> None:
    with open_sync_engine(empty_database_url) as engine:
        with engine.connect() as connection, connection.begin() as transaction:
            migrations.upgrade(connection)
            transaction.rollback()
        assert migrations.current(engine) is None


def test_of_two_upgrades_at_once_the_later_waits_and_finds_nothing_to_do(empty_database_url: str) -> None:
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'"
    with open_sync_engine(empty_database_url) as engine, ThreadPoolExecutor(1) as threads:
        with engine.connect() as connection, connection.begin():
            migrations.upgrade(connection)
            later = threads.submit(migrations.upgrade, engine)
            deadline = time.monotonic() + 20
            with psycopg.connect(empty_database_url, autocommit=True) as observer:
                while observer.execute(waiting).fetchone() != (1,):
                    assert time.monotonic() < deadline, "the later upgrade does not wait"
                    time.sleep(0.01)
        later.result(timeout=20)
        assert migrations.current(engine) == migrations.head()
