"""Databases for the tests: migrated templates made once, and cheap copies of them."""

import os
import uuid
from collections.abc import Callable, Generator
from contextlib import contextmanager

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

from app.db import driver_url

# xdist's workers inherit this from the process that starts them, which has none yet.
RUN = os.environ.setdefault("MEDLEY_TEST_RUN", str(os.getpid()))
PREFIX = f"medley_test_{RUN}_"
TEMPLATE_LOCK = 271828


def make_template(server_url: str, name: str, source: str, fill: Callable[[str], None]) -> str:
    """The name of a template made of ``source`` by ``fill``: by the worker that comes first, whole or not at all."""
    name, unfinished = PREFIX + name, f"{PREFIX}{name}_unfinished"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [TEMPLATE_LOCK])
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
            drop_database(connection, unfinished)
            copy = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
            connection.execute(copy.format(sql.Identifier(unfinished), sql.Identifier(source)))
            fill(on_database(server_url, unfinished))
            rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
            connection.execute(rename.format(sql.Identifier(unfinished), sql.Identifier(name)))
    return name


@contextmanager
def fresh_database(server_url: str, template: str) -> Generator[str]:
    """A copy of ``template``, dropped afterwards, whoever is still connected."""
    name = f"{PREFIX}{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        copy = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        connection.execute(copy.format(sql.Identifier(name), sql.Identifier(template)))
    try:
        yield on_database(server_url, name)
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            drop_database(connection, name)


def drop_database(connection: psycopg.Connection, name: str) -> None:
    drop = sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name))
    try:
        connection.execute(drop + sql.SQL(" WITH (FORCE)"))
    except psycopg.errors.InsufficientPrivilege:
        # Autovacuum is there, which our role may not end; a plain DROP asks it to leave and waits.
        connection.execute(drop)


def on_database(url: str, name: str) -> str:
    """The address of another database of the same server."""
    return make_url(driver_url(url)).set(database=name).render_as_string(hide_password=False)
