"""The artifact: what training writes to disk and the engine loads.

A directory with ``manifest.json`` and one ``.npy`` file for each array. Nothing in it is code. It is written beside its final
place, flushed and renamed, so that a directory with the right name is always whole; a reader checks it all the same.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from app.engine.arrays import AnyArray, RowArray
from app.engine.strings import StringTable
from app.errors import ArtifactRejected

FORMAT = 2
MANIFEST = "manifest.json"
UNFINISHED = ".unfinished-"
"""What the name of a directory begins with while the artifact is being written."""


@dataclass(frozen=True, slots=True)
class ArrayFile:
    """What the manifest says of one array."""

    sha256: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an artifact is made of and where it came from.

    ``catalogue_seen`` is the transaction id below which every change of the catalogue is in the artifact.
    ``configuration`` is what the engine needs beside the arrays; ``parameters`` what the fits were given. ``gate`` is the verdict
    that let it through, and ``tuning`` says where the parameters were found, if a search found them.
    """

    release: str
    created_at: str
    data_from: str | None
    data_until: str | None
    catalogue_seen: str
    counts: Mapping[str, int]
    configuration: Mapping[str, Any]
    parameters: Mapping[str, Any]
    metrics: Mapping[str, Any]
    libraries: Mapping[str, str]
    gate: Mapping[str, Any] = field(default_factory=dict[str, Any])
    tuning: Mapping[str, Any] = field(default_factory=dict[str, Any])
    format: int = FORMAT
    files: Mapping[str, ArrayFile] = field(default_factory=dict[str, ArrayFile])


@dataclass(frozen=True, slots=True)
class Artifact:
    """A manifest and its arrays, by name; the arrays are memory-mapped and read-only when they come from disk."""

    manifest: Manifest
    arrays: Mapping[str, AnyArray]


_MANIFEST = TypeAdapter(Manifest)


def write_artifact(directory: Path, manifest: Manifest, arrays: Mapping[str, AnyArray]) -> Path:
    """Write an artifact to ``directory / manifest.release`` and return that path; nothing is there if this fails."""
    final = directory / manifest.release
    directory.mkdir(parents=True, exist_ok=True)
    unfinished = directory / f"{UNFINISHED}{manifest.release}"
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        _write_files(unfinished, manifest, arrays)
        unfinished.rename(final)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    _flush_directory(directory)
    return final


def open_artifact(directory: Path) -> Artifact:
    """Open and verify an artifact; raises :class:`ArtifactRejected` with the name of what is wrong."""
    manifest = read_manifest(directory)
    return Artifact(manifest, {name: _open_array(directory, name, file) for name, file in manifest.files.items()})


def read_manifest(directory: Path) -> Manifest:
    """Read the manifest alone; raises :class:`ArtifactRejected` if it is missing, damaged or of a foreign format."""
    try:
        document = json.loads((directory / MANIFEST).read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise ArtifactRejected(f"{directory.name}: the manifest cannot be read ({type(error).__name__})") from error
    number = document.get("format") if isinstance(document, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    if number != FORMAT:
        raise ArtifactRejected(f"{directory.name}: format {number} is not {FORMAT}, the one this version reads")
    try:
        return _MANIFEST.validate_python(document)
    except ValidationError as error:
        first = error.errors()[0]
        raise ArtifactRejected(f"{directory.name}: manifest: {first['loc']}: {first['msg']}") from error


def require_array(
    arrays: Mapping[str, AnyArray], name: str, dtype: type[np.generic], shape: tuple[int | None, ...]
) -> Any:
    """The array of that name; raises :class:`ArtifactRejected` unless it is there with this dtype and shape.

    None in ``shape`` stands for any length.
    """
    array = arrays.get(name)
    if array is None:
        raise ArtifactRejected(f"{name}: missing")
    fits = len(array.shape) == len(shape) and all(b is None or a == b for a, b in zip(array.shape, shape, strict=True))
    if array.dtype != np.dtype(dtype) or not fits:
        raise ArtifactRejected(f"{name}: is {array.dtype}{array.shape}, should be {np.dtype(dtype)}{shape}")
    return array


def require_offsets(arrays: Mapping[str, AnyArray], name: str, parts: int | None, length: int) -> RowArray:
    """The offsets ``(parts + 1,)`` of that name, which cut ``length`` elements into parts.

    Raises :class:`ArtifactRejected` unless they begin at 0, never decrease and end at ``length``.
    """
    offsets: RowArray = require_array(arrays, name, np.int64, (None if parts is None else parts + 1,))
    if len(offsets) == 0 or offsets[0] != 0 or offsets[-1] != length or bool((offsets[1:] < offsets[:-1]).any()):
        raise ArtifactRejected(f"{name}: do not cut {length} elements into parts")
    return offsets


def require_strings(arrays: Mapping[str, AnyArray], name: str, n: int | None) -> StringTable:
    """The table of ``n`` strings (None: any number) in ``name.blob`` and ``name.offsets``; raises :class:`ArtifactRejected`."""
    blob = require_array(arrays, f"{name}.blob", np.uint8, (None,))
    return StringTable(blob, require_offsets(arrays, f"{name}.offsets", n, len(blob)))


def _write_files(directory: Path, manifest: Manifest, arrays: Mapping[str, AnyArray]) -> None:
    directory.mkdir()
    files = {name: _write_array(directory / f"{name}.npy", array) for name, array in sorted(arrays.items())}
    document = asdict(manifest) | {"files": {name: asdict(file) for name, file in files.items()}}
    text = json.dumps(document, indent=1, sort_keys=True, allow_nan=False)
    _write_flushed(directory / MANIFEST, lambda path: path.write_text(text))
    _flush_directory(directory)


def _write_array(path: Path, array: AnyArray) -> ArrayFile:
    contiguous = np.ascontiguousarray(array)
    _write_flushed(path, lambda p: np.save(p, contiguous, allow_pickle=False))
    return ArrayFile(_digest(path), contiguous.dtype.str, contiguous.shape)


def _open_array(directory: Path, name: str, file: ArrayFile) -> AnyArray:
    path = directory / f"{name}.npy"
    try:
        if path.resolve().parent != directory.resolve():
            raise ArtifactRejected(f"{directory.name}: {name}: not a file of this artifact")
        if _digest(path) != file.sha256:
            raise ArtifactRejected(f"{directory.name}: {name}: the digest is wrong")
        array = _read_empty(path) if 0 in file.shape else _map(path)
    except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: a loop of links
        raise ArtifactRejected(f"{directory.name}: {name}: cannot be read ({type(error).__name__})") from error
    if array.dtype.str != file.dtype or array.shape != tuple(file.shape):
        raise ArtifactRejected(
            f"{directory.name}: {name}: is {array.dtype.str}{array.shape}, not what the manifest says"
        )
    return array


def _map(path: Path) -> AnyArray:
    """The array, memory-mapped. As a plain array: each slice of a ``memmap`` costs microseconds of bookkeeping."""
    mapped: AnyArray = np.lib.format.open_memmap(path, mode="r")
    return np.asarray(mapped)


def _read_empty(path: Path) -> AnyArray:
    """An array without elements, which cannot be mapped."""
    with path.open("rb") as file:
        array: AnyArray = np.lib.format.read_array(file, allow_pickle=False)
    array.flags.writeable = False
    return array


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_flushed(path: Path, write: Callable[[Path], object]) -> None:
    write(path)
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _flush_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
