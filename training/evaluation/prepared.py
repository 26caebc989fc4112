"""Fitted parts by the content of what they were fitted on, kept on disk so that nothing is fitted twice.

An entry is an artifact (no pickle) whose name is the digest of everything it depends on: the data, the parameters and the code.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

import app.engine
import training
from app.engine.arrays import AnyArray
from app.engine.artifact import UNFINISHED, Artifact, Manifest, open_artifact, write_artifact
from app.engine.assembly import read_configuration
from app.engine.engine import Engine
from app.errors import ArtifactRejected
from training.blend import HISTORY_SIZES
from training.data import Feedback, ItemRecord
from training.evaluation.rankers import BLEND, Weights
from training.evaluation.resources import Resources
from training.evaluation.summary import Catalogue
from training.fit import Fit

MOST_BYTES = 8 * 2**30
"""How much the entries may take together; the oldest go first."""

_WEIGHTS = "evaluation.weights."


@dataclass(frozen=True, slots=True)
class Prepared:
    """A fit, the weights that were learned for it, and what both together cost."""

    fit: Fit
    weights: Weights
    resources: Resources

    def serving_engine(self) -> Engine:
        """The engine with the blend that was learned."""
        return self.fit.with_blend(HISTORY_SIZES, self.weights[BLEND]).engine()

    @property
    def catalogue(self) -> Catalogue:
        """What the metrics of lists need to know, where every row can be recommended."""
        vectors, counts = self.fit.arrays["content.vectors"], self.fit.arrays["popularity.counts"]
        return Catalogue(vectors.astype(np.float32), counts.astype(np.int64), len(counts))


class PreparedParts:
    """The entries under a directory; with None nothing is kept."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._code = digest_of_code()

    def get(self, key: Mapping[str, Any], make: Callable[[], Prepared]) -> Prepared:
        """What was made before for this key, or what ``make`` makes now. The key is a JSON document with digests of arrays."""
        if self._directory is None:
            return make()
        name = hashlib.sha256(json.dumps([self._code, key], sort_keys=True).encode()).hexdigest()[:32]
        try:
            return _read(open_artifact(self._directory / name))
        except ArtifactRejected:
            shutil.rmtree(self._directory / name, ignore_errors=True)
        prepared = make()
        _write(self._directory, name, prepared)
        make_room(self._directory, MOST_BYTES)
        return prepared


def digest(*parts: AnyArray | None) -> str:
    """A digest of arrays: their types, shapes and bytes."""
    found = hashlib.sha256()
    for array in parts:
        found.update(b"none" if array is None else f"{array.dtype}{array.shape}".encode())
        found.update(b"" if array is None else np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def digest_of_feedback(feedback: Feedback) -> str:
    """A digest of all entries."""
    return digest(feedback.users, feedback.items, feedback.values, feedback.times, feedback.choices)


def digest_of_items(items: Sequence[ItemRecord]) -> str:
    """A digest of what the items say of themselves, in their order."""
    found = hashlib.sha256()
    for item in items:
        found.update(repr((item.id, item.description, item.votes, item.vote_mean)).encode())
    return found.hexdigest()


def digest_of_code() -> str:
    """A digest of the modules that fit, learn and score: a change in one of them makes every entry stale."""
    found = hashlib.sha256()
    for package in (app.engine, training):
        for folder in package.__path__:
            for path in sorted(Path(folder).glob("*.py")):
                found.update(path.name.encode() + path.read_bytes())
    return found.hexdigest()


def make_room(directory: Path, most_bytes: int) -> None:
    """Remove the entries that were made first until the others take no more than ``most_bytes``."""
    entries = [path for path in directory.iterdir() if path.is_dir() and not path.name.startswith(UNFINISHED)]
    left = most_bytes
    for entry in sorted(entries, key=lambda path: path.stat().st_mtime, reverse=True):
        left -= sum(file.stat().st_size for file in entry.iterdir())
        if left < 0:
            shutil.rmtree(entry, ignore_errors=True)


def _read(artifact: Artifact) -> Prepared:
    arrays = dict(artifact.arrays)
    weights: dict[str, Any] = {
        name.removeprefix(_WEIGHTS): arrays.pop(name) for name in list(arrays) if name.startswith(_WEIGHTS)
    }
    order: list[str] = artifact.manifest.parameters["weights"]
    return Prepared(
        Fit(arrays, read_configuration(artifact.manifest.configuration)),
        {name: weights[name] for name in order},
        Resources(**artifact.manifest.metrics),
    )


def _write(directory: Path, name: str, prepared: Prepared) -> None:
    manifest = Manifest(
        release=name,
        created_at=datetime.now(UTC).isoformat(),
        data_from=None,
        data_until=None,
        catalogue_seen="0",
        counts={},
        configuration=prepared.fit.configuration.as_document(),
        parameters={"weights": list(prepared.weights)},
        metrics=asdict(prepared.resources),
        libraries={},
    )
    arrays = prepared.fit.arrays | {f"{_WEIGHTS}{ranker}": weights for ranker, weights in prepared.weights.items()}
    shutil.rmtree(directory / name, ignore_errors=True)
    write_artifact(directory, manifest, arrays)
