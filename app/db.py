"""Connections to Postgres: an async SQLAlchemy engine, two small pools of plain connections, a sync engine.

All speak psycopg 3. Times are UTC in every session.
"""

import select
from collections.abc import AsyncGenerator, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, cast

import psycopg
from psycopg.pq.abc import PGconn
from psycopg_pool import AsyncConnectionPool
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from app.config import Settings
from app.statements import StatementPool

DRIVER = "postgresql+psycopg"
RECONNECT_SECONDS = 0.5
POOL_SECONDS = 5


def sqlalchemy_url(url: str) -> str:
    """The same address, with the driver named as SQLAlchemy wants it (``postgres://`` is understood too)."""
    plain = url.replace("postgres://", "postgresql://", 1) if url.startswith("postgres://") else url
    return make_url(plain).set(drivername=DRIVER).render_as_string(hide_password=False)


def driver_url(url: str) -> str:
    """The same address as the driver itself wants it."""
    plain = url.replace("postgres://", "postgresql://", 1) if url.startswith("postgres://") else url
    return make_url(plain).set(drivername="postgresql").render_as_string(hide_password=False)


def connect_options(statement_timeout_ms: int = 0) -> dict[str, Any]:
    """Options of every connection: UTC, a name to see in pg_stat_activity, keepalives that notice a dead peer."""
    return {
        "options": f"-c timezone=UTC -c statement_timeout={statement_timeout_ms}",
        "application_name": "medley",
        "connect_timeout": 5,
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": 15_000,  # keepalives are not sent while something waits to be acknowledged
    }


class Connections(Protocol):
    """Where a connection can be had for a while."""

    def connection(self) -> AbstractAsyncContextManager[psycopg.AsyncConnection]:
        """A connection, given back at the end of the block."""
        ...


@dataclass(frozen=True, slots=True)
class OneConnection:
    """Stands for a pool where all that is written belongs to one transaction, which whoever began it commits."""

    held: psycopg.AsyncConnection

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[psycopg.AsyncConnection]:
        """The one connection."""
        yield self.held


@dataclass(frozen=True, slots=True)
class Database:
    """What a serving process holds: sessions for batches and lists; plain connections, on which each statement is a
    transaction, for single writes; and those that do nothing but read histories."""

    engine: AsyncEngine
    sessions: async_sessionmaker[AsyncSession]
    histories: StatementPool
    writes: Connections


@asynccontextmanager
async def open_database(url: str, settings: Settings) -> AsyncGenerator[Database]:
    """Open the pools without waiting for the server: a service may start before its database."""
    options = connect_options(settings.database_statement_timeout_ms)
    engine = create_async_engine(
        sqlalchemy_url(url),
        pool_size=settings.database_pool_size,
        max_overflow=0,
        pool_timeout=POOL_SECONDS,
        connect_args=options,
        hide_parameters=True,  # errors are logged, and parameters name people
    )
    event.listen(engine.sync_engine, "checkout", _refuse_abandoned)
    histories = StatementPool(driver_url(url), connect_options(settings.history_timeout_ms), settings.history_pool_size)
    writes = _plain_pool(url, "writes", settings.database_pool_size, settings.database_statement_timeout_ms)
    histories.open()
    await writes.open(wait=False)
    try:
        yield Database(engine, async_sessionmaker(engine, expire_on_commit=False), histories, writes)
    finally:
        await writes.close()
        await histories.close()
        await engine.dispose()


def _plain_pool(
    url: str, name: str, size: int, statement_timeout_ms: int
) -> AsyncConnectionPool[psycopg.AsyncConnection]:
    """Connections of the driver itself; SQLAlchemy's take three times as long over a small statement."""

    async def check(connection: psycopg.AsyncConnection) -> None:
        if _is_abandoned(connection.pgconn):
            await pool.drain()  # what ended this one has ended the others as well
            raise psycopg.OperationalError("the server has closed this connection")

    pool: AsyncConnectionPool[psycopg.AsyncConnection] = AsyncConnectionPool(
        driver_url(url),
        kwargs=connect_options(statement_timeout_ms) | {"autocommit": True},
        min_size=1,
        max_size=size,
        timeout=POOL_SECONDS,
        check=check,
        open=False,
        name=name,
        # The pool would wait twice as long after each failed attempt, for minutes: let it give up at once, and try again when
        # the next connection is asked for.
        reconnect_timeout=RECONNECT_SECONDS,
    )
    return pool


def _is_abandoned(connection: PGconn) -> bool:
    """Whether the server has ended an idle connection, as when it restarts: it says so and closes, and nothing else comes
    unasked but news that a new connection need not hear. No round trip, a look at the socket."""
    if connection.status == psycopg.pq.ConnStatus.BAD:
        return True
    poll = select.poll()
    poll.register(connection.socket, select.POLLIN)
    return bool(poll.poll(0))


def _refuse_abandoned(_connection: object, entry: ConnectionPoolEntry, _proxy: object) -> None:
    """Have SQLAlchemy's pool replace all its connections where the server has ended the one that is taken out."""
    if _is_abandoned(cast("psycopg.AsyncConnection", entry.driver_connection).pgconn):
        raise InvalidatePoolError


@contextmanager
def open_sync_engine(url: str) -> Generator[Engine]:
    """A synchronous engine for the trainer, the importers and the CLI."""
    engine = create_engine(sqlalchemy_url(url), connect_args=connect_options(), pool_size=2)
    try:
        yield engine
    finally:
        engine.dispose()
