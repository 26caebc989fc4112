"""The processes of a whole Medley: the API's parent and workers, the trainer and its fit, Postgres and its supervisor."""

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from app.config import Settings
from app.postgres import server_home
from benchmarks.processes import MEDLEY, Server, free_port, is_running, parent_of, spawned_by

API_WORKERS = 2
START_SECONDS = 300
STOP_SECONDS = 60
POLL_SECONDS = 0.02


class RehearsalFailed(Exception):
    """Something did not come about in time, or was not as it has to be."""


@dataclass
class System:
    """One Medley in a directory of its own, on the embedded Postgres. ``served`` says whether an API is meant to be there."""

    home: Path
    deadline: float
    port: int = field(default_factory=free_port)
    served: threading.Event = field(default_factory=threading.Event)
    api: subprocess.Popen[bytes] | None = None
    trainer: subprocess.Popen[bytes] | None = None

    @property
    def base(self) -> str:
        """Where the API answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def settings(self) -> Settings:
        """The settings of our processes, for whoever wants the database without them."""
        return Settings(data_dir=self.home)

    def start_api(self) -> None:
        """Start ``medley serve`` and wait until every worker of it serves."""
        self.api = self._start("serve", "--workers", str(API_WORKERS))
        self.until(lambda: self._is_ready() and self.all_workers_serve(), START_SECONDS, "every API worker to serve")
        self.served.set()

    def start_trainer(self) -> None:
        """Start ``medley worker``, which trains on request alone."""
        self.trainer = self._start("worker")

    def api_workers(self) -> list[int]:
        """The processes that serve."""
        return [] if self.api is None else spawned_by(self.api.pid)

    def all_workers_serve(self) -> bool:
        """Whether as many workers as there should be have said that they are ready."""
        living = set(self.api_workers())
        log = self.log("serve").read_text(encoding="utf-8", errors="replace")
        ready = {pid for pid in living if f"Started server process [{pid}]" in log}
        complete = log.count("Application startup complete") >= log.count("Started server process")
        return len(living) == API_WORKERS and ready == living and complete

    def serving(self, release: str) -> int:
        """How many API workers serve a release."""
        return 0 if self.api is None else Server(self.port, self.api.pid).serving(release)

    def fit(self) -> int | None:
        """The process that fits, while a run goes on."""
        return next(iter(spawned_by(self.trainer.pid)), None) if self.trainer else None

    def postmaster(self) -> int | None:
        """The Postgres server."""
        with suppress(OSError, ValueError, IndexError):
            pid = int((server_home(self.home) / "cluster" / "postmaster.pid").read_text().split()[0])
            return pid if is_running(pid) else None
        return None

    def supervisor(self) -> int | None:
        """The process that keeps the Postgres server running."""
        pid = self.postmaster()
        return None if pid is None else parent_of(pid)

    def get(self, path: str) -> Any:
        """A JSON answer, or None where there is no good one now."""
        with suppress(httpx.TransportError):
            answer = httpx.get(self.base + path, timeout=10)
            return answer.json() if answer.is_success else None
        return None

    def until(self, look: Callable[[], Any], seconds: float, what: str) -> Any:
        """What ``look`` gives once it is true; RehearsalFailed when that takes too long."""
        deadline = min(time.monotonic() + seconds, self.deadline)
        while not (found := look()):
            if time.monotonic() > deadline:
                raise RehearsalFailed(f"waited in vain for {what}")
            time.sleep(POLL_SECONDS)
        return found

    def log(self, name: str) -> Path:
        """Where a process of this name writes."""
        return self.home / f"{name}.log"

    def stop(self) -> None:
        """Stop everything, by SIGTERM as an operator would; what does not heed it is killed, and the database goes by itself."""
        for process in (self.api, self.trainer):
            if process is not None and process.poll() is None:
                process.terminate()
        for process in (self.api, self.trainer):
            if process is not None:
                try:
                    process.wait(STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        self.api = self.trainer = None

    def _is_ready(self) -> bool:
        if self.api is not None and self.api.poll() is not None:
            raise RehearsalFailed(f"medley serve ended with {self.api.returncode}")
        return self.get("/health/ready") is not None

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        with self.log(arguments[0]).open("ab") as output:
            return subprocess.Popen(
                [*MEDLEY, *arguments], env=self._environment(), stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )

    def _environment(self) -> dict[str, str]:
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("MEDLEY_", "PROMETHEUS_"))
        }
        return inherited | {
            "MEDLEY_DATA_DIR": str(self.home),
            "MEDLEY_PORT": str(self.port),
            "MEDLEY_LOG_FORMAT": "json",
            "MEDLEY_TRAINING_SCHEDULE": "",
            "MEDLEY_TRAINING_NEW_RATINGS": "0",
        }


@contextmanager
def open_system(seconds: float) -> Generator[System]:
    """A Medley that may take so many seconds altogether, and of which nothing is left afterwards."""
    with tempfile.TemporaryDirectory(prefix="medley-rehearsal-", ignore_cleanup_errors=True) as directory:
        system = System(Path(directory), time.monotonic() + seconds)
        try:
            yield system
        finally:
            system.stop()
            shutil.rmtree(server_home(system.home), ignore_errors=True)  # as root it lies elsewhere


def kill(pid: int) -> None:
    """End a process as the kernel would when memory runs out: at once, with no word to it."""
    os.kill(pid, signal.SIGKILL)
