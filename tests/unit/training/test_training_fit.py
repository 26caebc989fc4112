"""Whole fits: a checkerboard whose answer is known, the same bits twice, and catalogues of hardly anything."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_data import SMALL, Rating, checkerboard, made_feedback, made_snapshot

from app.engine.artifact import Manifest, write_artifact
from app.engine.assembly import build_transform
from app.engine.history import EMPTY, rating_history
from app.engine.signals import SignalName
from app.engine.terms import Description
from training.data import Snapshot, history_of
from training.fit import Parameters, fit_signals
from training.recipe import fit_release
from training.split import hold_out_newest


def digests(snapshot: Snapshot, directory: Path, parameters: Parameters = SMALL) -> dict[str, str]:
    """The sha256 of every file of the artifact that training makes of a snapshot."""
    fitted = fit_release(snapshot, parameters, 5.0)
    fit, metrics = fitted.fit, fitted.metrics
    manifest = Manifest("r", "", None, None, "1", {}, fit.configuration.as_document(), {}, metrics, {})
    location = write_artifact(directory, manifest, fit.arrays)
    return {path.name: path.read_bytes().hex() for path in location.iterdir()}


def test_a_held_out_item_of_ones_own_colour_is_above_those_of_the_other() -> None:
    snapshot = checkerboard()
    split = hold_out_newest(snapshot.feedback, 1)
    engine = fit_signals(snapshot, split.known, SMALL, 5.0).engine()
    starts = split.known.starts
    assert len(split.users) == 120
    for user, target in zip(split.users, split.targets, strict=True):
        history = history_of(split.known, int(starts[user]), int(starts[user + 1]), split.known.mean)
        total = engine.score(history, signals=["collaborative"]).total
        unlike = np.arange(len(total)) % 2 != target % 2
        assert total[target] > total[unlike].max()


def test_the_whole_product_beats_popularity_on_the_checkerboard() -> None:
    fitted = fit_release(checkerboard(), SMALL, 5.0)
    fit, metrics = fitted.fit, fitted.metrics
    blend, popular = metrics["next_item"]["blend"], metrics["next_item"]["popularity"]
    assert blend["users"] == popular["users"] > 30
    assert blend["hit_rate_at_10"] > 1.5 * popular["hit_rate_at_10"]
    top = fit.engine().score(rating_history(np.array([1, 3]), np.full(2, 5, np.float32), np.arange(2.0), 4.0))
    shown = top.rank(~np.isin(np.arange(40), [1, 3]), 10).rows
    assert (shown % 2 == 1).all()


def test_the_same_snapshot_and_seed_give_the_same_bytes(tmp_path: Path) -> None:
    one = digests(checkerboard(), tmp_path / "one")
    assert digests(checkerboard(), tmp_path / "two") == one
    other = digests(checkerboard(), tmp_path / "other", replace(SMALL, seed=5))
    assert other["collaborative.factors.npy"] != one["collaborative.factors.npy"]


def test_stages_are_reported_in_order_and_never_go_back() -> None:
    seen: list[tuple[str, float]] = []
    fit_release(checkerboard(40, 20, 4), SMALL, 5.0, lambda stage, share: seen.append((stage, share)))
    stages = ["content", "fit", "blend", "evaluate", "gate", "refit"]
    places = [(stages.index(stage), share) for stage, share in seen]
    assert places == sorted(places)
    assert {stage for stage, _ in seen} == set(stages)


RATINGS: dict[str, list[Rating]] = {
    "none": [],
    "one": [(0, 0, 5.0, 1.0)],
    "one a user": [(user, 0, 4.0, float(user)) for user in range(4)],
    "all equal": [(user, item, 3.0, 7.0) for user in range(40) for item in range(5)],
}
TITLES = {"no words": "—", "the same": "same", "not ASCII": "Ünïcode 映画 😀 {}", "unlike": "word{}"}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("n_items", "ratings", "title"),
    [
        (1, "none", "no words"),
        (1, "one", "the same"),
        (2, "none", "not ASCII"),
        (2, "one a user", "unlike"),
        (2, "all equal", "no words"),
        (5, "none", "unlike"),
        (5, "one", "no words"),
        (5, "one a user", "the same"),
        (5, "all equal", "not ASCII"),
    ],
)
def test_however_little_there_is_a_release_comes_of_it(n_items: int, ratings: str, title: str) -> None:
    rated = [r for r in RATINGS[ratings] if r[1] < n_items]
    snapshot = made_snapshot(n_items, rated, lambda row: Description(TITLES[title].format(row), categories=[""]))
    fitted = fit_release(snapshot, SMALL, 5.0)
    fit, metrics = fitted.fit, fitted.metrics
    engine = fit.engine()
    assert all(np.isfinite(array).all() for array in fit.arrays.values())
    assert all(
        0 <= figure <= metrics["next_item"]["blend"]["users"] for figure in metrics["next_item"]["blend"].values()
    )
    history = rating_history(np.array([0]), np.array([4], np.float32), np.array([1.0]), 3.0)
    for ranking in (engine.score(EMPTY).rank(None, 10), engine.score(history).rank(None, 10)):
        assert sorted(ranking.rows.tolist()) == list(range(n_items))
        assert np.isfinite(ranking.scores).all()
    read = build_transform(fit.arrays).read(["title:word1"])
    assert all(np.isfinite(part).all() for part in read)


def test_without_ratings_content_finds_what_is_like_the_history() -> None:
    describe = lambda row: Description(f"title{row}", categories=["Drama" if row % 2 else "Comedy"])  # noqa: E731 - one line
    fit = fit_release(made_snapshot(12, [], describe), SMALL, 5.0).fit
    history = rating_history(np.array([1]), np.array([5], np.float32), np.array([1.0]), 3.0)
    assert (fit.engine().score(history).rank(np.arange(12) != 1, 5).rows % 2 == 1).all()


@pytest.mark.parametrize("signal", ["collaborative", "item_to_item", "next_item"])
def test_an_item_nobody_rated_borrows_from_what_is_like_it(signal: SignalName) -> None:
    ratings = [(user, item, 5.0, float(item)) for user in range(60) for item in range(user % 2, 20, 2)]
    snapshot = made_snapshot(22, ratings, lambda row: Description("x", categories=["odd" if row % 2 else "even"]))
    fit = fit_signals(snapshot, snapshot.feedback, SMALL, 5.0)
    assert fit.arrays["popularity.counts"].tolist() == [30] * 20 + [0, 0]
    history = history_of(made_feedback([(0, 3, 5.0, 1.0), (0, 5, 5.0, 2.0)]), 0, 2, 4.5)
    total = fit.engine().score(history, signals=[signal]).total
    assert total[21] > total[20]
