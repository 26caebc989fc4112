"""``medley serve`` as a process of its own, and what the tests ask of it."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[1]
START_SECONDS = 150
COMMAND = [sys.executable, "-c", "from cli.main import main; main()", "serve", "--port", "0"]


@dataclass
class Server:
    """A running server."""

    process: subprocess.Popen[str]
    base: str
    log: Path

    def get(self, path: str, **query: Any) -> httpx.Response:
        """One GET on a connection of its own, so that any worker may answer."""
        return httpx.get(self.base + path, params=query, timeout=20)

    def recommend(self, user: str = "user-000") -> dict[str, Any]:
        """A user's list, which is always there."""
        answer = self.get(f"/v1/users/{user}/recommendations", limit=5)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def rate(self, item: str = "comedy-00", value: float = 4.0, user: str = "user-000") -> httpx.Response:
        """Post one rating."""
        body = {"user_id": user, "item_id": item, "value": value}
        return httpx.post(f"{self.base}/v1/ratings", json=body, timeout=20)

    def metric(self, name: str, *labels: str) -> float:
        """The sum of a metric's samples that carry these labels, each written as ``name="value"``; 0 without any."""
        lines = self.get("/metrics").text.splitlines()
        found = [line for line in lines if re.match(rf"{name}[ {{]", line) and all(label in line for label in labels)]
        return sum(float(line.rpartition(" ")[2]) for line in found)


@contextmanager
def running_server(directory: Path, variables: Mapping[str, str], *options: str) -> Generator[Server]:
    """``medley serve`` with these MEDLEY_ variables; killed at the end if it is still there."""
    log = directory / f"server-{time.monotonic_ns()}.log"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MEDLEY_", "PROMETHEUS_"))}
    environment = inherited | {"MEDLEY_LOG_FORMAT": "json", "PYTHONPATH": str(ROOT)} | dict(variables)
    with (
        log.open("w") as sink,
        subprocess.Popen([*COMMAND, *options], cwd=ROOT, env=environment, stderr=sink, text=True) as process,
    ):
        try:
            yield Server(process, f"http://127.0.0.1:{_port(process, log)}", log)
        finally:
            process.kill()


def _port(process: subprocess.Popen[str], log: Path) -> int:
    def port() -> int:
        assert process.poll() is None, log.read_text()
        found = re.search(r"running on http://127\.0\.0\.1:(\d+)", log.read_text())
        return int(found.group(1)) if found else 0

    return eventually(port, START_SECONDS)


def eventually(look: Callable[[], Any], seconds: float = 60) -> Any:
    """What ``look`` gives as soon as it is true; it may raise before."""
    deadline = time.monotonic() + seconds
    last: object = None
    while time.monotonic() < deadline:
        try:
            found = look()
        except (httpx.TransportError, OSError) as error:
            last = error
        else:
            if found:
                return found
            last = found
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {last!r}")


def children(pid: int) -> list[int]:
    """The children of a process."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        found += [int(each) for each in task.read_text().split()]
    return found


def is_running(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
