"""The protocol on a small world, and which targets and histories it makes of times."""

import numpy as np
import pytest
from small_worlds import chain_of_items, figure, setting_of, sound

from training.data import Feedback, Snapshot
from training.evaluation.time_cut import evaluate_time_cut
from training.period import TARGETS_OF_ONE, later_targets


def one_after_the_other() -> Snapshot:
    """The circle of items, but each user begins somewhat later than the one before: some are new after any cut."""
    snapshot = chain_of_items()
    f = snapshot.feedback
    return Snapshot(snapshot.items, Feedback.ordered(f.n_users, f.users, f.items, f.values, f.times + 2 * f.users))


def test_the_next_item_is_found_for_new_and_known_users() -> None:
    figures = evaluate_time_cut(setting_of(one_after_the_other()))
    assert figure(figures, "next_item", "HR@10", "history 1-4") > 0.9
    assert figure(figures, "blend", "HR@10", "history 5-19") > 0.9
    assert figure(figures, "random", "HR@10") < 0.6
    assert {f.slice for f in figures} >= {"all", "new user", "known user", "history 0"}
    assert sound(figures)


def test_a_history_is_what_came_before_the_second_of_its_target() -> None:
    times = np.array([1, 2, 2, 3, 1, 9], np.float64)
    users, items = np.array([0, 0, 0, 0, 1, 1]), np.arange(6)
    feedback = Feedback.ordered(2, users, items, np.array([5, 5, 5, 2, 5, 5], np.float32), times)
    later = later_targets(feedback, 1.0, 4.0, seed=0)
    assert later.targets.tolist() == [1, 2, 5]  # not what was disliked
    assert (later.last - later.first).tolist() == [1, 1, 1]
    assert later.weights.tolist() == [1, 1, 1]


def test_targets_that_are_left_out_are_stood_for() -> None:
    n = 40
    feedback = Feedback.ordered(
        1, np.zeros(n, np.int64), np.arange(n), np.full(n, 5, np.float32), np.arange(n, dtype=np.float64)
    )
    later = later_targets(feedback, -1.0, 4.0, seed=0)
    lengths = later.last - later.first
    assert len(later.targets) == 1 + 4 + 2 * TARGETS_OF_ONE
    assert later.weights.sum() == pytest.approx(n)
    assert later.weights[(lengths >= 5) & (lengths < 20)].sum() == pytest.approx(15)
