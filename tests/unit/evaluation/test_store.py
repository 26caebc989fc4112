"""What was made is kept by content: found again, made anew when it is damaged or stale, and not kept without end."""

import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_worlds import chain_of_items, setting_of

from app.engine.terms import Description
from training.evaluation import setting as preparation
from training.evaluation import store as module
from training.evaluation.figures import Figure
from training.evaluation.protocols import evaluate
from training.evaluation.setting import fit_items
from training.evaluation.store import ABANDONED_SECONDS, Entry, Store, digest, digest_of_code, make_room


def made() -> Entry:
    return Entry({"numbers": np.arange(4), "none": np.zeros((0, 3), np.float32)}, {"mean": 0.1})


def never() -> Entry:
    raise AssertionError("it was made before")


def test_what_was_made_is_found_again_by_its_kind_and_key(tmp_path: Path) -> None:
    Store(tmp_path).get("part", {"data": "a"}, made)
    again = Store(tmp_path).get("part", {"data": "a"}, never)
    assert again.arrays["numbers"].tolist() == [0, 1, 2, 3]
    assert again.arrays["none"].shape == (0, 3)
    assert again.document == {"mean": 0.1}
    for kind, key in (("part", {"data": "b"}), ("other", {"data": "a"})):
        with pytest.raises(AssertionError, match="made before"):
            Store(tmp_path).get(kind, key, never)
    assert not [path for path in tmp_path.rglob("*") if path.suffix not in {".npy", ".json", ""}]


def test_a_damaged_entry_is_made_anew(tmp_path: Path) -> None:
    Store(tmp_path).get("part", {"data": "a"}, made)
    array = next(tmp_path.glob("*/numbers.npy"))
    content = bytearray(array.read_bytes())
    content[-1] ^= 1
    array.write_bytes(bytes(content))
    with pytest.raises(AssertionError, match="made before"):
        Store(tmp_path).get("part", {"data": "a"}, never)
    Store(tmp_path).get("part", {"data": "a"}, made)
    Store(tmp_path).get("part", {"data": "a"}, never)


def test_of_two_who_make_the_same_at_once_each_has_it_and_one_is_kept(tmp_path: Path) -> None:
    def made_elsewhere_meanwhile() -> Entry:
        Store(tmp_path).get("part", {"data": "a"}, made)
        return made()

    mine = Store(tmp_path).get("part", {"data": "a"}, made_elsewhere_meanwhile)
    assert mine.arrays["numbers"].tolist() == [0, 1, 2, 3]
    Store(tmp_path).get("part", {"data": "a"}, never)
    assert kinds(tmp_path) == ["part"]


def test_what_killed_writers_left_goes_after_a_day(tmp_path: Path) -> None:
    for name, age in ((".unfinished-old", 2 * ABANDONED_SECONDS), (".unfinished-new", 0)):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    make_room(tmp_path, 0)
    assert [path.name for path in tmp_path.iterdir()] == [".unfinished-new"]


def test_other_code_makes_entries_stale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Store(tmp_path).get("part", {"data": "a"}, made)
    assert len(digest_of_code()) == 64
    monkeypatch.setattr(module, "digest_of_code", lambda: "other")
    with pytest.raises(AssertionError, match="made before"):
        Store(tmp_path).get("part", {"data": "a"}, never)


def test_nothing_is_kept_without_a_directory() -> None:
    store = Store(None)
    store.get("part", {"data": "a"}, made)
    with pytest.raises(AssertionError, match="made before"):
        store.get("part", {"data": "a"}, never)


def test_what_was_not_used_for_longest_makes_room(tmp_path: Path) -> None:
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


def kinds(directory: Path) -> list[str]:
    return sorted(path.name.rsplit("-", 1)[0] for path in directory.iterdir())


def without_costs(figures: list[Figure]) -> list[Figure]:
    return [figure for figure in figures if not figure.metric.startswith("fit ")]


def test_another_protocol_finds_what_it_shares_and_the_same_one_everything(tmp_path: Path) -> None:
    snapshot = chain_of_items(20, 40, 8)
    kept = setting_of(snapshot, Store(tmp_path))
    first = evaluate("last-out", kept)
    after_one = kinds(tmp_path)
    # Factors and tables of the lesson and of what is ranked with, the content once.
    parts = ["factors", "item_to_item", "next_item"]
    assert after_one == sorted(["content", "figures", "weights", *parts, *parts])
    assert evaluate("last-out", kept) == first
    assert kinds(tmp_path) == after_one
    evaluate("new-users", kept)
    assert kinds(tmp_path).count("content") == 1
    assert without_costs(evaluate("last-out", setting_of(snapshot))) == without_costs(first)


def test_other_words_leave_what_was_learned_of_the_feedback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = chain_of_items(20, 40, 8)
    store = Store(tmp_path)
    first = evaluate("last-out", setting_of(snapshot, store))
    monkeypatch.setattr("training.fit.fit_factors", refuse)
    monkeypatch.setattr("training.fit.item_to_item_arrays", refuse)
    monkeypatch.setattr("training.fit.next_item_arrays", refuse)
    monkeypatch.setattr(preparation, "fit_factors", refuse)
    items = [replace(item, description=Description("another", text="words of all kinds")) for item in snapshot.items]
    again = evaluate("last-out", setting_of(replace(snapshot, items=items), store))
    spent = [next(f.value for f in figures if f.metric == "fit seconds") for figures in (first, again)]
    assert spent[1] > 0
    assert without_costs(again) != without_costs(first)


def refuse(*arguments: object) -> None:
    raise AssertionError(f"fitted again: {len(arguments)}")


def test_content_that_was_kept_says_the_same(tmp_path: Path) -> None:
    for snapshot in (chain_of_items(20), chain_of_items(1, 1, 1)):
        setting = setting_of(snapshot, Store(tmp_path))
        parameters = setting.parameters_for(snapshot.feedback)
        one, again = fit_items(setting, parameters), fit_items(setting, parameters)
        assert (one.vectors == again.vectors).all()
        assert (one.weighted != again.weighted).nnz == 0
        assert one.transform.read(["category:1"])[0].tolist() == again.transform.read(["category:1"])[0].tolist()
