"""Popularity of items with votes from elsewhere: the whole answer before the first rating, a prior ever after."""

import numpy as np
import pytest

from app.engine.terms import Description
from training.data import Feedback, ItemRecord
from training.popularity import PopularityParameters, fit_popularity

VOTES = [(13_000, 8.1), (12_000, 8.2), (300, 6.0), (2, 10.0), (0, None), (9_000, 4.0)]


def catalogue(votes: list[tuple[int, float | None]]) -> list[ItemRecord]:
    return [
        ItemRecord(key, str(key).encode(), Description(f"Item {key}"), None, count, mean)
        for key, (count, mean) in enumerate(votes)
    ]


def ratings(items: list[int], value: float) -> Feedback:
    n = len(items)
    return Feedback.ordered(
        n, np.arange(n), np.array(items, np.int64), np.full(n, value, np.float32), np.full(n, 1_700_000_000.0)
    )


def fit(feedback: Feedback, votes: list[tuple[int, float | None]] = VOTES) -> tuple[np.ndarray, np.ndarray]:
    taken, liked = fit_popularity(feedback, catalogue(votes), 0.5, PopularityParameters())
    return taken, liked


def test_without_ratings_what_is_taken_follows_the_votes() -> None:
    taken, _ = fit(ratings([], 4))
    assert np.argsort(-taken, kind="stable").tolist() == [0, 1, 5, 2, 3, 4]
    assert taken[4] == 0


def test_without_ratings_a_mean_of_few_votes_is_shrunk_towards_that_of_all() -> None:
    _, liked = fit(ratings([], 4))
    overall = sum(count * (mean or 0) for count, mean in VOTES) / sum(count for count, _ in VOTES) / 2
    assert liked[4] == pytest.approx(overall)
    assert overall < liked[3] < liked[0] < liked[1] < 4.1
    assert liked[5] < overall


def test_the_first_rating_does_not_turn_the_list_over() -> None:
    taken, liked = fit(ratings([2], 5))
    assert taken[:2].min() > taken[2] > fit(ratings([], 4))[0][2]
    assert liked[1] > liked[2]


def test_many_ratings_outweigh_the_votes() -> None:
    taken, _ = fit(ratings([2] * 500 + [0] * 5, 3))
    assert taken.argmax() == 2
    assert taken[2] == pytest.approx(np.log(501), rel=0.01)


def test_without_votes_only_ratings_count() -> None:
    feedback = ratings([0, 0, 1], 3)
    taken, liked = fit(feedback, [(0, None)] * 3)
    assert taken.tolist() == pytest.approx(np.log1p([2, 1, 0]).tolist())
    assert liked.tolist() == pytest.approx([3, 3, 3])
