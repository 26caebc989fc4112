"""Bounds on what comes over a connection: how long a request's head may be, and how slowly a request may come."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from cli import http_protocol
from cli.http_protocol import BoundedProtocol

pytestmark = pytest.mark.anyio
HEAD = b"POST / HTTP/1.1\r\nHost: medley\r\nContent-Length: 20\r\n\r\n"
HANG = 60


async def echo(_: Any, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
    """Answers with the body, once all of it is there."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body, more = body + message.get("body", b""), message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


class Line:
    """A connection to the protocol, whose periods end when the test says so."""

    def __init__(self, protocol: BoundedProtocol, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.protocol, self.reader, self.writer = protocol, reader, writer

    async def send(self, data: bytes) -> None:
        """Send, and wait until it was received."""
        received = asyncio.Event()
        receive = self.protocol.data_received

        def notice(part: bytes) -> None:
            receive(part)
            received.set()

        self.protocol.data_received = notice  # type: ignore[method-assign]
        self.writer.write(data)
        await asyncio.wait_for(received.wait(), HANG)
        self.protocol.data_received = receive  # type: ignore[method-assign]

    def end_period(self) -> None:
        self.protocol._look()

    @property
    def watched(self) -> bool:
        return self.protocol._timer is not None

    async def rest(self) -> bytes:
        """All that comes until the other side hangs up."""
        return await asyncio.wait_for(self.reader.read(), HANG)


@asynccontextmanager
async def connected() -> AsyncGenerator[Line]:
    config = uvicorn.Config(echo, log_config=None, lifespan="off", access_log=False)
    config.load()
    made: asyncio.Future[BoundedProtocol] = asyncio.get_running_loop().create_future()

    class Made(BoundedProtocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            made.set_result(self)

    server = await asyncio.get_running_loop().create_server(lambda: Made(config, ServerState(), {}), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
    try:
        yield Line(await asyncio.wait_for(made, HANG), reader, writer)
    finally:
        writer.close()
        server.close()


async def test_a_request_that_comes_whole_needs_no_timer() -> None:
    async with connected() as line:
        assert line.watched
        for _ in range(2):
            await line.send(HEAD + b"x" * 20)
            assert not line.watched
            answer = await asyncio.wait_for(line.reader.readuntil(b"x" * 20), HANG)
            assert answer.startswith(b"HTTP/1.1 200")
        await line.send(HEAD)
        assert line.watched
        await line.send(b"x" * 20)
        assert not line.watched


async def test_who_sends_nothing_is_hung_up_on() -> None:
    async with connected() as line:
        line.end_period()
        assert await line.rest() == b""


@pytest.mark.parametrize("sent", [b"GET / HTTP/1.1\r\nHost: med", HEAD + b"x"])
async def test_what_does_not_come_on_is_given_up(sent: bytes) -> None:
    async with connected() as line:
        await line.send(sent)
        line.end_period()
        answer = await line.rest()
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b'"code":"request_timeout"' in answer


async def test_a_body_that_comes_on_may_take_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "LEAST_BYTES", 5)
    async with connected() as line:
        await line.send(HEAD)
        for _ in range(3):
            await line.send(b"x" * 5)
            line.end_period()
        await line.send(b"x" * 5)
        assert (await asyncio.wait_for(line.reader.readuntil(b"x" * 20), HANG)).startswith(b"HTTP/1.1 200")


async def test_a_head_without_an_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_BYTES", 10)
    async with connected() as line:
        await line.send(b"GET / HTTP/1.1\r\nX-Endless: ")
        for _ in range(2):
            await line.send(b"x" * 5)
            assert line.watched
        await line.send(b"x")
        assert (await line.rest()).startswith(b"HTTP/1.1 431 ")


CHUNKED = b"POST / HTTP/1.1\r\nHost: medley\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"


async def test_what_stands_behind_a_body_is_no_header() -> None:
    async with connected() as line:
        await line.send(CHUNKED)
        headers = line.protocol.headers
        await line.send(b"0\r\nAuthorization: Bearer x\r\nX-More: y\r\n")
        await line.send(b"\r\n")
        assert (await asyncio.wait_for(line.reader.readuntil(b"abc"), HANG)).startswith(b"HTTP/1.1 200")
        assert [name for name, _ in headers] == [b"host", b"transfer-encoding"]


@pytest.mark.parametrize("part", [b"X: y\r\n", b"x"])
async def test_what_stands_behind_a_body_is_bounded(monkeypatch: pytest.MonkeyPatch, part: bytes) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_BYTES", 10)
    async with connected() as line:
        await line.send(CHUNKED + b"0\r\nX-Endless: y\r\n")
        await line.send(part * (10 // len(part)))
        assert line.watched
        await line.send(part * (10 // len(part)))
        assert (await line.rest()).startswith(b"HTTP/1.1 431 ")


async def test_a_long_body_in_parts_is_no_long_head(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_BYTES", 10)
    async with connected() as line:
        await line.send(CHUNKED)
        for _ in range(8):
            await line.send(b"3\r\nabc\r\n")
        await line.send(b"0\r\n\r\n")
        assert (await asyncio.wait_for(line.reader.readuntil(b"abc" * 9), HANG)).startswith(b"HTTP/1.1 200")


async def test_an_empty_line_after_an_answer_does_not_keep_the_connection() -> None:
    async with connected() as line:
        await line.send(HEAD + b"x" * 20)
        await asyncio.wait_for(line.reader.readuntil(b"x" * 20), HANG)
        await line.send(b"\r\n")
        assert line.watched
        # The next request is answered as ever, and whoever sends none is hung up on.
        await line.send(HEAD + b"x" * 20)
        assert not line.watched
        await asyncio.wait_for(line.reader.readuntil(b"x" * 20), HANG)
        for _ in range(2):
            await line.send(b"\r\n")
        line.end_period()
        assert await line.rest() == b""
