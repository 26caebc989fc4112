"""The pool for prepared statements: answers, deadlines, lost connections."""

import asyncio
import socket
from collections.abc import AsyncIterator

import psycopg
import pytest

from app.db import connect_options, driver_url
from app.statements import StatementPool

SIZE = 2
PATIENCE = 60.0
ECHO = b"SELECT int8send($1::bigint), NULL, convert_to($2::text, 'UTF8')"
SLEEP = b"SELECT pg_sleep($1::float)"
WHO = b"SELECT int4send(pg_backend_pid()), pg_sleep($1::float)"

pytestmark = pytest.mark.anyio


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[StatementPool]:
    pool = StatementPool(driver_url(database_url), connect_options(30_000), SIZE)
    pool.open()
    yield pool
    await pool.close()


@pytest.fixture
def nobody_listens() -> str:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
    return f"postgresql://nobody@127.0.0.1:{port}/nothing"


async def who(pool: StatementPool, sleep: float = 0) -> int:
    row = await pool.fetch_row(WHO, [str(sleep).encode()], seconds=PATIENCE)
    assert row is not None
    assert row[0] is not None
    return int.from_bytes(row[0], "big")


async def everybody(pool: StatementPool) -> set[int]:
    """Every connection of the pool, by the server's process: as many statements at a time as there are connections."""
    found = await asyncio.gather(*(who(pool, 0.2) for _ in range(SIZE)))
    return set(found)


def end(url: str, pids: set[int]) -> None:
    with psycopg.connect(driver_url(url), autocommit=True) as connection:
        for pid in pids:
            connection.execute("SELECT pg_terminate_backend(%s, 60000)", [pid])


async def test_many_at_a_time_get_each_their_own_answer(pool: StatementPool) -> None:
    rows = await asyncio.gather(
        *(pool.fetch_row(ECHO, [b"%d" % n, f"é{n}".encode()], seconds=PATIENCE) for n in range(50))
    )
    assert rows == [[n.to_bytes(8, "big"), None, f"é{n}".encode()] for n in range(50)]
    state = pool.take_state()
    assert state.size <= SIZE
    assert state.idle == state.size
    assert state.waits >= 1
    assert pool.take_state().waits == 0


async def test_no_row_is_none_and_an_error_is_an_error_of_that_statement_only(pool: StatementPool) -> None:
    assert await pool.fetch_row(b"SELECT 1 WHERE false", [], seconds=PATIENCE) is None
    with pytest.raises(psycopg.errors.InvalidTextRepresentation):
        await pool.fetch_row(ECHO, [b"x", b"y"], seconds=PATIENCE)
    with pytest.raises(psycopg.errors.SyntaxError):
        await pool.fetch_row(b"SELEC 1", [], seconds=PATIENCE)
    assert await pool.fetch_row(ECHO, [b"1", b""], seconds=PATIENCE) == [(1).to_bytes(8, "big"), None, b""]


async def test_the_deadline_holds_and_what_comes_late_is_nobody_elses_answer(pool: StatementPool) -> None:
    await everybody(pool)
    with pytest.raises(TimeoutError):
        await pool.fetch_row(SLEEP, [b"2"], seconds=0.2)
    late = asyncio.gather(*(pool.fetch_row(SLEEP, [b"2"], seconds=PATIENCE) for _ in range(SIZE)))
    await asyncio.sleep(0)  # they take every connection
    with pytest.raises(TimeoutError):  # there is no free connection
        await pool.fetch_row(ECHO, [b"1", b"a"], seconds=0.2)
    await late
    assert await pool.fetch_row(ECHO, [b"7", b"b"], seconds=PATIENCE) == [(7).to_bytes(8, "big"), None, b"b"]
    assert pool.take_state().idle == SIZE


async def test_connections_that_the_server_ends_while_idle_are_replaced(pool: StatementPool, database_url: str) -> None:
    before = await everybody(pool)
    await asyncio.to_thread(end, database_url, before)
    after = await everybody(pool)
    assert len(after) == SIZE
    assert not after & before


async def test_a_connection_that_is_lost_in_the_middle_costs_no_answer(pool: StatementPool, database_url: str) -> None:
    before = await everybody(pool)
    asked = asyncio.gather(*(who(pool, 2.0) for _ in range(SIZE)))
    await asyncio.sleep(0.2)
    await asyncio.to_thread(end, database_url, before)
    assert not set(await asked) & before


async def test_a_statement_whose_table_has_changed_is_prepared_anew(pool: StatementPool, database_url: str) -> None:
    def alter(statement: str) -> None:
        with psycopg.connect(driver_url(database_url), autocommit=True) as connection:
            connection.execute(statement.encode())

    await asyncio.to_thread(alter, "CREATE TABLE changing AS SELECT 1 AS one")
    read = b"SELECT * FROM changing"
    assert await pool.fetch_row(read, [], seconds=PATIENCE) == [(1).to_bytes(4, "big")]
    await asyncio.to_thread(alter, "ALTER TABLE changing ADD COLUMN two bigint DEFAULT 2")
    for _ in range(2 * SIZE):
        row = await pool.fetch_row(read, [], seconds=PATIENCE)
        assert row == [(1).to_bytes(4, "big"), (2).to_bytes(8, "big")]


async def test_without_a_server_the_refusal_comes_at_once(nobody_listens: str) -> None:
    pool = StatementPool(nobody_listens, connect_options(), SIZE)
    pool.open()
    for _ in range(2):
        with pytest.raises(psycopg.OperationalError):
            await pool.fetch_row(ECHO, [b"1", b""], seconds=PATIENCE)
    await pool.close()


async def test_a_closed_pool_gives_nothing(pool: StatementPool) -> None:
    waiting = asyncio.gather(*(who(pool, 5.0) for _ in range(SIZE + 1)), return_exceptions=True)
    await asyncio.sleep(0.5)
    await pool.close()
    assert all(isinstance(each, psycopg.OperationalError) for each in await waiting)
    with pytest.raises(psycopg.OperationalError):
        await who(pool)
