"""Rubbish on the wire, where a client in the same process would hide it; and keys that no log tells."""

import gzip
import json
import re
import socket
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from guarded import bearer, make_keys, mint
from serving import Server, running_server

from app.config import Settings

RATING = {"user_id": "ada", "item_id": "x", "value": 4}


@dataclass
class Door:
    """A server with keys that tells all it does, and a key of every scope."""

    server: Server
    key: str

    @property
    def port(self) -> int:
        return int(self.server.base.rpartition(":")[2])


@pytest.fixture
def door(settings: Settings, tmp_path: Path) -> Generator[Door]:
    assert settings.database_url is not None
    url = settings.database_url.get_secret_value()
    *_, key = make_keys(url)
    variables = {"MEDLEY_DATABASE_URL": url, "MEDLEY_DATA_DIR": str(tmp_path), "MEDLEY_LOG_LEVEL": "debug"}
    with running_server(tmp_path, variables) as server:
        yield Door(server, key)


def test_a_server_keeps_its_manners_and_its_secrets(door: Door) -> None:
    """One server for all of it: a start takes longer than the rest."""
    headers = bearer(door.key) | {"Content-Type": "application/json"}
    check_that_large_bodies_are_refused(door, headers)
    check_that_requests_in_a_row_are_answered_in_a_row(door)
    check_that_a_long_head_is_refused(door)
    check_that_who_hangs_up_is_no_failure(door)
    check_that_nothing_is_told(door)


def check_that_large_bodies_are_refused(door: Door, headers: dict[str, str]) -> None:
    """100 MB in chunks of which no length is told, and 100 MB of zeros in 100 kB of gzip."""
    bomb = gzip.compress(b" " * 100_000_000, 6, mtime=0)

    def chunks() -> Iterator[bytes]:
        for _ in range(1_526):
            yield b" " * 65_536

    for content, more in ((chunks(), {}), (bomb, {"Content-Encoding": "gzip"})):
        try:
            answer = httpx.post(
                f"{door.server.base}/v1/ratings:batch", content=content, headers=headers | more, timeout=60
            )
        except (httpx.WriteError, httpx.ReadError):
            continue  # the server has hung up while more was still sent
        assert (answer.status_code, answer.json()["code"]) == (413, "content_too_large")
    truncated = gzip.compress(json.dumps(RATING).encode())[:-9]
    answer = httpx.post(
        f"{door.server.base}/v1/ratings", content=truncated, headers=headers | {"Content-Encoding": "gzip"}, timeout=60
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "truncated_gzip")


def check_that_requests_in_a_row_are_answered_in_a_row(door: Door) -> None:
    """Three requests are sent at once on one connection, a refused one among them."""
    head = f"Host: medley\r\nAuthorization: Bearer {door.key}\r\n"
    body = b'{"user_id": "ada", "user_id": "ada"}'
    requests = (
        f"GET /v1/items?limit=1 HTTP/1.1\r\n{head}X-Request-ID: first\r\n\r\n"
        f"POST /v1/ratings HTTP/1.1\r\n{head}X-Request-ID: second\r\nContent-Type: application/json\r\n"
        f"Transfer-Encoding: chunked\r\n\r\n{len(body):x}\r\n{body.decode()}\r\n0\r\n\r\n"
        f"GET /v1/users/..%2F/ratings HTTP/1.1\r\n{head}X-Request-ID: third\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", door.port), timeout=60) as connection:
        connection.sendall(requests.encode())
        answered = b""
        while chunk := connection.recv(65_536):
            answered += chunk
    assert re.findall(rb"x-request-id: (\w+)", answered.lower()) == [b"first", b"second", b"third"]
    assert re.findall(rb"HTTP/1\.1 (\d+)", answered) == [b"200", b"422", b"200"]


def check_that_a_long_head_is_refused(door: Door) -> None:
    """It is not kept until the memory is full, and nobody has to wait for it."""
    with socket.create_connection(("127.0.0.1", door.port), timeout=60) as connection:
        connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: medley\r\nX-Endless: ")
        try:
            for _ in range(100):
                connection.sendall(b"x" * 65_536)
            answer = connection.recv(65_536)
        except ConnectionError:
            return  # the server has hung up while more was still sent
        assert answer.startswith(b"HTTP/1.1 431")


def check_that_who_hangs_up_is_no_failure(door: Door) -> None:
    """A phone that loses its network in the middle of a request is neither an error in the log nor a 5xx in the metrics."""
    head = (
        f"POST /v1/ratings HTTP/1.1\r\nHost: medley\r\nAuthorization: Bearer {door.key}\r\nX-Request-ID: hung-up\r\n"
        "Content-Type: application/json\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", door.port), timeout=60) as connection:
        connection.sendall(head.encode())
        assert connection.recv(1_000).startswith(b"HTTP/1.1 100")  # the body is being waited for
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        lines = [line for line in door.server.log.read_text().splitlines() if "hung-up" in line]
        if lines:
            break
        time.sleep(0.05)
    assert re.findall(r'"event": ?"(\w+)"', " ".join(lines)) == ["request"]
    assert '"status":400' in lines[0].replace(" ", "")


def check_that_nothing_is_told(door: Door) -> None:
    """Neither a key nor a token, whole or in part, good or bad, is in a log or in an answer."""
    token, secret = mint(door.key), door.key.rpartition("_")[2]
    strange = "medley_abcdefghijkl_" + secret[::-1]
    answers = [
        httpx.request(
            method, f"{door.server.base}{path}", headers=bearer(shown), json=RATING if method == "POST" else None
        )
        for shown in (door.key, token, strange, token[:-2], f"{door.key}x")
        for method, path in (("GET", "/v1/items"), ("POST", "/v1/ratings"), ("GET", "/v1/users/bob/ratings"))
    ]
    assert {answer.status_code for answer in answers} == {200, 401, 403, 422}
    told = door.server.log.read_text() + "".join(answer.text + str(answer.headers) for answer in answers)
    assert '"status": 401' in told or '"status":401' in told
    _, claims, signature = token.split(".")
    for text in (secret, secret[:12], secret[::-1][:12], claims, signature, signature[:12]):
        assert text not in told
