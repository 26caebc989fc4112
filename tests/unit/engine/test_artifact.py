"""The artifact on disk: written whole or not at all, and refused by name when anything about it is wrong."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.engine.arrays import AnyArray
from app.engine.artifact import FORMAT, MANIFEST, Manifest, open_artifact, read_manifest, write_artifact
from app.errors import ArtifactRejected

MADE = Manifest(
    release="2026-01-01T00-00-00Z-abcd",
    created_at="2026-01-01T00:00:00+00:00",
    data_from=None,
    data_until="2026-01-01T00:00:00+00:00",
    catalogue_seen="123",
    counts={"items": 3},
    configuration={"overall_mean": 3.5},
    parameters={"als": {"factors": 8}, "name": "é"},
    metrics={"hit": 0.5},
    libraries={"numpy": "2"},
)
ARRAYS: dict[str, AnyArray] = {
    "a.numbers": np.arange(6, dtype=np.float32).reshape(2, 3),
    "a.mask": np.array([True, False]),
    "b.nothing": np.zeros((0, 4), np.int64),
}


@pytest.fixture
def written(tmp_path: Path) -> Path:
    return write_artifact(tmp_path, MADE, ARRAYS)


def rewrite_manifest(directory: Path, change: Callable[[dict[str, Any]], object]) -> None:
    document = json.loads((directory / MANIFEST).read_text())
    change(document)
    (directory / MANIFEST).write_text(json.dumps(document))


def replace_file(directory: Path, name: str, content: bytes) -> None:
    """Put other bytes into an array's file, with the digest that belongs to them."""
    (directory / f"{name}.npy").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    rewrite_manifest(directory, lambda d: d["files"][name].update(sha256=digest))


def npy(path: Path, array: AnyArray) -> bytes:
    np.save(path, array)
    return path.read_bytes()


def test_what_was_written_is_read(written: Path, tmp_path: Path) -> None:
    artifact = open_artifact(written)
    assert written == tmp_path / MADE.release
    assert replace(artifact.manifest, files={}) == MADE
    assert set(artifact.manifest.files) == set(artifact.arrays) == set(ARRAYS)
    for name, array in ARRAYS.items():
        assert artifact.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(artifact.arrays[name], array)


def test_arrays_are_mapped_and_cannot_be_written_to(written: Path) -> None:
    arrays = open_artifact(written).arrays
    assert isinstance(arrays["a.numbers"].base, np.memmap)
    for array in arrays.values():
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 1


def test_the_same_arrays_give_the_same_files(written: Path, tmp_path: Path) -> None:
    again = write_artifact(tmp_path / "again", MADE, dict(reversed(ARRAYS.items())))
    assert {p.name: p.read_bytes() for p in again.iterdir()} == {p.name: p.read_bytes() for p in written.iterdir()}


def test_an_interrupted_write_leaves_nothing(tmp_path: Path) -> None:
    unwritable = np.array([object()], dtype=object)
    with pytest.raises(ValueError, match="pickle"):
        write_artifact(tmp_path, MADE, ARRAYS | {"z.last": unwritable})
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="JSON"):
        write_artifact(tmp_path, replace(MADE, metrics={"hit": float("nan")}), ARRAYS)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_writer_left_is_in_nobodys_way(tmp_path: Path) -> None:
    left = tmp_path / f".unfinished-{MADE.release}"
    left.mkdir()
    (left / "a.numbers.npy").write_bytes(b"half")
    open_artifact(write_artifact(tmp_path, MADE, ARRAYS))
    assert [p.name for p in tmp_path.iterdir()] == [MADE.release]


def test_a_release_is_not_written_over(written: Path, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="not empty"):
        write_artifact(tmp_path, MADE, {"a.numbers": np.ones(3)})
    assert set(open_artifact(written).arrays) == set(ARRAYS)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(ARRAYS)), st.integers(0), st.integers(0, 7))
def test_a_single_flipped_bit_is_noticed(written: Path, name: str, place: int, bit: int) -> None:
    path = written / f"{name}.npy"
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[place % len(whole)] ^= 1 << bit
    path.write_bytes(flipped)
    try:
        with pytest.raises(ArtifactRejected, match=f"{name}: the digest is wrong"):
            open_artifact(written)
    finally:
        path.write_bytes(whole)
    open_artifact(written)


