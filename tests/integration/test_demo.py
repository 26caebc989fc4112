"""The demo as a process: made once, quick the second time, and stopped in every way there is."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from workers import children_of, is_alive

from app.postgres import server_home
from training.importers.generated import generate_catalogue

COMMAND = [sys.executable, "-c", "from cli.main import main; main()", "demo"]
READY_WITHIN_SECONDS = 120


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def data_dir(tmp_path: Path) -> Generator[Path]:
    """A directory for everything the demo makes; as root its database lies elsewhere and is removed too."""
    yield tmp_path / "home"
    shutil.rmtree(server_home(tmp_path / "home"), ignore_errors=True)


class Demo:
    """A running demo in a process group of its own, as make or a terminal would have it, and what it printed."""

    def __init__(self, data_dir: Path, data: Path, port: int) -> None:
        settings = {
            "MEDLEY_DATA_DIR": str(data_dir),
            "MEDLEY_DEMO_DATA": str(data),
            "MEDLEY_PORT": str(port),
            "CI": "true",
        }
        self.port = port
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            COMMAND, env=os.environ | settings, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, start_new_session=True,
        )  # fmt: skip
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            self.lines.extend(stream)

    @property
    def output(self) -> str:
        return "".join(self.lines)

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_WITHIN_SECONDS
        while "/similar?limit=5" not in self.output:
            assert self.process.poll() is None, self.output
            assert time.monotonic() < deadline, self.output
            time.sleep(0.05)

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as response:
            return json.load(response)

    def post(self, path: str) -> Any:
        asked = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method="POST")
        with urllib.request.urlopen(asked, timeout=10) as response:  # noqa: S310 - our own server
            return json.load(response)

    def stop(self, number: int) -> int:
        os.killpg(self.process.pid, number)
        code = self.process.wait(30)
        self.reader.join(10)
        return code


@contextmanager
def running(data_dir: Path, data: Path, port: int) -> Generator[Demo]:
    demo = Demo(data_dir, data, port)
    try:
        yield demo
    finally:
        if demo.process.poll() is None:
            demo.stop(signal.SIGKILL)


def processes_of(data_dir: Path) -> list[str]:
    """The command lines of the database server of ``data_dir`` that is running."""
    home = str(server_home(data_dir))
    found: list[str] = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = place.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if home in line:
            found.append(line)
    return found


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes that are left in /proc")
def test_the_demo_is_made_once_and_survives_every_way_of_stopping(tmp_path: Path, data_dir: Path, port: int) -> None:
    data = generate_catalogue(tmp_path / "data")
    with running(data_dir, data, port) as demo:
        demo.wait_until_ready()
        assert len(demo.get("/v1/users/me/recommendations?limit=5")["items"]) == 5
        assert demo.stop(signal.SIGINT) == 0
        assert "Stopped." in demo.output
        assert next(line for line in demo.output.splitlines() if "ratings" in line).startswith("Data: ")
        assert "\x1b" not in demo.output
        assert "Traceback" not in demo.output
    assert processes_of(data_dir) == []

    with running(data_dir, data, port) as demo:
        demo.wait_until_ready()
        assert "are there from before" in demo.output
        assert "Trained on" not in demo.output
        run = demo.post("/v1/training-runs")
        deadline = time.monotonic() + READY_WITHIN_SECONDS
        while demo.get(f"/v1/training-runs/{run['id']}")["state"] != "succeeded":
            assert time.monotonic() < deadline, demo.output
            time.sleep(0.2)
        children = children_of(demo.process.pid)
        assert children
        demo.stop(signal.SIGKILL)
        while any(is_alive(child) for child in children):
            assert time.monotonic() < deadline, children
            time.sleep(0.05)

    with running(data_dir, data, port) as demo:
        demo.wait_until_ready()
        assert demo.stop(signal.SIGTERM) == 0
    assert processes_of(data_dir) == []


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes that are left in /proc")
def test_a_demo_stopped_before_it_serves_leaves_nothing_running(tmp_path: Path, data_dir: Path, port: int) -> None:
    data = generate_catalogue(tmp_path / "data")
    with running(data_dir, data, port) as demo:
        deadline = time.monotonic() + 60
        while "Data: " not in demo.output:
            assert time.monotonic() < deadline, demo.output
            time.sleep(0.02)
        assert demo.stop(signal.SIGTERM) == 128 + signal.SIGTERM
        assert "Traceback" not in demo.output
    assert processes_of(data_dir) == []


def test_a_port_that_is_taken_is_told_before_anything_is_made(tmp_path: Path, data_dir: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with running(data_dir, tmp_path, taken.getsockname()[1]) as demo:
            assert demo.process.wait(30) == 1
            demo.reader.join(10)
    assert demo.output.startswith("medley: cannot listen on 127.0.0.1:")
    assert len(demo.output.splitlines()) == 1
    assert not data_dir.exists()
