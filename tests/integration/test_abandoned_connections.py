"""Connections that the server ended while they were idle, as in a restart: nobody who asks for one gets such a one."""

import asyncio

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool
from sqlalchemy import text

from app.config import Settings
from app.db import Database, driver_url, open_database

CONNECTIONS = 3
WAIT_SECONDS = 60

pytestmark = pytest.mark.anyio


async def fill(database: Database) -> None:
    """Have every pool hold as many connections as are asked for at once."""
    everybody = asyncio.Barrier(2 * CONNECTIONS)

    async def hold_session() -> None:
        async with database.sessions() as session:
            await session.execute(text("SELECT 1"))
            await everybody.wait()

    async def hold(pool: AsyncConnectionPool[psycopg.AsyncConnection]) -> None:
        async with pool.connection(timeout=WAIT_SECONDS):
            await everybody.wait()

    async with asyncio.timeout(WAIT_SECONDS):
        users = (use for _ in range(CONNECTIONS) for use in (hold_session(), hold(database.writes)))
        await asyncio.gather(*users)


def end_connections(url: str) -> int:
    """End all others in the database, and say how many there were; returns once they are gone."""
    statement = (
        "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )
    with psycopg.connect(driver_url(url), autocommit=True) as connection:
        return len(connection.execute(statement).fetchall())


async def test_connections_that_the_server_ended_are_replaced_before_anybody_gets_them(
    database_url: str, settings: Settings
) -> None:
    async with open_database(database_url, settings) as database:
        await fill(database)
        assert end_connections(database_url) >= 2 * CONNECTIONS
        for _ in range(CONNECTIONS):
            async with database.writes.connection(timeout=WAIT_SECONDS) as connection:
                assert await (await connection.execute("SELECT 1")).fetchone() == (1,)
            async with database.sessions() as session:
                assert await session.scalar(text("SELECT 1")) == 1
