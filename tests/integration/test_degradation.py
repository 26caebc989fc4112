"""A running server whose database is slow, frozen or gone, or whose release is missing or broken: readers get their lists."""

import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
import pytest
from keyless import note_no_keys
from serving import Server, children, eventually, is_running, running_server
from trained import fill_database, train_small

from app import migrations
from app.db import open_sync_engine
from app.postgres import embedded_postgres, server_home

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="stops processes that it finds in /proc")

DEADLINE_MS = 1_000  # of a history: long enough to tell a wait from what a busy machine takes anyway
RECOVERY_SECONDS = 2.0
MACHINE_SECONDS = 30.0  # what a machine that does many things at once may add


@dataclass
class Backend:
    """A Postgres of our own that can be taken away, with a release trained on what it holds."""

    url: str
    home: Path
    artifacts: Path
    release: str

    @property
    def postmaster(self) -> int:
        return int((self.home / "cluster" / "postmaster.pid").read_text().split()[0])

    def variables(self, data_dir: Path) -> dict[str, str]:
        return {
            "MEDLEY_DATABASE_URL": self.url,
            "MEDLEY_DATA_DIR": str(data_dir),
            "MEDLEY_ARTIFACT_DIR": str(self.artifacts),
            "MEDLEY_DATABASE_STATEMENT_TIMEOUT_MS": "1500",
            "MEDLEY_HISTORY_TIMEOUT_MS": str(DEADLINE_MS),
        }

    def activate_copy(self, release: str, location: Path) -> None:
        """Enter a release like ours that lies at ``location``, and make it the active one."""
        with psycopg.connect(self.url) as connection:
            connection.execute("UPDATE releases SET active = false")
            connection.execute(
                "INSERT INTO releases (id, location, format, manifest, active, activated_at)"
                " SELECT %s, %s, format, manifest, true, now() FROM releases WHERE id = %s",
                (release, str(location), self.release),
            )

    def withdraw(self, release: str) -> None:
        """Take a release back, and make ours the active one again."""
        with psycopg.connect(self.url) as connection:
            connection.execute("DELETE FROM releases WHERE id = %s", (release,))
            connection.execute("UPDATE releases SET active = true WHERE id = %s", (self.release,))

    @contextmanager
    def gone(self) -> Generator[None]:
        """The server is killed, and its supervisor held so that it starts no other."""
        postmaster = self.postmaster
        supervisor = int(Path(f"/proc/{postmaster}/stat").read_text().rpartition(")")[2].split()[1])
        os.kill(supervisor, signal.SIGSTOP)
        try:
            os.kill(postmaster, signal.SIGQUIT)
            eventually(lambda: not is_running(postmaster))
            yield
        finally:
            os.kill(supervisor, signal.SIGCONT)
        eventually(self._answers)

    @contextmanager
    def frozen(self) -> Generator[None]:
        """Every process of the server stands still: connections stay open, and nothing answers."""
        pids = [self.postmaster, *children(self.postmaster)]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Generator[Backend]:
    data_dir = tmp_path_factory.mktemp("backend")
    try:
        with embedded_postgres(data_dir) as url:
            with open_sync_engine(url) as engine:
                migrations.upgrade(engine)
            fill_database(url)
            release = train_small(url, data_dir / "artifacts").release
            yield Backend(url, server_home(data_dir), data_dir / "artifacts", release)
    finally:
        shutil.rmtree(server_home(data_dir), ignore_errors=True)


@pytest.fixture(scope="module")
def server(backend: Backend, tmp_path_factory: pytest.TempPathFactory) -> Generator[Server]:
    """One server that lives through all outages."""
    directory = tmp_path_factory.mktemp("server")
    with running_server(directory, backend.variables(directory)) as started:
        eventually(lambda: started.recommend()["degraded"] == [] and started.recommend()["history_size"] > 0)
        yield started


def serves_without_database(server: Server, release: str) -> None:
    listed = server.recommend()
    assert listed["degraded"] == ["database"]
    assert listed["release"] == release
    assert len(listed["items"]) == 5
    assert server.get("/health/ready").status_code == 200
    assert server.get("/health/live").status_code == 200
    assert server.get("/v1/popular").status_code == 200


def recovers(server: Server) -> None:
    began = time.monotonic()
    eventually(lambda: server.recommend()["degraded"] == [])
    eventually(lambda: server.rate().status_code in (200, 201))
    assert time.monotonic() - began < RECOVERY_SECONDS + MACHINE_SECONDS


def milliseconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1000


