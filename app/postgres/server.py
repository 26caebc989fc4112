"""The side of those who use the server: hold the lock, start what is not running, bring back what was killed."""

import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from app.errors import ConfigurationError, Unavailable
from app.postgres import supervisor
from app.postgres.binaries import environment, program
from app.postgres.cluster import DATABASE, ROLE, Place, find_place, prepare_cluster
from app.postgres.locks import lock_shared, open_lock, try_lock, unlock

START_SECONDS = 120  # a start after a crash may have a gigabyte of log to replay
STOP_SECONDS = 75  # longer than the supervisor waits for the server's checkpoint
WATCH_SECONDS = 0.5
RETRY_SECONDS = 2.0
COMPLAIN_SECONDS = 30.0

_log = logging.getLogger("medley.postgres")


@contextmanager
def use_server(data_dir: Path, say: Callable[[str], None]) -> Generator[str]:
    """Be one of the users of the server of ``data_dir``; gives its URL, which a replaced server keeps."""
    place = find_place(data_dir, say)
    users = open_lock(place.users_lock)
    left = threading.Event()
    watch: threading.Thread | None = None
    try:
        deadline = time.monotonic() + START_SECONDS
        if not lock_shared(users, deadline):
            raise Unavailable(f"the Postgres in {place.home} has been stopping for {START_SECONDS} s; see {place.log}")
        url = _ensure_running(place, deadline, say)
        watch = threading.Thread(target=_keep_running, args=(place, url, left), name="embedded-postgres", daemon=True)
        watch.start()
        yield url
    finally:
        left.set()
        # Before the watch has ended: a supervisor that it may be starting sees that nobody is left, and gives up.
        os.close(users)
        if watch is not None:
            watch.join(STOP_SECONDS)
        _wait_for_end(place)


def _ensure_running(place: Place, deadline: float, say: Callable[[str], None]) -> str:
    """The URL of a server that has just answered, started by us unless another process did or does."""
    reason = "it did not start"
    while time.monotonic() < deadline:
        _start_unless_supervised(place, deadline, say)
        if url := _recorded_url(place):
            try:
                psycopg.connect(url, connect_timeout=2).close()
            except psycopg.OperationalError as error:
                reason = str(error).strip()
            else:
                return url
        time.sleep(0.02)
    raise Unavailable(f"the Postgres in {place.home} does not answer: {reason}; see {place.log}")


def _keep_running(place: Place, url: str, left: threading.Event) -> None:
    """Bring the server back when its supervisor was killed, until the user has left.

    Every user watches; the lock lets one of them act. What goes wrong is logged, and tried again.
    """
    pause, quiet_until = WATCH_SECONDS, 0.0
    while not left.wait(pause):
        try:
            _bring_back(place, url)
        except Exception as error:  # noqa: BLE001 - a thread has nobody to raise to
            pause = RETRY_SECONDS
            if not left.is_set() and time.monotonic() >= quiet_until:
                _log.error("The private Postgres is lost to its users, and tried again: %s", error)
                quiet_until = time.monotonic() + COMPLAIN_SECONDS
        else:
            pause, quiet_until = WATCH_SECONDS, 0.0


def _bring_back(place: Place, url: str) -> None:
    """Start a server that nobody supervises under the address that its users know; raise when it has another."""
    if not place.cluster.exists():  # to make a new one, which is empty, is not to bring it back
        raise Unavailable(f"the database in {place.home} is gone")
    port = int(url.rpartition(":")[2].partition("/")[0])
    _start_unless_supervised(place, time.monotonic() + START_SECONDS, _log.warning, port)
    if _recorded_url(place) not in {None, url}:
        raise Unavailable(f"the Postgres in {place.home} has another address now: start this process again")


def _start_unless_supervised(
    place: Place, deadline: float, say: Callable[[str], None], port: int | None = None
) -> None:
    """Start the server, on ``port`` or not at all if that is given, unless somebody keeps it running or starts it."""
    lock = open_lock(place.server_lock)
    try:
        if try_lock(lock, shared=False):
            _start(place, lock, deadline, say, port)
    finally:
        os.close(lock)


def _start(place: Place, lock: int, deadline: float, say: Callable[[str], None], port: int | None) -> None:
    """Prepare the cluster and start the supervisor, which takes the locked descriptor over."""
    try:
        prepare_cluster(place, say)
    except OSError as error:
        raise ConfigurationError(f"the embedded Postgres cannot be made in {place.home}: {error}") from error
    say(f"Starting the private Postgres in {place.home}" + (", as user nobody." if place.account else "."))
    plan = {
        "postgres": str(program(place.tree, "postgres")),
        "home": str(place.home),
        "cluster": str(place.cluster),
        "environment": environment(),
        "uid": place.account and place.account.uid,
        "gid": place.account and place.account.gid,
        "port": port,
    }
    command = [sys.executable, "-I", "-S", supervisor.__file__, json.dumps(plan)]
    with os.fdopen(os.open(place.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb") as log:
        try:
            started = subprocess.run(  # noqa: S603 - this interpreter, with a program and arguments of ours
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", check=False,
                pass_fds=(lock,), start_new_session=True, timeout=max(1.0, deadline - time.monotonic()),
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise Unavailable(
                f"the Postgres in {place.home} is not ready after {START_SECONDS} s; see {place.log}"
            ) from error
    if started.returncode != 0:
        lines = place.log.read_text(errors="replace").splitlines()[-4:]
        raise ConfigurationError(f"Postgres cannot be started in {place.home}: {' / '.join(lines)}")


def _recorded_url(place: Place) -> str | None:
    """The URL of the server that the pid file calls ready, whether or not it is still there."""
    lines = supervisor.pid_file_lines(place.cluster)
    if len(lines) < 8 or lines[7].strip() != "ready":
        return None
    return f"postgresql://{ROLE}:{place.password_file.read_text()}@127.0.0.1:{int(lines[3])}/{DATABASE}"


def _wait_for_end(place: Place) -> None:
    """Return when the server has stopped or others use it, so that the last one out leaves nothing running."""
    users, server = open_lock(place.users_lock), open_lock(place.server_lock)
    try:
        deadline = time.monotonic() + STOP_SECONDS
        while not try_lock(server, shared=False) and time.monotonic() < deadline:
            if try_lock(users, shared=False):
                unlock(users)  # nobody is left, and the supervisor is about to see it
            elif try_lock(users, shared=True):
                unlock(users)
                return  # others use it
            time.sleep(0.03)
    finally:
        os.close(users)
        os.close(server)
