"""Fitted parts are kept by content: found again, made anew when they are damaged, and not kept without end."""

import os
from pathlib import Path

import numpy as np
import pytest
from small_worlds import PARAMETERS, tastes

from app.engine.history import EMPTY
from training.evaluation import prepared as module
from training.evaluation.prepared import Prepared, PreparedParts, digest, digest_of_code, make_room
from training.evaluation.resources import measured
from training.fit import fit_signals


def made() -> Prepared:
    snapshot = tastes()
    with measured() as spent:
        fit = fit_signals(snapshot, snapshot.feedback, PARAMETERS, 5.0)
    columns = len(fit.configuration.blend_columns)
    weights = {"blend": np.ones((4, columns), np.float32), "content": np.zeros((4, columns), np.float32)}
    return Prepared(fit, weights, spent)


def never() -> Prepared:
    raise AssertionError("it was made before")


def test_what_was_made_is_found_again_by_its_key(tmp_path: Path) -> None:
    first = PreparedParts(tmp_path).get({"data": "a"}, made)
    again = PreparedParts(tmp_path).get({"data": "a"}, never)
    assert list(again.weights) == ["blend", "content"]
    assert (again.weights["blend"] == first.weights["blend"]).all()
    assert again.resources == first.resources
    assert again.resources.peak_bytes > 1_000_000
    assert (again.fit.engine().score(EMPTY).total == first.fit.engine().score(EMPTY).total).all()
    with pytest.raises(AssertionError, match="made before"):
        PreparedParts(tmp_path).get({"data": "b"}, never)
    assert not [path for path in tmp_path.rglob("*") if path.suffix not in {".npy", ".json", ""}]


def test_a_damaged_entry_is_made_anew(tmp_path: Path) -> None:
    PreparedParts(tmp_path).get({"data": "a"}, made)
    array = next(tmp_path.glob("*/popularity.scores.npy"))
    content = bytearray(array.read_bytes())
    content[-1] ^= 1
    array.write_bytes(bytes(content))
    with pytest.raises(AssertionError, match="made before"):
        PreparedParts(tmp_path).get({"data": "a"}, never)
    PreparedParts(tmp_path).get({"data": "a"}, made)
    PreparedParts(tmp_path).get({"data": "a"}, never)


def test_other_code_makes_entries_stale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    PreparedParts(tmp_path).get({"data": "a"}, made)
    assert len(digest_of_code()) == 64
    monkeypatch.setattr(module, "digest_of_code", lambda: "other")
    with pytest.raises(AssertionError, match="made before"):
        PreparedParts(tmp_path).get({"data": "a"}, never)


def test_nothing_is_kept_without_a_directory() -> None:
    parts = PreparedParts(None)
    parts.get({"data": "a"}, made)
    with pytest.raises(AssertionError, match="made before"):
        parts.get({"data": "a"}, never)


def test_the_oldest_entries_make_room(tmp_path: Path) -> None:
    for age, name in enumerate(["newest", "middle", "oldest"]):
        (tmp_path / name).mkdir()
        (tmp_path / name / "array.npy").write_bytes(bytes(100))
        os.utime(tmp_path / name, (1e9 - age, 1e9 - age))
    make_room(tmp_path, 250)
    assert {path.name for path in tmp_path.iterdir()} == {"newest", "middle"}


def test_a_digest_tells_arrays_apart() -> None:
    zeros = np.zeros(4, np.float32)
    several = [zeros, zeros.astype(np.float64), zeros[:3], zeros.reshape(2, 2), np.ones(4, np.float32), None]
    assert len({digest(array) for array in several}) == len(several)