def test_the_database_goes_and_comes_back(server: Server, backend: Backend) -> None:
    with backend.gone():
        serves_without_database(server, backend.release)
        answer = server.rate("comedy-01", 2.5)
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
        assert answer.headers["content-type"] == "application/problem+json"
        for _ in range(6):
            server.recommend()
        eventually(lambda: server.metric("medley_history_breaker_open") == 1)
    recovers(server)
    # Refused means refused: what was answered by 503 is not there.
    assert server.get("/v1/users/user-000/ratings/comedy-01").json().get("value") != 2.5
    eventually(lambda: server.metric("medley_history_breaker_open") == 0)


def test_who_has_limits_is_shown_only_what_is_safe_for_all_while_the_database_is_gone(
    server: Server, backend: Backend
) -> None:
    safe = {"title": "For everybody", "categories": ["Comedy"], "safe_for_all": True}
    assert httpx.put(f"{server.base}/v1/items/safe", json=safe, timeout=20).status_code in {200, 201}
    preferences = f"{server.base}/v1/users/child/preferences"
    limits = {"exclude_categories": ["Horror"]}
    assert httpx.put(preferences, json={"limits": limits}, timeout=20).status_code == 200
    assert len(server.recommend("child")["items"]) == 5
    with backend.gone():
        listed = server.recommend("child")
        assert [item["item_id"] for item in listed["items"]] == ["safe"]
        assert listed["degraded"] == ["database", "limits"]
        serves_without_database(server, backend.release)
    recovers(server)
    assert httpx.delete(preferences, timeout=20).status_code == 204
    eventually((backend.artifacts / "nobody-has-limits").exists)


def test_a_lock_costs_no_reader_more_than_the_deadline_and_soon_nothing(server: Server, backend: Backend) -> None:
    with psycopg.connect(backend.url) as holder:
        holder.execute("LOCK TABLE ratings IN ACCESS EXCLUSIVE MODE")
        first = milliseconds(lambda: serves_without_database(server, backend.release))
        assert first < 15_000
        for _ in range(6):
            server.recommend()
        # Open: of twenty lists at most a few are probes that wait for the deadline.
        waited = [milliseconds(server.recommend) for _ in range(20)]
        assert sorted(waited)[10] < 0.7 * DEADLINE_MS
        answer = server.rate(value=3.0)
        assert answer.status_code == 503, "the statement timeout ends a write that waits for the lock"
        holder.rollback()
    recovers(server)


def test_a_frozen_server_holds_nobody(server: Server, backend: Backend) -> None:
    with backend.frozen():
        waited = [milliseconds(server.recommend) for _ in range(10)]
        serves_without_database(server, backend.release)
        assert max(waited) < 10_000
    recovers(server)


def test_a_worker_that_starts_without_the_database_serves_the_last_release(
    server: Server, backend: Backend, tmp_path: Path
) -> None:
    assert server.recommend()["release"] == backend.release  # so the release has been remembered
    note_no_keys(tmp_path)
    with ExitStack() as outage:
        outage.enter_context(backend.gone())
        with running_server(tmp_path, backend.variables(tmp_path)) as late:
            serves_without_database(late, backend.release)
            assert late.rate().status_code == 503
            outage.close()
            recovers(late)


def test_without_a_release_and_without_the_database_lists_are_empty_and_nobody_is_ready(tmp_path: Path) -> None:
    variables = {"MEDLEY_DATABASE_URL": "postgresql://nobody:none@127.0.0.1:1/none", "MEDLEY_DATA_DIR": str(tmp_path)}
    note_no_keys(tmp_path)
    with running_server(tmp_path, variables) as server:
        listed = server.recommend()
        assert (listed["items"], listed["release"]) == ([], None)
        assert sorted(listed["degraded"]) == ["database", "limits", "no_release"]  # nor who has hard limits
        answer = server.get("/health/ready")
        assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
        assert server.get("/health/live").status_code == 200


def test_a_broken_release_leaves_the_running_engine_and_is_passed_over_at_a_start(
    server: Server, backend: Backend, tmp_path: Path
) -> None:
    recovers(server)
    broken = backend.artifacts / "broken"
    shutil.copytree(backend.artifacts / backend.release, broken)
    damaged = broken / "popularity.counts.npy"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"\xff")
    backend.activate_copy("broken", broken)
    try:
        with running_server(tmp_path, backend.variables(tmp_path)) as late:
            assert late.recommend()["release"] == backend.release
            eventually(lambda: late.metric("medley_release_refused") == 1)
            assert "the digest is wrong" in late.log.read_text()
        eventually(lambda: server.metric("medley_release_refused") == 1)
        listed = server.recommend()
        assert (listed["release"], listed["degraded"]) == (backend.release, [])
    finally:
        backend.withdraw("broken")
    eventually(lambda: server.metric("medley_release_refused") == 0)
