"""Fetch one file of known content: checked against its sha256, kept for the next time, and never waited for long."""

import hashlib
import os
import queue
import tempfile
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import httpx

from app.errors import Unavailable

CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 60.0
CHUNK_BYTES = 65_536


def sha256_of(path: Path) -> str:
    """The hexadecimal sha256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def has_digest(path: Path, sha256: str) -> bool:
    """Whether the file is there and is the one meant."""
    return path.is_file() and sha256_of(path) == sha256


@contextmanager
def written_atomically(target: Path) -> Generator[Path]:
    """A temporary path beside ``target`` that takes its place when the block ends without an error, and goes otherwise."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def download(
    url: str,
    target: Path,
    *,
    sha256: str,
    max_bytes: int,
    transport: httpx.BaseTransport | None = None,
    connect_seconds: float = CONNECT_SECONDS,
    total_seconds: float = TOTAL_SECONDS,
) -> Path:
    """Have the file at ``target``, from the network unless an earlier download is there and whole.

    Raises Unavailable, within seconds where there is no network, and when what came is not the file meant.
    """
    if has_digest(target, sha256):
        return target
    content = _within_deadlines(
        lambda answered: _fetch(url, max_bytes, transport, connect_seconds, answered),
        url=url,
        connect_seconds=connect_seconds,
        total_seconds=total_seconds,
    )
    if (found := hashlib.sha256(content).hexdigest()) != sha256:
        raise Unavailable(f"{url} is not the file expected: its sha256 is {found}, not {sha256}")
    with written_atomically(target) as temporary:
        temporary.write_bytes(content)
    return target


def _fetch(
    url: str,
    max_bytes: int,
    transport: httpx.BaseTransport | None,
    timeout_seconds: float,
    answered: threading.Event,
) -> bytes:
    # No redirects: nobody but the host named is asked.
    client = httpx.Client(transport=transport, timeout=timeout_seconds, follow_redirects=False)
    with client, client.stream("GET", url) as response:
        answered.set()
        if response.status_code != 200:
            raise Unavailable(f"{url} answered {response.status_code}")
        content = bytearray()
        for chunk in response.iter_bytes(CHUNK_BYTES):
            content += chunk
            if len(content) > max_bytes:
                raise Unavailable(f"{url} is larger than the {max_bytes} bytes expected at most")
        return bytes(content)


def _within_deadlines(
    fetch: Callable[[threading.Event], bytes], *, url: str, connect_seconds: float, total_seconds: float
) -> bytes:
    """Run ``fetch`` in a thread that can be left behind: a name lookup in a closed network hangs past any timeout."""
    answered = threading.Event()
    outcome: queue.SimpleQueue[bytes | Exception] = queue.SimpleQueue()

    def run() -> None:
        try:
            outcome.put(fetch(answered))
        except Exception as error:  # noqa: BLE001 - carried over to the thread that waits, and raised there
            outcome.put(error)
        finally:
            answered.set()

    threading.Thread(target=run, name="download", daemon=True).start()
    if not answered.wait(connect_seconds + 1):
        raise Unavailable(f"{url} did not answer within {connect_seconds + 1:g} s")
    try:
        found = outcome.get(timeout=total_seconds)
    except queue.Empty:
        raise Unavailable(f"{url} did not arrive within {total_seconds:g} s") from None
    if isinstance(found, bytes):
        return found
    if isinstance(found, httpx.HTTPError | OSError):
        raise Unavailable(f"{url} cannot be fetched: {found}") from found
    raise found
