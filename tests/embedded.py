"""Processes that use the embedded Postgres, and what the tests look up of it."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg

from app.postgres import embedded_postgres, server_home

ROOT = Path(__file__).parents[1]


PATIENCE = 30


USER = """
import signal, sys
from pathlib import Path
# A test run in the background of a shell inherits an ignored SIGINT.
signal.signal(signal.SIGINT, signal.default_int_handler)
from app.postgres import embedded_postgres
with embedded_postgres(Path(sys.argv[1])) as url:
    try:
        print(url, flush=True)
        sys.stdin.read()
    except KeyboardInterrupt:
        import psycopg, time
        time.sleep(0.5)
        with psycopg.connect(url) as connection:
            print(connection.execute("SELECT 'drained'").fetchone()[0], flush=True)
"""


class User:
    """A process that uses the server until its standard input is closed."""

    def __init__(self, data_dir: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", USER, str(data_dir)], cwd=ROOT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip

    def url(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        assert line.startswith("postgresql://"), line
        return line

    def leave(self) -> None:
        self.process.communicate(timeout=PATIENCE)
        assert self.process.returncode == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=PATIENCE)


def eventually(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


def processes_of(data_dir: Path) -> dict[str, psutil.Process]:
    """The supervisor and the postmaster of a directory, those that run."""
    cluster, found = str(server_home(data_dir) / "cluster"), {}
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            words = process.cmdline()
            if len(words) > 4 and words[3].endswith("supervisor.py") and f'"{cluster}"' in words[4]:
                found["supervisor"] = process
            elif words[1:3] == ["-D", cluster]:
                found["postmaster"] = process
    return found


def kill_supervisor(data_dir: Path) -> psutil.Process:
    """Kill the supervisor with SIGKILL; gives the postmaster that it had."""
    running = processes_of(data_dir)
    running["supervisor"].kill()
    return running["postmaster"]


def answers_from_another(data_dir: Path, killed: psutil.Process, url: str) -> bool:
    """Whether the address is served by another postmaster than the one killed."""
    running = processes_of(data_dir)
    return "postmaster" in running and running["postmaster"].pid != killed.pid and answers(url)


def run(url: str, statement: str) -> object:
    with psycopg.connect(url, connect_timeout=5) as connection:
        row = connection.execute(statement).fetchone()  # pyright: ignore[reportArgumentType, reportCallIssue] - a constant
    return row and row[0]


def answers(url: str) -> bool:
    try:
        return run(url, "SELECT 1") == 1
    except psycopg.OperationalError:
        return False


def note(url: str, word: str) -> None:
    """Write a row and have it acknowledged."""
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS notes (word text)")
        connection.execute("TRUNCATE notes")
        connection.execute("INSERT INTO notes VALUES (%s)", [word])


def pid_file(data_dir: Path) -> Path:
    return server_home(data_dir) / "cluster" / "postmaster.pid"


def server_program(data_dir: Path) -> Path:
    """The server as it is run for a directory: a copy when we are root."""
    with embedded_postgres(data_dir):
        return Path(processes_of(data_dir)["postmaster"].exe())


def as_owner(owner: os.stat_result) -> dict[str, object]:
    """Arguments that run a program as the owner of a file, which is not us when we are root."""
    return {} if os.geteuid() == owner.st_uid else {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
