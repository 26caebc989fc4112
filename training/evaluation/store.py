"""What evaluations make, kept on disk by the content of what it was made from, so that nothing is made twice.

An entry is an artifact (no pickle). Its name is the digest of all that it depends on: its kind, data, parameters, code and
libraries.
"""

import contextlib
import hashlib
import importlib.metadata
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

import app.engine
import app.services
import training
from app.engine.arrays import AnyArray
from app.engine.artifact import UNFINISHED, Manifest, open_artifact, write_artifact
from app.errors import ArtifactRejected
from training.data import Feedback, ItemRecord, Snapshot
from training.manifest import LIBRARIES

MOST_BYTES = 8 * 2**30
"""How much the entries may take together; those that were not used for longest go first."""

ABANDONED_SECONDS = 86_400
"""An entry that has been unfinished for so long will never be finished."""

Key = Mapping[str, Any]
"""A JSON document of parameters and of digests of data."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Arrays by name, and a JSON document of what else there is to say."""

    arrays: Mapping[str, AnyArray]
    document: Mapping[str, Any] = field(default_factory=dict[str, Any])


class Store:
    """The entries under a directory; with None nothing is kept."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._made_with = [digest_of_code(), *(importlib.metadata.version(name) for name in LIBRARIES)]

    def get(self, kind: str, key: Key, make: Callable[[], Entry]) -> Entry:
        """The entry that was made before for this key, or what ``make`` makes now."""
        if self._directory is None:
            return make()
        named = json.dumps([kind, self._made_with, key], sort_keys=True)
        name = f"{kind}-{hashlib.sha256(named.encode()).hexdigest()[:32]}"
        found = _read(self._directory / name)
        if found is None:
            found = make()
            _write(self._directory, name, found)
            make_room(self._directory, MOST_BYTES)
        return found


def digest(*parts: AnyArray | None) -> str:
    """A digest of arrays: their types, shapes and bytes."""
    found = hashlib.sha256()
    for array in parts:
        found.update(b"none" if array is None else f"{array.dtype}{array.shape}".encode())
        found.update(b"" if array is None else np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def digest_of_feedback(feedback: Feedback) -> str:
    """A digest of all entries."""
    numbers = np.array([feedback.n_users])
    return digest(numbers, feedback.users, feedback.items, feedback.values, feedback.times, feedback.choices)


def digest_of_items(items: Sequence[ItemRecord]) -> str:
    """A digest of what the items say of themselves, in their order."""
    return _digest_of(repr((item.id, item.description, item.votes, item.vote_mean)).encode() for item in items)


def digest_of_snapshot(snapshot: Snapshot) -> str:
    """A digest of all but the feedback: of the items, and of who shares an attribute."""
    groups = snapshot.groups
    members = digest(groups.users, groups.groups)
    return _digest_of([digest_of_items(snapshot.items).encode(), members.encode(), *groups.names])


def digest_of_code() -> str:
    """A digest of the modules that read, fit, learn and score, and of the rules they take from the services: a change in one of
    them makes every entry stale."""
    folders = sorted(Path(folder) for package in (app.engine, app.services, training) for folder in package.__path__)
    files = (path for folder in folders for path in sorted(folder.rglob("*.py")))
    return _digest_of(part for path in files for part in (path.name.encode(), path.read_bytes()))


def _digest_of(parts: Iterable[bytes]) -> str:
    found = hashlib.sha256()
    for part in parts:
        found.update(len(part).to_bytes(8) + part)
    return found.hexdigest()


def make_room(directory: Path, most_bytes: int) -> None:
    """Remove the entries that were not used for longest until the others take no more than ``most_bytes``, and what writers who
    were killed have left."""
    folders = [path for path in directory.iterdir() if path.is_dir()]
    for left_behind in folders:
        if left_behind.name.startswith(UNFINISHED) and left_behind.stat().st_mtime < time.time() - ABANDONED_SECONDS:
            shutil.rmtree(left_behind, ignore_errors=True)
    entries = [path for path in folders if not path.name.startswith(UNFINISHED)]
    left = most_bytes
    for entry in sorted(entries, key=lambda path: path.stat().st_mtime, reverse=True):
        left -= sum(file.stat().st_size for file in entry.iterdir())
        if left < 0:
            shutil.rmtree(entry, ignore_errors=True)


def _read(directory: Path) -> Entry | None:
    """The entry, used just now; None where there is none, or a damaged one, which is removed."""
    try:
        artifact = open_artifact(directory)
        os.utime(directory)
    except (ArtifactRejected, OSError):
        shutil.rmtree(directory, ignore_errors=True)
        return None
    return Entry(artifact.arrays, artifact.manifest.configuration)


def _write(directory: Path, name: str, entry: Entry) -> None:
    manifest = Manifest(
        release=name,
        created_at=datetime.now(UTC).isoformat(),
        data_from=None,
        data_until=None,
        catalogue_seen="0",
        counts={},
        configuration=entry.document,
        parameters={},
        metrics={},
        libraries={},
    )
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=directory) as mine:
        made = write_artifact(Path(mine), manifest, entry.arrays)
        with contextlib.suppress(OSError):  # another process was there first, with the same
            made.rename(directory / name)