@pytest.mark.parametrize("change", [lambda b: b[:-1], lambda b: b + b"garbage", lambda _: b""])
def test_a_file_of_another_length_is_noticed(written: Path, change: Callable[[bytes], bytes]) -> None:
    path = written / "a.numbers.npy"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(ArtifactRejected, match=r"a\.numbers: the digest is wrong"):
        open_artifact(written)


def test_a_missing_file_is_named(written: Path) -> None:
    (written / "a.mask.npy").unlink()
    with pytest.raises(ArtifactRejected, match=r"a\.mask: cannot be read \(FileNotFoundError\)"):
        open_artifact(written)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x93NUMPY", b"\x93NUMPY\x01\x00\x02\x00{}", b"\x80\x04N."])
@pytest.mark.parametrize("name", ["a.numbers", "b.nothing"])
def test_a_file_that_is_no_array_is_refused_though_its_digest_fits(written: Path, name: str, content: bytes) -> None:
    replace_file(written, name, content)
    with pytest.raises(ArtifactRejected, match=name):
        open_artifact(written)


@pytest.mark.parametrize("name", ["a.numbers", "b.nothing"])
@pytest.mark.parametrize("array", [np.array([[print]], object), np.ones((2, 3)), np.ones((3, 2), np.float32)])
def test_an_array_of_objects_or_of_another_form_is_refused(
    written: Path, tmp_path: Path, name: str, array: AnyArray
) -> None:
    replace_file(written, name, npy(tmp_path / "other.npy", array))
    with pytest.raises(ArtifactRejected, match=name):
        open_artifact(written)


def test_an_array_shorter_than_its_header_says_is_refused(written: Path) -> None:
    replace_file(written, "a.numbers", (written / "a.numbers.npy").read_bytes()[:-4])
    with pytest.raises(ArtifactRejected, match=r"a\.numbers: cannot be read"):
        open_artifact(written)


@pytest.mark.parametrize("name", ["../stranger", "/etc/stranger", "deeper/../../stranger", "nul\0", "\ud800"])
def test_a_name_that_leads_elsewhere_is_refused(written: Path, tmp_path: Path, name: str) -> None:
    npy(tmp_path / "stranger.npy", ARRAYS["a.mask"])
    entry = {"sha256": hashlib.sha256((tmp_path / "stranger.npy").read_bytes()).hexdigest(), "dtype": "|b1"}
    rewrite_manifest(written, lambda d: d["files"].update({name: entry | {"shape": [2]}}))
    with pytest.raises(ArtifactRejected):
        open_artifact(written)


@pytest.mark.parametrize("target", ["../outside.npy", "a.mask.npy"])
def test_a_link_to_elsewhere_or_to_itself_is_refused(written: Path, tmp_path: Path, target: str) -> None:
    path = written / "a.mask.npy"
    path.rename(tmp_path / "outside.npy")
    path.symlink_to(target)
    with pytest.raises(ArtifactRejected, match=r"a\.mask"):
        open_artifact(written)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"7", b'"format"', b"\xff\xfe", b"{}", b'{"format": 1}', b"[" * 100_000]
)
def test_a_manifest_that_is_none_is_refused(written: Path, content: bytes) -> None:
    (written / MANIFEST).write_bytes(content)
    with pytest.raises(ArtifactRejected, match=MADE.release):
        open_artifact(written)


def test_a_manifest_cut_off_anywhere_is_refused(written: Path) -> None:
    whole = (written / MANIFEST).read_bytes()
    for length in range(0, len(whole), 17):
        (written / MANIFEST).write_bytes(whole[:length])
        with pytest.raises(ArtifactRejected):
            read_manifest(written)


@pytest.mark.parametrize("number", [0, FORMAT + 1, "2", None, [1]])
def test_a_foreign_format_is_refused(written: Path, number: object) -> None:
    rewrite_manifest(written, lambda d: d.update(format=number))
    with pytest.raises(ArtifactRejected, match="format"):
        read_manifest(written)


@pytest.mark.parametrize("field", ["release", "catalogue_seen", "counts", "configuration", "libraries"])
def test_a_manifest_without_a_field_is_refused_by_its_name(written: Path, field: str) -> None:
    rewrite_manifest(written, lambda d: d.pop(field))
    with pytest.raises(ArtifactRejected, match=field):
        read_manifest(written)


def test_a_directory_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactRejected, match="gone"):
        open_artifact(tmp_path / "gone")
