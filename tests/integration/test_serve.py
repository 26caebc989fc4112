"""``medley serve`` as a process: it listens, hears HTTP as it is, and drains when told to stop."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import httpx
import psycopg
import pytest
from pydantic import SecretStr

from app.config import Settings
from app.errors import ConfigurationError
from app.services.api_keys import create_key
from cli.serve import check_exposure

START_SECONDS = 120
ROOT = Path(__file__).parents[2]


@pytest.fixture
def server(settings: Settings, tmp_path: Path) -> Generator[tuple[subprocess.Popen[str], int]]:
    assert settings.database_url is not None
    log = tmp_path / "log"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MEDLEY_")} | {
        "MEDLEY_DATABASE_URL": settings.database_url.get_secret_value(),
        "MEDLEY_DATA_DIR": str(tmp_path),
        "MEDLEY_LOG_FORMAT": "json",
    }
    command = [sys.executable, "-c", "import typer; from cli.serve import serve; typer.run(serve)", "--port", "0"]
    with log.open("w") as sink, subprocess.Popen(command, cwd=ROOT, env=environment, stderr=sink, text=True) as process:
        try:
            yield process, wait_for_port(process, log)
        finally:
            process.kill()


def wait_for_port(process: subprocess.Popen[str], log: Path) -> int:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        found = re.search(r"running on http://127\.0\.0\.1:(\d+)", log.read_text())
        if found:
            return int(found.group(1))
        time.sleep(0.05)
    raise AssertionError(log.read_text())


def exchange(port: int, request: bytes) -> bytes:
    """What comes back for these very bytes, until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(request)
        answer = b""
        while chunk := connection.recv(65_536):
            answer += chunk
    return answer


def test_a_server_serves_and_drains(server: tuple[subprocess.Popen[str], int], tmp_path: Path) -> None:
    process, port = server
    base = f"http://127.0.0.1:{port}"
    with httpx.Client(base_url=base, timeout=20) as client:
        answer = client.put("/v1/items/a%2Fb%20%F0%9F%8E%AC", json={"title": "x"})
        assert (answer.status_code, answer.json()["item_id"]) == (201, "a/b \U0001f3ac")
        assert "server" not in answer.headers
        assert client.get("/health/ready").json() == {"status": "ready"}

    # A literal that is encoded, dots that are data, and a HEAD, as only raw bytes can send them.
    for line, status in (
        (b"GET /v1/%69tems/a%2fb%20%f0%9f%8e%ac", b"200"),
        (b"GET /v1/items/%2e%2e", b"422"),
        (b"GET /v1/items/\xff", b"400"),
        (b"GET /v1/items?limit=%ff", b"400"),
    ):
        assert exchange(port, line + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").split(b" ")[1] == status
    head = exchange(port, b"HEAD /v1/items HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert head.split(b" ")[1] == b"200"
    assert head.endswith(b"\r\n\r\n")

    # Refused by its length alone: the body is never sent.
    declared = (
        b"PUT /v1/items/1 HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99999999\r\n\r\n"
    )
    refused = exchange(port, declared)
    assert refused.split(b" ")[1] == b"413"
    assert b"application/problem+json" in refused

    in_flight = socket.create_connection(("127.0.0.1", port), timeout=20)
    body = b'{"title": "late"}'
    head_line = (
        b"PUT /v1/items/late HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    )
    in_flight.sendall(head_line % len(body) + body[:5])
    time.sleep(0.3)  # the request has begun
    process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    with pytest.raises(OSError):  # noqa: PT011 - refused or reset, as the kernel has it
        socket.create_connection(("127.0.0.1", port), timeout=5)
    in_flight.sendall(body[5:])
    assert in_flight.recv(65_536).startswith(b"HTTP/1.1 201")
    in_flight.close()
    assert process.wait(timeout=20) in (0, -signal.SIGTERM)
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    access = [line for line in lines if line["event"] == "request"]
    assert {"method", "route", "status", "ms", "request_id", "timestamp", "level"} <= access[0].keys()
    assert all("a%2Fb" not in json.dumps(line) for line in lines)


def test_head_leaves_the_connection_open_for_what_follows(
    server: tuple[subprocess.Popen[str], int], tmp_path: Path
) -> None:
    _, port = server
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.connect()
    opened = connection.sock
    for _ in range(5):
        for path, status in (("/v1/items", 200), ("/v1/items/nobody%2Fknows", 404), ("/v1/nothing", 404)):
            connection.request("HEAD", path)
            head = connection.getresponse()
            assert (head.status, head.read()) == (status, b"")
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
            assert answer.status == status
            assert json.loads(body)
            assert head.headers["Content-Length"] == answer.headers["Content-Length"] == str(len(body))
            assert connection.sock is opened
    connection.close()
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert not [line for line in lines if line["level"] == "error" or "exception" in line]
    heads = [line for line in lines if line.get("method") == "HEAD"]
    assert [line["route"] for line in heads] == ["/v1/items", "/v1/items/{item_id}", None] * 5
    metrics = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=20).text
    assert re.search(r'method="HEAD".*route="/v1/items"|route="/v1/items".*method="HEAD"', metrics)


def test_a_second_server_on_the_port_says_so(server: tuple[subprocess.Popen[str], int], settings: Settings) -> None:
    _, port = server
    assert settings.database_url is not None
    environment = dict(os.environ) | {"MEDLEY_DATABASE_URL": settings.database_url.get_secret_value()}
    command = [sys.executable, "-c", "import typer; from cli.serve import serve; typer.run(serve)", "--port", str(port)]
    second = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert second.returncode != 0
    assert "address already in use" in second.stderr


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_loopback_needs_no_key(host: str) -> None:
    check_exposure(Settings(host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", ""])  # noqa: S104 - never listened on
def test_other_addresses_are_refused_unless_there_is_a_key_or_it_is_allowed(
    host: str, settings: Settings, connection: psycopg.Connection
) -> None:
    exposed = settings.model_copy(update={"host": host})
    with pytest.raises(ConfigurationError, match=r"`medley keys create`.*MEDLEY_ALLOW_UNAUTHENTICATED"):
        check_exposure(exposed)
    check_exposure(exposed.model_copy(update={"allow_unauthenticated": True}))
    create_key(connection, "backend", ["read"])
    check_exposure(exposed)


def test_where_nobody_knows_of_keys_the_service_starts_and_stays_shut(settings: Settings) -> None:
    nowhere = SecretStr("postgresql://nobody@127.0.0.1:1/nothing")
    check_exposure(settings.model_copy(update={"host": "0.0.0.0", "database_url": nowhere}))  # noqa: S104


def test_a_database_without_tables_has_no_key(empty_database_url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no API key"):
        check_exposure(Settings(host="0.0.0.0", database_url=empty_database_url, data_dir=tmp_path))  # noqa: S104
