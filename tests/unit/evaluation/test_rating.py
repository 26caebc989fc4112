"""The protocol on a small world, and the folds that an archive brings along."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_worlds import figure, setting_of, sound

from app.engine.terms import Description
from app.errors import InvalidInput
from training.data import Feedback, ItemRecord, Snapshot
from training.evaluation.rating import FOLDS, evaluate_rating, given_folds


def two_minds(n_items: int = 40, n_users: int = 80) -> Snapshot:
    """Half of the users give odd items 5 stars and even ones 2, the others the other way round; each has rated half of all."""
    rng = np.random.default_rng(3)
    users, items = (part.ravel() for part in np.meshgrid(np.arange(n_users), np.arange(n_items), indexing="ij"))
    some = rng.random(len(users)) < 0.5
    users, items = users[some], items[some]
    values = np.where(users % 2 == items % 2, 5.0, 2.0) + rng.choice([-0.5, 0.0, 0.5], len(users))
    records = [ItemRecord(row, str(row + 1).encode(), Description("the same")) for row in range(n_items)]
    times = rng.permutation(len(users)).astype(np.float64)
    return Snapshot(records, Feedback.ordered(n_users, users, items, np.clip(values, 1, 5).astype(np.float32), times))


def test_tastes_are_told_apart_where_means_cannot() -> None:
    figures = evaluate_rating(setting_of(two_minds()))
    assert figure(figures, "blend", "RMSE") < 0.5
    assert figure(figures, "item and user mean", "RMSE") > 1.2
    assert figure(figures, "overall mean", "RMSE") > 1.2
    assert figure(figures, "blend", "MAE") < figure(figures, "blend", "RMSE")
    assert {f.slice for f in figures} >= {
        "all",
        *(f"fold {n + 1}" for n in range(FOLDS)),
        "history 5-19",
        "history 20+",
    }
    assert 0.7 < figure(figures, "blend", "Inside interval") < 0.9
    assert sound(figures)


def test_content_tells_of_items_that_nobody_has_rated() -> None:
    snapshot = two_minds(120, 80)
    items = [
        replace(item, description=Description("title", categories=["odd" if item.key % 2 else "even"]))
        for item in snapshot.items
    ]
    figures = evaluate_rating(setting_of(replace(snapshot, items=items)))
    cold = {name: figure(figures, name, "RMSE", "cold item") for name in ("blend", "without content")}
    assert cold["blend"] < 0.7 * cold["without content"]
    assert 0.65 < figure(figures, "blend", "Inside interval", "cold item") < 0.95
    # Where the content says the same of all items, nothing is lost.
    same = evaluate_rating(setting_of(snapshot))
    assert figure(same, "blend", "RMSE", "cold item") < 1.1 * figure(same, "without content", "RMSE", "cold item")


def test_folds_that_come_with_the_data_are_found(tmp_path: Path) -> None:
    snapshot = two_minds(10, 20)
    feedback = snapshot.feedback
    folds = np.random.default_rng(1).integers(0, FOLDS, len(feedback))
    for fold in range(FOLDS):
        lines = [
            f"{100 + user}\t{item + 1}\t3\t978300019\n"
            for user, item in zip(feedback.users[folds == fold], feedback.items[folds == fold], strict=True)
        ]
        (tmp_path / f"u{fold + 1}.test").write_text("".join(lines))
    found = given_folds(tmp_path, snapshot.items, feedback)
    assert found is not None
    assert found.tolist() == folds.tolist()
    with pytest.raises(InvalidInput, match="folds"):
        given_folds(tmp_path, snapshot.items[:5], feedback)


def test_without_such_files_there_are_no_given_folds(tmp_path: Path) -> None:
    snapshot = two_minds(10, 20)
    (tmp_path / "u1.test").write_text("1\t1\t3\t978300019\n")
    assert given_folds(tmp_path, snapshot.items, snapshot.feedback) is None
    assert given_folds(None, snapshot.items, snapshot.feedback) is None


def test_too_few_ratings_make_no_folds() -> None:
    snapshot = two_minds(3, 1)
    with pytest.raises(InvalidInput, match="too few"):
        evaluate_rating(setting_of(snapshot))
