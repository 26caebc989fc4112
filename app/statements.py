"""Statements that every personal list waits for, on a few connections of their own and by libpq's own calls.

psycopg's pool, cursors and adapters are made for any statement. For one that is prepared, has a row of bytes for its answer and
is sent all day long they take five times the processor time of what is here (measured: 163 microseconds against 33).
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import psycopg
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGresult

Row = Sequence[bytes | None]

# The prepared statement is gone (a pooler gave us another server), or what it reads has changed its shape.
_STALE_STATEMENT = frozenset({"26000", "0A000"})
_BINARY = 1


class ConnectionLost(psycopg.OperationalError):
    """The server, or the way to it, has gone; another connection may do better."""


@dataclass(slots=True)
class PoolState:
    """Connections held and in use; how many had to wait for one since the last look, and for how long altogether."""

    size: int
    idle: int
    waits: int
    wait_seconds: float


class StatementPool:
    """Up to ``size`` connections; each sends one statement at a time. Belongs to one event loop."""

    def __init__(self, url: str, options: Mapping[str, Any], size: int) -> None:
        self._url = url
        self._options = options
        self._size = size
        self._idle: list[_Connection] = []
        self._open: set[_Connection] = set()
        self._waiting: deque[asyncio.Future[_Connection]] = deque()
        self._connecting: set[asyncio.Task[None]] = set()
        self._closed = False
        self._waits = 0
        self._wait_seconds = 0.0

    def open(self) -> None:
        """Begin to connect, without waiting for the server: a service may start before its database."""
        self._connect()

    async def close(self) -> None:
        """Close every connection; nobody gets another."""
        self._closed = True
        for task in self._connecting:
            task.cancel()
        self._fail_waiting(psycopg.OperationalError("the pool is closed"))
        for connection in list(self._open):
            connection.lose(psycopg.OperationalError("the pool is closed"))
        await asyncio.gather(*self._connecting, return_exceptions=True)

    async def fetch_row(self, statement: bytes, parameters: Sequence[bytes], *, seconds: float) -> Row | None:
        """The first row, in Postgres' binary format, of a statement with ``$1`` and so on for the parameters, which are text.

        Raises TimeoutError where there is no answer in time, for a free connection or from the server; the statement is then
        left to the server's own timeout. Raises psycopg.Error otherwise, once a second connection is lost too.
        """
        async with asyncio.timeout(seconds):
            try:
                return await self._fetch(statement, parameters)
            except ConnectionLost:
                return await self._fetch(statement, parameters)

    def take_state(self) -> PoolState:
        """The state now; counts begin anew."""
        state = PoolState(len(self._open), len(self._idle), self._waits, self._wait_seconds)
        self._waits, self._wait_seconds = 0, 0.0
        return state

    async def _fetch(self, statement: bytes, parameters: Sequence[bytes]) -> Row | None:
        connection = self._idle.pop() if self._idle else await self._wait()
        name = connection.prepared.get(statement) or await connection.prepare(statement)
        return _first_row(await connection.execute(name, parameters))

    async def _wait(self) -> "_Connection":
        if self._closed:
            raise psycopg.OperationalError("the pool is closed")
        began = perf_counter()
        free: asyncio.Future[_Connection] = asyncio.get_running_loop().create_future()
        self._waiting.append(free)
        self._connect()
        try:
            return await free
        except asyncio.CancelledError:
            if free.done() and not free.cancelled() and free.exception() is None:
                self._release(free.result())  # given to us in the very moment in which we gave up
            raise
        finally:
            self._waits += 1
            self._wait_seconds += perf_counter() - began

    def _connect(self) -> None:
        """Make one more connection, if there is room for it."""
        if len(self._open) + len(self._connecting) < self._size and not self._closed:
            task = asyncio.create_task(self._make_connection(), name="connect")
            self._connecting.add(task)
            task.add_done_callback(self._connected)

    def _connected(self, task: asyncio.Task[None]) -> None:
        self._connecting.discard(task)
        if self._waiting:
            self._connect()  # who began to wait while there was no room for another

    async def _make_connection(self) -> None:
        try:
            made = await psycopg.AsyncConnection.connect(self._url, autocommit=True, **self._options)
        except psycopg.Error as error:
            self._fail_waiting(error)
            return
        connection = _Connection(made, self)
        self._open.add(connection)
        self._release(connection)

    def _fail_waiting(self, error: psycopg.Error) -> None:
        """Tell all who wait that there is nothing to wait for."""
        while self._waiting:
            free = self._waiting.popleft()
            if not free.done():
                free.set_exception(error)

    def _release(self, connection: "_Connection") -> None:
        """Give a connection that is free to who waits longest."""
        if connection not in self._open:
            return
        while self._waiting:
            free = self._waiting.popleft()
            if not free.done():
                free.set_result(connection)
                return
        self._idle.append(connection)

    def release(self, connection: "_Connection") -> None:
        """A connection has answered."""
        self._release(connection)

    def forget(self, connection: "_Connection") -> None:
        """A connection is lost. What ended it may have ended the others as well, which each finds out by itself."""
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        if self._waiting:
            self._connect()


class _Connection:
    """One connection. It listens all the time: for the answer while one is due, and otherwise for the server going away."""

    def __init__(self, connection: psycopg.AsyncConnection, pool: StatementPool) -> None:
        self.prepared: dict[bytes, bytes] = {}
        self._connection = connection  # closes when it is no longer referred to
        self._raw = connection.pgconn
        self._pool = pool
        self._loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[PGresult] | None = None
        self._result: PGresult | None = None
        self._names = 0
        self._kept = False
        self._socket = self._raw.socket
        self._loop.add_reader(self._socket, self._read)

    async def prepare(self, statement: bytes) -> bytes:
        """Have the server parse and plan a statement once; gives its name. The connection stays with the caller."""
        name = b"medley_%d" % self._names
        self._names += 1
        self._kept = True
        try:
            _check(await self._send(lambda: self._raw.send_prepare(name, statement)), ExecStatus.COMMAND_OK)
        except BaseException:
            self._kept = False
            if self._answer is None:
                self._pool.release(self)
            raise
        self._kept = False
        self.prepared[statement] = name
        return name

    async def execute(self, name: bytes, parameters: Sequence[bytes]) -> PGresult:
        """The result of a prepared statement, in binary. The connection is free as soon as that is there."""
        result = await self._send(lambda: self._raw.send_query_prepared(name, parameters, result_format=_BINARY))
        try:
            _check(result, ExecStatus.TUPLES_OK)
        except psycopg.Error as error:
            if error.sqlstate in _STALE_STATEMENT:
                self.lose(error)
                raise ConnectionLost(str(error)) from error
            raise
        return result

    async def _send(self, send: Callable[[], None]) -> PGresult:
        answer: asyncio.Future[PGresult] = self._loop.create_future()
        self._answer, self._result = answer, None
        try:
            send()
        except psycopg.Error as error:
            self.lose(error)
            raise ConnectionLost(str(error)) from error
        return await answer

    def _read(self) -> None:
        """Take what has come in; once the answer is whole, hand it over and be free."""
        try:
            self._raw.consume_input()
            while not self._raw.is_busy():
                result = self._raw.get_result()
                if result is None:
                    break
                self._result = result
            else:
                return
            if self._raw.status == ConnStatus.BAD:
                raise psycopg.OperationalError("the server has closed this connection")
        except psycopg.Error as error:
            self.lose(error)
            return
        answer, result = self._answer, self._result
        if answer is None or result is None:
            return  # a notice, or a changed setting of the server
        self._answer = self._result = None
        if not answer.done():
            answer.set_result(result)
        if not self._kept:
            self._pool.release(self)

    def lose(self, error: psycopg.Error) -> None:
        """Close the connection for good; who waits for its answer is told."""
        if self._socket < 0:
            return
        self._loop.remove_reader(self._socket)
        self._socket = -1
        self._raw.finish()
        self._pool.forget(self)
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_exception(ConnectionLost(str(error)))


def _check(result: PGresult, expected: ExecStatus) -> None:
    if result.status != expected:
        raise error_from_result(result)


def _first_row(result: PGresult) -> Row | None:
    if result.ntuples == 0:
        return None
    return [result.get_value(0, column) for column in range(result.nfields)]
