"""The database as a command uses it: started if it is the embedded one, and at the newest revision."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

import psycopg

from app import migrations
from app.config import Settings
from app.db import connect_options, driver_url, open_sync_engine
from app.errors import Conflict
from app.postgres import database_url
from cli.console import say


@contextmanager
def open_current_database(settings: Settings, tell: Callable[[str], None] = say) -> Generator[psycopg.Connection]:
    """A connection in autocommit mode. The embedded database is migrated; any other has operators who do that. ``tell`` hears of
    its start.

    Raises Conflict for one of theirs that is not at the newest revision.
    """
    with database_url(settings, say=tell) as url:
        with open_sync_engine(url) as engine:
            if settings.database_url is None:
                migrations.upgrade(engine)
            elif migrations.current(engine) != migrations.head():
                raise Conflict(
                    "The database is not at the newest revision: run `medley db upgrade`", code="schema_outdated"
                )
        with connect(url) as connection:
            yield connection


def connect(url: str) -> psycopg.Connection:
    """A connection in autocommit mode, in which transactions begin and end where the code says so."""
    return psycopg.connect(driver_url(url), autocommit=True, **connect_options())
