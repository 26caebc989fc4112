"""The processes that are measured: started, watched and ended by their ids."""

import http.client
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from app.errors import MedleyError

MEDLEY = (sys.executable, "-c", "from cli.main import main; main()")
START_SECONDS = 60
STOP_SECONDS = 30
COMMAND_SECONDS = 1_800
POLL_SECONDS = 0.01


class MeasurementFailed(MedleyError):
    """What was to be measured did not work, so that there is no figure."""

    code = "measurement_failed"


@dataclass(frozen=True, slots=True)
class Run:
    """A command that has ended well: how long it took, and the most memory it had resident at any time."""

    seconds: float
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers on 127.0.0.1."""

    port: int
    pid: int


def run_command(command: Sequence[str], environment: Mapping[str, str], log: Path) -> Run:
    """Run a command to its end, output to ``log``. Raises MeasurementFailed when it fails or takes half an hour."""
    began = time.perf_counter()
    with log.open("ab") as output, _started(command, environment, output.fileno()) as process:
        peak = 0
        while process.poll() is None:
            # The kernel's own high-water mark, which only ever grows: nothing but the last instant can be missed. The mark
            # that wait4 reports would begin with that of the process which started this one.
            peak = max(peak, _memory_of(process.pid, "status", ("VmHWM",)))
            if time.perf_counter() - began > COMMAND_SECONDS:
                raise MeasurementFailed(f"{_name(command)} has not ended after {COMMAND_SECONDS} s")
            time.sleep(POLL_SECONDS)
        seconds = time.perf_counter() - began
    if process.returncode != 0:
        raise MeasurementFailed(f"{_name(command)} ended with {process.returncode}: {_last_lines(log)}")
    return Run(seconds, peak)


@contextmanager
def run_server(
    command: Sequence[str], environment: Mapping[str, str], log: Path, *, ready_path: str
) -> Generator[Server]:
    """A server on a free port, told to it as MEDLEY_PORT, from when ``ready_path`` answers 200 until the block ends."""
    port = free_port()
    with (
        log.open("ab") as output,
        _started(command, {**environment, "MEDLEY_PORT": str(port)}, output.fileno()) as process,
    ):
        deadline = time.monotonic() + START_SECONDS
        while not _answers(port, ready_path):
            if process.poll() is not None or time.monotonic() > deadline:
                raise MeasurementFailed(f"{_name(command)} does not answer: {_last_lines(log)}")
            time.sleep(0.05)
        yield Server(port, process.pid)
        if process.poll() is not None:
            raise MeasurementFailed(f"{_name(command)} ended while it was measured: {_last_lines(log)}")


def private_bytes(pid: int) -> int:
    """What would be free again without this process: its pages that no other process shares."""
    return _memory_of(pid, "smaps_rollup", ("Private_Clean", "Private_Dirty"))


def processor_seconds(pids: Iterable[int]) -> float:
    """The processor time that these processes have used so far; those that are not here count as nothing."""
    ticks = 0
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):
            # Behind the name in parentheses, which may hold anything, come state and so on; the 12th and 13th are times.
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _started(command: Sequence[str], environment: Mapping[str, str], output: int) -> Generator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command, env=dict(environment), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _memory_of(pid: int, table: str, names: Sequence[str]) -> int:
    """The sum of these lines of a table under /proc, in bytes; 0 for a process that has ended."""
    try:
        text = Path(f"/proc/{pid}/{table}").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(re.findall(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)[0]) * 1024 for name in names if name in text)


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _name(command: Sequence[str]) -> str:
    return (
        f"medley {' '.join(command[len(MEDLEY) :])}" if tuple(command[: len(MEDLEY)]) == MEDLEY else " ".join(command)
    )


def _last_lines(log: Path) -> str:
    return " / ".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-3:]) or "it printed nothing"
