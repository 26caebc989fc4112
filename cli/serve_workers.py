"""Several serving processes on one socket, under uvicorn's supervisor.

uvicorn starts the workers, asks every half second whether each still answers, replaces one that died or hangs, and passes
SIGTERM and SIGINT on. Added here: what the workers share, an end to waiting, and that no worker outlives its parent.
"""

import logging
import multiprocessing
import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import psycopg
import uvicorn
from uvicorn.supervisors import Multiprocess

from app.config import Settings
from app.db import connect_options, driver_url, open_sync_engine
from app.migrations import upgrade
from app.postgres import database_url
from app.telemetry import configure_logging
from app.telemetry.metrics import DIRECTORY_VARIABLE, forget_worker

HEALTH_SECONDS = 10
PARENT_SECONDS = 5.0  # between two looks whether the parent is stopped; its end is seen at once
CLOSE_SECONDS = 10  # for what comes after the last answer: pools, the embedded server's lock
ASK_SECONDS = 2
SPARE_CONNECTIONS = 8  # for a `medley worker` and for people
_CONNECTIONS = "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"
_log = logging.getLogger("medley.serve")


def serve_with_workers(settings: Settings, options: dict[str, Any]) -> None:
    """Serve with ``settings.workers`` processes until told to stop; nothing of them is left afterwards."""
    configure_logging(settings.log_level, settings.log_format)
    config = uvicorn.Config(
        "cli.serve_workers:create_worker_app",
        factory=True,
        workers=settings.workers,
        timeout_worker_healthcheck=HEALTH_SECONDS,
        **options,
    )
    with shared_database(settings) as url, metrics_directory() as directory:
        warn_of_few_connections(url, settings)
        listener = config.bind_socket()
        try:
            Workers(config, listener, directory, settings.drain_seconds + CLOSE_SECONDS).run()
        finally:
            listener.close()


class Workers(Multiprocess):
    """uvicorn's supervisor with one socket, a bound on its end, and metrics that know who has died."""

    def __init__(self, config: uvicorn.Config, listener: socket.socket, metrics: Path, stop_seconds: float) -> None:
        super().__init__(config, [listener])
        self._metrics = metrics
        self._stop_seconds = stop_seconds
        self._known: set[int] = set()

    def keep_subprocess_alive(self) -> None:
        """Replace workers that died, and take them out of the gauges."""
        super().keep_subprocess_alive()
        living = {process.pid for process in self.processes if process.pid is not None}
        for pid in self._known - living:
            forget_worker(self._metrics, pid)
        self._known = living

    def terminate_all(self) -> None:
        """Tell every worker to drain. Our own end of the socket goes first, or it would go on taking connections for nobody."""
        for listener in self.sockets:
            listener.close()
        super().terminate_all()

    def join_all(self) -> None:
        """Wait for the workers as long as the settings allow; who is not done then is killed."""
        deadline = time.monotonic() + self._stop_seconds
        for process in self.processes:
            process.process.join(max(0.0, deadline - time.monotonic()))
            if process.process.is_alive():
                _log.error("Worker %s did not stop in time and is killed", process.pid)
                process.process.kill()
                process.process.join()


def create_worker_app() -> object:
    """The application in a worker, which ends when its parent does, however that ends."""
    from app.main import create_app  # noqa: PLC0415 - this module is the parent's too

    parent = multiprocessing.parent_process()
    if parent is not None and parent.pid is not None:
        threading.Thread(target=_watch_parent, args=(parent, parent.pid), name="parent", daemon=True).start()
    return create_app()


def _watch_parent(parent: BaseProcess, pid: int) -> None:
    """End with the parent; say it when the parent stands still (SIGSTOP, a debugger), for then nobody replaces who dies."""
    stopped = False
    while parent.is_alive():
        if stopped != (stopped := is_stopped(pid)):
            if stopped:
                _log.error("The parent process %s is stopped: a worker that dies is not replaced until it goes on", pid)
            else:
                _log.warning("The parent process %s goes on", pid)
        parent.join(PARENT_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)


def is_stopped(pid: int) -> bool:
    """Whether a process was stopped by a signal or a debugger; never where there is no /proc to look it up."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in {"T", "t"}
    except OSError:
        return False


def warn_of_few_connections(url: str, settings: Settings) -> None:
    """Say it when all workers together may want more connections than the server takes; a server that is away is not asked."""
    wanted = settings.workers * (2 * settings.database_pool_size + settings.history_pool_size)
    options = connect_options()
    options["connect_timeout"] = ASK_SECONDS
    try:
        with psycopg.connect(driver_url(url), **options) as connection:
            row = connection.execute(_CONNECTIONS).fetchone()
    except psycopg.OperationalError:
        return
    if row is not None and wanted + SPARE_CONNECTIONS > row[0]:
        _log.warning(
            "%s workers may want %s connections, and Postgres gives %s: have fewer workers, smaller pools"
            " (MEDLEY_DATABASE_POOL_SIZE, MEDLEY_HISTORY_POOL_SIZE), or a larger max_connections",
            settings.workers, wanted, row[0],
        )  # fmt: skip


@contextmanager
def shared_database(settings: Settings) -> Generator[str]:
    """The address of one database for all workers. An embedded one is held and migrated here; they are told its address by the
    environment, which other users of the machine cannot see."""
    changes = {f"MEDLEY_{name.upper()}": str(getattr(settings, name)) for name in ("host", "port", "workers")}
    with database_url(settings) as url:
        if settings.database_url is None:
            with open_sync_engine(url) as engine:
                upgrade(engine)
        with environment(changes | {"MEDLEY_DATABASE_URL": url}):
            yield url


@contextmanager
def metrics_directory() -> Generator[Path]:
    """A private directory where the workers keep what they measure."""
    with (
        tempfile.TemporaryDirectory(prefix="medley-metrics-", ignore_cleanup_errors=True) as directory,
        environment({DIRECTORY_VARIABLE: directory}),
    ):
        yield Path(directory)


@contextmanager
def environment(changes: dict[str, str]) -> Generator[None]:
    """These variables for the processes that are started in the block."""
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
