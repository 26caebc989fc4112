"""An engine is put together only from arrays that fit each other; what does not is refused by its name."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from made_engines import CONFIGURATION, N, made_arrays

from app.engine.arrays import AnyArray
from app.engine.artifact import require_offsets, require_strings
from app.engine.assembly import build_engine, build_transform, read_configuration
from app.engine.strings import StringTable
from app.errors import ArtifactRejected

NAMES = sorted(made_arrays(0))


def transform_arrays() -> dict[str, Any]:
    table = StringTable.of([b"tag:a", b"tag:b", b"title:c"])
    return {
        "content.terms.blob": table.blob,
        "content.terms.offsets": table.offsets,
        "content.term_weights": np.ones(3, np.float32),
        "content.projection": np.eye(3, 2, dtype=np.float32),
        "content.term_factors": np.ones((3, 4), np.float32),
        "content.factor_offset": np.zeros(4, np.float32),
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_array_is_named(name: str) -> None:
    arrays = made_arrays(0)
    del arrays[name]
    # A table without starts is taken for a dense one.
    missing = name.replace(".starts", ".matrix")
    with pytest.raises(ArtifactRejected, match=f"{missing}: missing"):
        build_engine(arrays, CONFIGURATION)


@pytest.mark.parametrize("name", NAMES)
def test_an_array_of_another_dtype_is_named(name: str) -> None:
    arrays = made_arrays(0)
    arrays[name] = arrays[name].astype(np.float64)
    with pytest.raises(ArtifactRejected, match=f"{name}: is float64"):
        build_engine(arrays, CONFIGURATION)


@pytest.mark.parametrize("name", [n for n in NAMES if n not in {"collaborative.factors", "reference"}])
def test_an_array_of_another_length_is_named(name: str) -> None:
    arrays = made_arrays(0)
    arrays[name] = arrays[name][:-1]
    with pytest.raises(ArtifactRejected, match=f"{name}: is "):
        build_engine(arrays, CONFIGURATION)


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("reference", lambda rows: rows + 1),
        ("reference", lambda rows: rows - 1),
        ("next_item.0.columns", lambda columns: columns + np.int32(N)),
        ("next_item.0.columns", lambda columns: columns - np.int32(1)),
        ("next_item.0.starts", lambda starts: starts[np.r_[0, 2, 1, 3 : len(starts)]]),
    ],
)
def test_rows_outside_of_the_catalogue_are_refused(name: str, damage: Callable[[AnyArray], AnyArray]) -> None:
    arrays = made_arrays(0)
    arrays[name] = damage(arrays[name])
    with pytest.raises(ArtifactRejected, match=name.rpartition(".")[0] or name):
        build_engine(arrays, CONFIGURATION)


def test_factors_of_another_length_than_the_rest_are_refused() -> None:
    arrays = made_arrays(0)
    arrays["collaborative.factors"] = arrays["collaborative.factors"][:-1]
    with pytest.raises(ArtifactRejected):
        build_engine(arrays, CONFIGURATION)


def test_a_blend_for_other_columns_or_sizes_is_refused() -> None:
    swapped = replace(CONFIGURATION, blend_columns=CONFIGURATION.blend_columns[::-1])
    with pytest.raises(ArtifactRejected, match="the blend is for the columns"):
        build_engine(made_arrays(0), swapped)
    with pytest.raises(ArtifactRejected, match="ascend from 0"):
        build_engine(made_arrays(0), replace(CONFIGURATION, blend_sizes=(1, 2, 3)))


def test_a_configuration_survives_its_document() -> None:
    assert read_configuration(CONFIGURATION.as_document()) == CONFIGURATION


@pytest.mark.parametrize(
    ("name", "value"),
    [("overall_mean", None), ("fold_in", {"time_scales": "x"}), ("blend_columns", [["no_such_signal", "1"]])],
)
def test_a_configuration_that_does_not_fit_is_named(name: str, value: object) -> None:
    with pytest.raises(ArtifactRejected, match=name):
        read_configuration(CONFIGURATION.as_document() | {name: value})


def test_a_configuration_without_a_part_is_refused() -> None:
    document = CONFIGURATION.as_document()
    del document["profile"]
    with pytest.raises(ArtifactRejected, match="profile"):
        read_configuration(document)


def test_a_transform_is_put_together_and_used() -> None:
    transform = build_transform(transform_arrays())
    vector, taste = transform.read(["tag:b", "unknown:z"])
    assert (vector.tolist(), taste.tolist()) == ([0, 1], [1, 1, 1, 1])
    for unknown in ([], ["unknown:z"]):
        vector, taste = transform.read(unknown)
        assert (vector.tolist(), taste.tolist()) == ([0, 0], [0, 0, 0, 0])


@pytest.mark.parametrize("name", sorted(transform_arrays()))
def test_a_transform_with_a_part_missing_or_too_short_is_refused(name: str) -> None:
    arrays = transform_arrays()
    short = arrays | {name: arrays[name][:-1]}
    del arrays[name]
    for broken in (arrays, short):
        with pytest.raises(ArtifactRejected, match="content"):
            build_transform(broken)


@pytest.mark.parametrize(
    "offsets",
    [[], [0], [0, 5, 10, 18], [0, 5, 10, 16], [0, 10, 5, 17], [1, 5, 10, 17], [0, -5, 10, 17], [0, 99, 10, 17], [-17]],
)
def test_offsets_that_do_not_cut_the_table_are_refused(offsets: list[int]) -> None:
    broken = transform_arrays() | {"content.terms.offsets": np.array(offsets, np.int64)}
    with pytest.raises(ArtifactRejected, match=r"content\.terms\.offsets"):
        build_transform(broken)


def test_a_table_may_be_empty_or_hold_empty_strings() -> None:
    empty, blank = StringTable.of([]), StringTable.of([b"", b""])
    for table in (empty, blank):
        read = require_strings({"t.blob": table.blob, "t.offsets": table.offsets}, "t", len(table))
        assert list(read) == list(table)
    with pytest.raises(ArtifactRejected, match=r"t\.offsets"):
        require_offsets({"t.offsets": blank.offsets}, "t.offsets", 3, 0)
