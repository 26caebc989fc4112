"""A note beside the artifacts of which release was active last, for a worker that starts while the database is away."""

import os
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson
import structlog

NAME = "last-active.json"
_log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class LastRelease:
    """A release and where its artifact is, as the registry had it."""

    release: str
    location: str


def remember_release(directory: Path, last: LastRelease) -> None:
    """Write the note. A directory that cannot be written to is told in the log: it only costs what the note is for."""
    note = directory / NAME
    unfinished = directory / f".{NAME}.{os.getpid()}"
    try:
        if recall_release(directory) != last:
            unfinished.write_bytes(orjson.dumps(asdict(last)))
            unfinished.replace(note)
    except OSError as error:
        _log.warning("last_release.not_remembered", reason=error.strerror)


def recall_release(directory: Path) -> LastRelease | None:
    """What the note says; None where there is none, or none that can be read."""
    try:
        return LastRelease(**orjson.loads((directory / NAME).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
