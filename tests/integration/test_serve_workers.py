"""``medley serve --workers``: one socket, one artifact, one set of metrics; workers come and go and nobody notices."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
from databases import fresh_database
from serving import Server, children, eventually, is_running, running_server
from trained import train_small

from app.db import driver_url
from app.postgres import server_home

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc"),
    pytest.mark.xdist_group("serve_workers"),  # all on one server, which is started once
]

SWAP_SECONDS = 2.0
MACHINE_SECONDS = 30.0  # what a machine that does many things at once may add


@dataclass(frozen=True)
class Database:
    """A trained database, and where the service on it keeps its data."""

    url: str
    data_dir: Path


@pytest.fixture(scope="module")
def database(server_url: str, trained_template: str, tmp_path_factory: pytest.TempPathFactory) -> Generator[Database]:
    with fresh_database(server_url, trained_template) as url:
        yield Database(url, tmp_path_factory.mktemp("workers"))


@pytest.fixture(scope="module")
def server(database: Database) -> Generator[Server]:
    """Two workers, for every test that leaves two behind."""
    with two_workers(database) as server:
        yield server


@contextmanager
def two_workers(database: Database) -> Generator[Server]:
    variables = {
        "MEDLEY_DATABASE_URL": database.url,
        "MEDLEY_DATA_DIR": str(database.data_dir),
        "MEDLEY_DRAIN_SECONDS": "60",
        "MEDLEY_HISTORY_TIMEOUT_MS": "10000",  # no list is to be degraded because the machine is busy
    }
    with running_server(database.data_dir, variables, "--workers", "2") as server:
        until_both_serve(server)
        yield server


def until_both_serve(server: Server, release: str = "") -> None:
    eventually(lambda: server.metric("medley_release_workers", f'release="{release}') == 2, 150)


def worker_pids(server: Server) -> list[int]:
    return [pid for pid in children(server.process.pid) if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


class Reader(threading.Thread):
    """Reads lists without a pause, each on a connection of its own, and keeps what went wrong."""

    def __init__(self, server: Server) -> None:
        super().__init__(daemon=True)
        self.server, self.stopped = server, threading.Event()
        self.failures: list[object] = []
        self.releases: list[tuple[float, str]] = []

    def run(self) -> None:
        while not self.stopped.is_set():
            try:
                answer = self.server.get("/v1/users/user-001/recommendations", limit=3)
            except httpx.TransportError as error:
                self.failures.append(error)
                continue
            if answer.status_code != 200 or answer.json()["degraded"]:
                self.failures.append(answer.text)
            else:
                self.releases.append((time.monotonic(), answer.json()["release"]))

    def stop(self) -> None:
        self.stopped.set()
        self.join(20)


def test_workers_share_swap_count_and_are_replaced(server: Server, database: Database) -> None:
    route = 'route="/v1/users/{user_id}/recommendations"'
    requests = ("medley_http_request_duration_seconds_count", route, 'status="2xx"')
    lists = ("medley_lists_total", 'fallback="none"', 'degraded="none"')
    before = server.metric(*requests), server.metric(*lists)
    first = server.recommend()["release"]
    pids = worker_pids(server)
    assert len(pids) == 2
    for pid in pids:
        assert f"{first}/" in Path(f"/proc/{pid}/maps").read_text(), "the artifact is mapped, not copied"
        assert urlsplit(database.url).password not in Path(f"/proc/{pid}/cmdline").read_text()

    for _ in range(40):
        server.recommend()
    # A request is counted once its answer is out, so the last may be missing for a moment.
    eventually(lambda: server.metric(*requests) == before[0] + 41)
    assert server.metric(*lists) == before[1] + 41
    assert "user-000" not in server.get("/metrics").text

    # A new release reaches every worker, and no reader sees more than another name.
    readers = [Reader(server), Reader(server)]
    for reader in readers:
        reader.start()
    second = train_small(driver_url(database.url), database.data_dir / "artifacts").release
    activated = time.monotonic()
    until_both_serve(server, second)
    for reader in readers:
        reader.stop()
        assert reader.failures == []
        assert reader.releases[-1][1] == second
        last_old = max(when for when, release in reader.releases if release == first)
        assert last_old - activated < SWAP_SECONDS + MACHINE_SECONDS

    # A killed worker is replaced, and what it had counted stays counted.
    counted = server.metric("medley_http_request_duration_seconds_count", route)
    os.kill(pids[0], signal.SIGKILL)
    eventually(lambda: len(set(worker_pids(server)) - {pids[0]}) == 2)
    until_both_serve(server, second)
    assert server.metric("medley_http_request_duration_seconds_count", route) >= counted
    assert pids[1] in worker_pids(server)


def test_changes_of_items_reach_every_worker_however_late_they_are_committed(
    server: Server, database: Database
) -> None:
    url = driver_url(database.url)

    def seen(item: str, expected: bool) -> None:
        """Every worker has it or has it not: many requests at once, so that each worker answers some."""

        def shows(_: int) -> bool:
            return server.get(f"/v1/items/{item}/similar").status_code == 200

        with ThreadPoolExecutor(8) as pool:
            eventually(lambda: set(pool.map(shows, range(32))) == {expected}, 60)

    insert = "INSERT INTO items (id, title, categories) VALUES (%s, 'Crypt Ghoul', ARRAY['Horror', 'Film'])"
    with psycopg.connect(url) as late, psycopg.connect(url, autocommit=True) as other:
        late.execute(insert, ["late"])
        other.execute(insert, ["soon"])
        seen("soon", True)
        seen("late", False)
        late.commit()
        committed = time.monotonic()
        seen("late", True)
        assert time.monotonic() - committed < SWAP_SECONDS + MACHINE_SECONDS
        other.execute("UPDATE items SET deleted_at = now() WHERE id IN ('late', 'horror-05')")
        seen("late", False)
        seen("horror-05", False)


def test_a_stop_drains_and_leaves_nothing(database: Database) -> None:
    with two_workers(database) as server:
        _stop_in_the_middle_of_a_request(server)


def _stop_in_the_middle_of_a_request(server: Server) -> None:
    pids = worker_pids(server)
    environment = Path(f"/proc/{pids[0]}/environ").read_bytes().split(b"\0")
    metrics = next(Path(each.decode().partition("=")[2]) for each in environment if each.startswith(b"PROMETHEUS_"))
    assert metrics.stat().st_mode & 0o077 == 0

    address = urlsplit(server.base)
    body = b'{"title": "late"}'
    head = b"PUT /v1/items/late HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    head += b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n"
    with socket.create_connection((address.hostname, address.port), timeout=60) as connection:
        connection.sendall(head % len(body))
        assert connection.recv(65_536).startswith(b"HTTP/1.1 100"), "the request has begun, and its body is waited for"
        connection.sendall(body[:5])
        server.process.send_signal(signal.SIGTERM)
        eventually(lambda: _refuses(address.port))
        connection.sendall(body[5:])
        assert connection.recv(65_536).startswith(b"HTTP/1.1 201")
    assert server.process.wait(timeout=90) == 0
    assert not any(is_running(pid) for pid in pids)
    assert not metrics.exists()
    assert "color_message" not in server.log.read_text()


def _refuses(port: int | None) -> bool:
    assert port is not None
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return True
    return False


def test_workers_end_with_their_parent_and_so_does_the_embedded_database(tmp_path: Path) -> None:
    try:
        with running_server(tmp_path, {"MEDLEY_DATA_DIR": str(tmp_path)}, "--workers", "2") as server:
            eventually(lambda: server.get("/health/ready").status_code == 200, 150)
            assert server.recommend()["fallback"] == "popularity"
            pids = worker_pids(server)
            for pid in [*pids, server.process.pid]:
                assert b"postgresql://" not in Path(f"/proc/{pid}/cmdline").read_bytes()
            postmaster = int((server_home(tmp_path) / "cluster" / "postmaster.pid").read_text().split()[0])
            server.process.kill()
            eventually(lambda: not any(is_running(pid) for pid in [*pids, postmaster]), 60)
    finally:
        shutil.rmtree(server_home(tmp_path), ignore_errors=True)


def test_a_parent_that_stands_still_is_told_and_costs_no_reader_anything(server: Server) -> None:
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        eventually(lambda: server.log.read_text().count("is stopped: a worker that dies is not replaced") == 2, 60)
        assert server.recommend()["degraded"] == []
    finally:
        os.kill(server.process.pid, signal.SIGCONT)
    eventually(lambda: server.log.read_text().count('goes on"') == 2, 60)
    pids = worker_pids(server)
    os.kill(pids[0], signal.SIGKILL)
    eventually(lambda: len(set(worker_pids(server)) - {pids[0]}) == 2, 60)
    until_both_serve(server)


def test_a_taken_port_is_told_and_nothing_starts(server: Server, tmp_path: Path) -> None:
    port = str(urlsplit(server.base).port)
    command = [sys.executable, "-c", "from cli.main import main; main()", "serve", "--workers", "2", "--port", port]
    environment = dict(os.environ) | {"MEDLEY_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"}
    second = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=150, check=False
    )
    assert second.returncode == 3
    assert "address already in use" in second.stderr.lower()
