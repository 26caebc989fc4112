"""The protocol on users of two tastes: who likes one kind gets that kind."""

import numpy as np
import pytest
from small_worlds import figure, setting_of, sound, tastes

from training.evaluation.figures import Figure
from training.evaluation.likes import likes_of
from training.evaluation.new_users import evaluate_new_users
from training.split import examples_as_split


@pytest.fixture(scope="module")
def figures() -> list[Figure]:
    return evaluate_new_users(setting_of(tastes()))


def test_users_whom_the_fit_has_never_seen_get_their_kind(figures: list[Figure]) -> None:
    # Of thirty items of their kind ten are known, so chance among the other twenty gives half of ten places.
    assert figure(figures, "blend", "HR@20") > 0.9
    assert figure(figures, "blend", "Recall@20") > 1.5 * figure(figures, "random", "Recall@20")
    assert figure(figures, "users by cosine", "Recall@20") > 1.5 * figure(figures, "random", "Recall@20")
    assert sound(figures)


def test_the_figure_for_everybody_is_the_mean_of_the_splits(figures: list[Figure]) -> None:
    splits = [figure(figures, "blend", "NDCG@100", f"split {n}") for n in (1, 2, 3)]
    assert figure(figures, "blend", "NDCG@100") == pytest.approx(np.mean(splits))
    assert len(set(splits)) == 3


def test_likes_have_no_order_in_time_and_no_low_ratings() -> None:
    feedback = tastes().feedback
    feedback.values[::3] = 3.5
    likes = likes_of(feedback, 4.0)
    assert len(likes) == len(feedback) - len(feedback.values[::3])
    assert not likes.times.any()
    assert (np.diff(likes.users * 1_000 + likes.items) > 0).all()


def test_examples_are_users_of_their_own() -> None:
    feedback = tastes().feedback
    split = examples_as_split(feedback, [np.array([0, 2]), np.array([1]), np.array([], np.int64)], np.array([1, 3, 4]))
    assert split.known.users.tolist() == [0, 0, 1]
    assert split.known.items.tolist() == feedback.items[[0, 2, 1]].tolist()
    assert split.targets.tolist() == feedback.items[[1, 3, 4]].tolist()
    assert split.known.n_users == 3
