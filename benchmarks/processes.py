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
START_SECONDS = 180
STOP_SECONDS = 30
COMMAND_SECONDS = 1_800
POLL_SECONDS = 0.01
_MAPPING = re.compile(r"[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \d+ *(.*)$")


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
    """A server that answers on 127.0.0.1, to those who have the key if there is one."""

    port: int
    pid: int
    key: str = ""

    @property
    def workers(self) -> list[int]:
        """The processes that answer: those that the started one has spawned, or itself."""
        return spawned_by(self.pid) or [self.pid]

    def serving(self, release: str) -> int:
        """How many workers serve a release, as they say themselves; 0 where nobody answers."""
        text = _get(self.port, "/metrics", self.key) or ""
        found = re.search(rf'^medley_release_workers\{{release="{re.escape(release)}"\}} (\S+)$', text, re.MULTILINE)
        return int(float(found.group(1))) if found else 0


@dataclass(frozen=True, slots=True)
class MemoryMapping:
    """A file, or "" for none, that a process has mapped: its part of the resident bytes, and those that nobody shares."""

    path: str
    part: int
    private: int


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
        while _get(port, ready_path) is None:
            if process.poll() is not None or time.monotonic() > deadline:
                raise MeasurementFailed(f"{_name(command)} does not answer: {_last_lines(log)}")
            time.sleep(0.05)
        yield Server(port, process.pid)
        if process.poll() is not None:
            raise MeasurementFailed(f"{_name(command)} ended while it was measured: {_last_lines(log)}")


def mappings_of(pid: int) -> list[MemoryMapping]:
    """Everything that a process has mapped."""
    found: list[MemoryMapping] = []
    path, part, private = "", 0, 0
    for line in Path(f"/proc/{pid}/smaps").read_text(encoding="utf-8", errors="replace").splitlines():
        if head := _MAPPING.match(line):
            path, part, private = head.group(1), 0, 0
        elif line.startswith("Pss:"):
            part = _bytes_in(line)
        elif line.startswith(("Private_Clean:", "Private_Dirty:")):
            private += _bytes_in(line)
        elif line.startswith("VmFlags:"):  # the last line of each
            found.append(MemoryMapping(path, part, private))
    return found


def spawned_by(pid: int) -> list[int]:
    """The living interpreters that multiprocessing has started for a process, without its resource tracker."""
    children: list[int] = []
    for table in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            children += [int(child) for child in table.read_text(encoding="ascii").split()]
    return sorted(child for child in children if is_running(child) and _is_spawned(child))


def is_running(pid: int) -> bool:
    """Whether there is such a process that has not ended."""
    fields = _stat(pid)
    return bool(fields) and fields[0] != "Z"


def parent_of(pid: int) -> int | None:
    """The process that started this one; None where there is none of this id."""
    fields = _stat(pid)
    return int(fields[1]) if fields else None


def processor_seconds(pids: Iterable[int]) -> float:
    """The processor time that these processes have used so far; those that are not here count as nothing."""
    ticks = 0
    for pid in pids:
        if fields := _stat(pid):
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


def _stat(pid: int) -> list[str]:
    """State, parent, and so on of a process, times 12th and 13th; empty for one that is not there."""
    try:
        # They come behind the name in parentheses, which may hold anything.
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def _is_spawned(pid: int) -> bool:
    try:
        return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _bytes_in(line: str) -> int:
    return int(line.split()[1]) * 1024


def _get(port: int, path: str, key: str = "") -> str | None:
    """The body of an answer with 200; None for any other, and where nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {key}"} if key else {})
        response = connection.getresponse()
        body = response.read().decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return None
    else:
        return body if response.status == 200 else None
    finally:
        connection.close()


def _name(command: Sequence[str]) -> str:
    return (
        f"medley {' '.join(command[len(MEDLEY) :])}" if tuple(command[: len(MEDLEY)]) == MEDLEY else " ".join(command)
    )


def _last_lines(log: Path) -> str:
    return " / ".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-3:]) or "it printed nothing"
