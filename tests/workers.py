"""Worker processes under test, and the rows of the runs that they carry out."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import psycopg
from psycopg.rows import dict_row

from app.db import driver_url
from training.lock import TRAINING_LOCK

Fit = Literal["real", "quick", "endless"]
WITHIN_SECONDS = 120.0


class Workers:
    """Workers on one database that share one directory of artifacts."""

    def __init__(self, url: str, artifacts: Path) -> None:
        self.url = driver_url(url)
        self.artifacts = artifacts
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, fit: Fit = "quick", *, schedule: str = "", new_ratings: int = 0) -> subprocess.Popen[bytes]:
        command = [sys.executable, str(Path(__file__).with_name("slow_worker.py")), self.url, str(self.artifacts)]
        arguments = [fit, schedule, str(new_ratings)]
        process = subprocess.Popen([*command, *arguments], start_new_session=True)
        self.processes.append(process)
        return process

    def query(self, query: str, *values: Any) -> list[dict[str, Any]]:
        with psycopg.connect(self.url, autocommit=True, row_factory=dict_row) as connection:
            cursor = connection.execute(query, values or None)  # type: ignore[call-overload]
            return cursor.fetchall() if cursor.description else []

    def runs(self) -> list[dict[str, Any]]:
        """The runs, oldest first."""
        return self.query("SELECT * FROM training_runs ORDER BY key")

    def request(self) -> None:
        """Queue a run as the API does, one that is published whatever the gate says."""
        self.query(
            "INSERT INTO training_runs (id, cause, forced) VALUES (gen_random_uuid()::text, 'request', true)"
            " ON CONFLICT DO NOTHING"
        )

    def wait_for(
        self, state: Literal["running", "succeeded", "failed"], number: int, stage: str | None = None
    ) -> dict[str, Any]:
        """The run of that number, from 0, once it is in that state (and at that stage)."""

        def look() -> dict[str, Any] | None:
            runs = self.runs()
            if len(runs) <= number or runs[number]["state"] != state:
                return None
            return runs[number] if stage is None or runs[number]["stage"] == stage else None

        return wait_until(look, lambda: str(self.runs()))

    def wait_for_listeners(self, count: int) -> None:
        """Return once that many workers have begun to look for work."""
        listening = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
        wait_until(lambda: len(self.query(listening)) == count, lambda: "workers do not start")

    def lock_holders(self) -> list[int]:
        """The server processes whose sessions hold the training lock."""
        rows = self.query(
            "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted"
            " AND (classid::bigint << 32) + objid::bigint = %s"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            TRAINING_LOCK,
        )
        return [row["pid"] for row in rows]

    def stop(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


@contextmanager
def workers_on(url: str, artifacts: Path) -> Generator[Workers]:
    workers = Workers(url, artifacts)
    try:
        yield workers
    finally:
        workers.stop()


def wait_until(look: Callable[[], Any], explain: Callable[[], str], seconds: float = WITHIN_SECONDS) -> Any:
    """What ``look`` finds, once it finds something."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, explain()
        time.sleep(0.05)
    return found


def children_of(pid: int) -> list[int]:
    """The processes that a process has started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def fit_of(worker: subprocess.Popen[bytes]) -> int:
    """The process that fits for a worker (the other child is multiprocessing's resource tracker)."""
    return next(
        child for child in children_of(worker.pid) if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()
    )


def is_alive(pid: int) -> bool:
    """Whether there is such a process that has not ended."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"
