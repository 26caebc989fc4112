"""Where the demo's data comes from, with a made-up network and made-up pips."""

import hashlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from app.errors import Unavailable
from training.importers import demo_data, recbole_wheel
from training.importers.archive import open_archive
from training.importers.demo_data import GENERATED_NOTICE, LATEST_NOTICE, RECBOLE_NOTICE, find_demo_data
from training.importers.downloads import download
from training.importers.generated import generate_catalogue
from training.importers.movielens_layouts import detect_layout
from training.importers.recbole_wheel import find_pips

CONTENT = b"what GroupLens would send"
DIGEST = hashlib.sha256(CONTENT).hexdigest()
WHEEL_CONTENT = b"what the registry would send"
URL = "https://data.example/file.zip"


@pytest.fixture(autouse=True)
def _digests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_data, "MOVIELENS_SHA256", DIGEST)
    monkeypatch.setattr(recbole_wheel, "SHA256", hashlib.sha256(WHEEL_CONTENT).hexdigest())


class Network:
    """A transport that answers every request alike, and remembers whom it was asked for."""

    def __init__(self, answer: Callable[[], httpx.Response]) -> None:
        self.asked: list[str] = []
        self.answer = answer
        self.transport = httpx.MockTransport(self._handle)

    def _handle(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(str(request.url))
        return self.answer()


def closed() -> httpx.Response:
    raise httpx.ConnectError("no route to host")


def sending(content: bytes, status: int = 200) -> Callable[[], httpx.Response]:
    return lambda: httpx.Response(status, content=content)


def fake_pip(folder: Path, content: bytes) -> list[str]:
    """A program that takes pip's arguments, notes them, and brings ``content`` as the wheel."""
    (folder / "content").write_bytes(content)
    program = folder / "fake_pip.py"
    program.write_text(
        "import pathlib, sys\n"
        "here = pathlib.Path(__file__).parent\n"
        "(here / 'asked').write_text(' '.join(sys.argv[1:]))\n"
        "target = pathlib.Path(next(a for a in sys.argv if a.startswith('--dest=')).removeprefix('--dest='))\n"
        f"(target / {recbole_wheel.WHEEL!r}).write_bytes((here / 'content').read_bytes())\n"
    )
    return [sys.executable, str(program)]


FAILING_PIP = [sys.executable, "-c", "import sys; print('no matching distribution', file=sys.stderr); sys.exit(1)"]


def find(
    folder: Path, network: Network, *pips: list[str], given: Path | None = None
) -> tuple[demo_data.DemoData, list[str]]:
    said: list[str] = []
    return find_demo_data(folder, given, say=said.append, transport=network.transport, pips=pips), said


def test_a_given_path_is_taken_and_nobody_is_asked(tmp_path: Path) -> None:
    network = Network(closed)
    found, said = find(tmp_path, network, given=tmp_path / "mine.zip")
    assert found.path == tmp_path / "mine.zip"
    assert "ratings" in found.notice
    assert network.asked == said == []


def test_movielens_comes_first_and_is_kept(tmp_path: Path) -> None:
    network = Network(sending(CONTENT))
    found, _ = find(tmp_path, network)
    assert (found.notice, found.path.read_bytes()) == (LATEST_NOTICE, CONTENT)
    again, _ = find(tmp_path, Network(closed))
    assert again == found
    assert network.asked == [demo_data.MOVIELENS_URL]


def test_a_kept_file_that_was_changed_is_fetched_again(tmp_path: Path) -> None:
    found, _ = find(tmp_path, Network(sending(CONTENT)))
    found.path.write_bytes(b"damaged")
    find(tmp_path, Network(sending(CONTENT)))
    assert found.path.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (closed, "no route to host"),
        (sending(b"something else"), "is not the file expected: its sha256 is"),
        (sending(CONTENT, 404), "answered 404"),
        (lambda: httpx.Response(302, headers={"location": "https://elsewhere.example/"}), "answered 302"),
    ],
)
def test_without_movielens_the_wheel_is_taken(
    tmp_path: Path, answer: Callable[[], httpx.Response], reason: str
) -> None:
    network = Network(answer)
    found, said = find(tmp_path / "downloads", network, FAILING_PIP, fake_pip(tmp_path, WHEEL_CONTENT))
    assert (found.notice, found.path.read_bytes()) == (RECBOLE_NOTICE, WHEEL_CONTENT)
    assert any(reason in line for line in said)
    assert network.asked == [demo_data.MOVIELENS_URL]
    asked = (tmp_path / "asked").read_text()
    assert asked.startswith("download recbole==1.2.1 --no-deps --only-binary=:all:")
    assert sorted(path.name for path in (tmp_path / "downloads").iterdir()) == [recbole_wheel.WHEEL]


def test_the_wheel_is_kept(tmp_path: Path) -> None:
    first, _ = find(tmp_path / "downloads", Network(closed), fake_pip(tmp_path, WHEEL_CONTENT))
    again, _ = find(tmp_path / "downloads", Network(closed))
    assert first == again


@pytest.mark.parametrize("pip", ["failing", "foreign", "missing", "none"])
def test_with_nothing_within_reach_a_catalogue_is_made_up_and_called_so(tmp_path: Path, pip: str) -> None:
    pips = {
        "failing": [FAILING_PIP],
        "foreign": [fake_pip(tmp_path, b"another wheel")],
        "missing": [[str(tmp_path / "no-such-pip")]],
        "none": [],
    }
    found, said = find(tmp_path / "downloads", Network(closed), *pips[pip])
    assert found.notice == GENERATED_NOTICE
    assert sum("not to be had" in line for line in said) == 2
    assert detect_layout(open_archive(found.path)).layout.ratings == "ratings.csv"


def test_every_notice_is_one_line_about_ratings() -> None:
    for notice in (LATEST_NOTICE, RECBOLE_NOTICE, GENERATED_NOTICE):
        assert "ratings" in notice
        assert "\n" not in notice


def test_the_made_up_catalogue_is_always_the_same(tmp_path: Path) -> None:
    one, other = generate_catalogue(tmp_path / "one"), generate_catalogue(tmp_path / "other")
    for name in ("movies.csv", "ratings.csv"):
        assert (one / name).read_bytes() == (other / name).read_bytes()
    assert len((one / "movies.csv").read_text().splitlines()) > 300


def test_a_network_that_never_answers_is_left_in_time(tmp_path: Path) -> None:
    release = threading.Event()

    def hang() -> httpx.Response:
        release.wait(20)
        return httpx.Response(200)

    began = time.monotonic()
    with pytest.raises(Unavailable, match="did not answer within"):
        download(
            URL, tmp_path / "f", sha256=DIGEST, max_bytes=99, transport=Network(hang).transport, connect_seconds=0.2
        )
    release.set()
    assert time.monotonic() - began < 5
    assert list(tmp_path.iterdir()) == []


def test_more_than_was_expected_is_not_read_to_its_end(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="larger than the 10 bytes"):
        download(URL, tmp_path / "f", sha256=DIGEST, max_bytes=10, transport=Network(sending(CONTENT)).transport)
    assert list(tmp_path.iterdir()) == []


def test_the_pips_that_are_found_are_pips() -> None:
    versions = [
        subprocess.run([*pip, "--version"], capture_output=True, text=True, timeout=60, check=True).stdout
        for pip in find_pips()
        if pip[0] == sys.executable
    ]
    assert versions
    assert all(version.startswith("pip ") for version in versions)
