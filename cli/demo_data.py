"""The demo's data and its first release: made once, used again by every later start."""

from collections.abc import Callable
from pathlib import Path
from typing import LiteralString

import psycopg

from app.config import Settings
from app.engine.artifact import FORMAT
from cli.console import say
from cli.database import connect


def prepare_demo(url: str, settings: Settings, data: Path | None, check: Callable[[], None]) -> None:
    """Load ratings into an empty database, and train unless a release is active. ``check`` is called between the steps, to
    raise where the demo is to end.

    The data is committed as one whole: a database that holds any item holds all of them, and no later start mixes a
    second data set, whose ids mean other movies, into the first.
    """
    with connect(url) as connection:
        if _holds_rows(connection, "SELECT 1 FROM items LIMIT 1"):
            _say_what_is_there(connection)
        else:
            _load(connection, settings, data)
        check()
        # One that an earlier version made cannot be loaded: then it is trained anew.
        trained = _holds_rows(connection, "SELECT 1 FROM releases WHERE active AND format = %s", FORMAT)
    if not trained:
        from cli.train import train_now  # noqa: PLC0415 - as in _load

        train_now(settings, url, check)
        check()


def _load(connection: psycopg.Connection, settings: Settings, data: Path | None) -> None:
    # A later start need not import what only the first one needs.
    from cli.import_ import load_movielens  # noqa: PLC0415
    from training.importers.demo_data import find_demo_data  # noqa: PLC0415

    found = find_demo_data(settings.data_dir / "downloads", data, say=say)
    say(found.notice)
    load_movielens(connection, found.path, settings, whole=True)


def _say_what_is_there(connection: psycopg.Connection) -> None:
    items, ratings = connection.execute(
        "SELECT (SELECT count(*) FROM items WHERE deleted_at IS NULL), (SELECT count(*) FROM ratings)"
    ).fetchone() or (0, 0)
    say(f"Data: {ratings:,} ratings of {items:,} items are there from before.")


def _holds_rows(connection: psycopg.Connection, query: LiteralString, *values: int) -> bool:
    return connection.execute(query, values).fetchone() is not None
