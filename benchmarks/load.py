"""The load generator: HTTP/1.1 over kept-alive sockets, no client library, in a process of its own.

It trusts the server it was made for: one answer at a time a connection, each with a Content-Length.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from typing import Any, cast

import uvloop

from benchmarks.processes import MeasurementFailed

ANSWER_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Request:
    """A method, a path as it goes over the wire, a JSON body, and the API key that goes with it, if any."""

    method: str
    path: str
    body: str = ""
    key: str = ""

    def encoded(self) -> bytes:
        """The bytes on the wire."""
        body = self.body.encode()
        head = f"{self.method} {self.path} HTTP/1.1\r\nhost: 127.0.0.1\r\n"
        if self.key:
            head += f"authorization: Bearer {self.key}\r\n"
        if body:
            head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
        return head.encode("ascii") + b"\r\n" + body


@dataclass(frozen=True, slots=True)
class Answers:
    """What came back: the time of each answer in microseconds, how long all took, what the generator itself cost."""

    microseconds: Sequence[float]
    seconds: float
    generator_seconds: float

    @property
    def a_second(self) -> float:
        """Answers a second."""
        return len(self.microseconds) / self.seconds

    @property
    def generator_microseconds(self) -> float:
        """The generator's own processor time for one request."""
        return 1e6 * self.generator_seconds / len(self.microseconds)


def put_load(port: int, requests: Sequence[Request], *, connections: int, seconds: float | None) -> Answers:
    """Send the requests over and over for so many seconds, or each once for None, as many at a time as connections.

    Raises MeasurementFailed for the first answer that is not 2xx: a fast refusal is no throughput.
    """
    plan = {
        "port": port,
        "connections": connections,
        "seconds": seconds,
        "requests": [asdict(each) for each in requests],
    }
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load"],
        input=json.dumps(plan).encode(),
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        raise MeasurementFailed(f"the load failed: {done.stderr.decode(errors='replace').strip()[-400:]}")
    return Answers(**json.loads(done.stdout))


class _Connection(asyncio.Protocol):
    """Sends a request as soon as the answer to the last one is complete."""

    def __init__(self, requests: Iterator[bytes], latencies: list[float]) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._requests = requests
        self._latencies = latencies
        self._received = bytearray()
        self._expected = 0  # bytes of the answer that is coming in; 0 while its head is not complete
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._expected:
            self._read_head()
        if self._expected and len(self._received) >= self._expected and not self.ended.done():
            self._latencies.append(1e6 * (time.perf_counter() - self._sent_at))
            self._received.clear()
            self._expected = 0
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(f"the connection was lost: {exc or 'closed by the server'}")

    def _send(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self.ended.set_result(None)
            self._transport.close()
            return
        self._sent_at = time.perf_counter()
        self._transport.write(request)

    def _read_head(self) -> None:
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        if not self._received.startswith(b"HTTP/1.1 2"):
            self._fail(f"an answer was not 2xx: {bytes(self._received[:600])!r}")
            return
        head = bytes(self._received[:end]).lower()
        self._expected = end + 4 + int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])

    def _fail(self, reason: str) -> None:
        if not self.ended.done():
            self.ended.set_exception(ConnectionError(reason))
            self._transport.abort()


def _until(deadline: float, requests: Iterator[bytes]) -> Iterator[bytes]:
    while time.perf_counter() < deadline:
        yield next(requests)


async def _run(plan: Mapping[str, Any]) -> Answers:
    encoded = [Request(**each).encoded() for each in plan["requests"]]
    began, worked_before = time.perf_counter(), time.process_time()
    endless = plan["seconds"] is not None
    source = _until(began + plan["seconds"], cycle(encoded)) if endless else islice(encoded, None)
    latencies: list[float] = []
    opened = [
        await asyncio.get_running_loop().create_connection(
            lambda: _Connection(source, latencies), "127.0.0.1", plan["port"]
        )
        for _ in range(plan["connections"])
    ]
    ended = asyncio.gather(*(connection.ended for _, connection in opened))
    while not ended.done():
        answered = len(latencies)
        await asyncio.wait([ended], timeout=ANSWER_SECONDS)
        if len(latencies) == answered and not ended.done():
            raise TimeoutError(f"nothing was answered for {ANSWER_SECONDS} s")
    await ended
    return Answers(latencies, time.perf_counter() - began, time.process_time() - worked_before)


if __name__ == "__main__":
    try:
        answers = uvloop.run(_run(json.load(sys.stdin)))
    except OSError as error:
        sys.exit(str(error))
    json.dump(asdict(answers), sys.stdout)
