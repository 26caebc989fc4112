"""The best rows, histories, and the blend's choice of weights."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.engine.blend import Blend, standard_weights
from app.engine.history import EMPTY, HISTORY_LIMIT, mean_ages, rating_history, rating_preferences
from app.engine.ranking import rows_within, top_rows

SCORES = st.one_of(
    st.sampled_from([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, 2.0]),
    st.floats(width=32),
)


@given(st.lists(st.tuples(SCORES, st.booleans()), max_size=40), st.integers(-1, 45), st.booleans())
def test_top_rows_are_the_best_allowed_ones_in_order(
    entries: list[tuple[float, bool]], limit: int, filtered: bool
) -> None:
    scores = np.array([score for score, _ in entries], np.float32)
    allowed = np.array([a for _, a in entries], np.bool_)
    shown = top_rows(scores, allowed if filtered else None, limit).tolist()
    eligible = [row for row, (_, a) in enumerate(entries) if scores[row] > -np.inf and (a or not filtered)]
    assert shown == sorted(eligible, key=lambda row: (-scores[row], row))[: max(limit, 0)]


def test_rows_within_a_distance_of_the_best_allowed_ones() -> None:
    scores = np.array([3, 5, np.nan, 4, 1, -np.inf, 4.5], np.float32)
    allowed = np.array([1, 1, 1, 0, 1, 1, 1], bool)
    assert rows_within(scores, allowed, 2, 1.5).tolist() == [0, 1, 6]
    assert rows_within(scores, None, 2, 0.5).tolist() == [1, 3, 6]
    assert rows_within(scores, allowed, 9, 0.0).tolist() == [0, 1, 4, 6]
    assert rows_within(scores, allowed, 0, 9.0).tolist() == []


def test_equal_scores_are_cut_by_row() -> None:
    scores = np.array([1, 2, 1, 2, 1, 3, 1], np.float32)
    assert top_rows(scores, None, 5).tolist() == [5, 1, 3, 0, 2]


def test_top_rows_leave_their_input_alone() -> None:
    scores, allowed = np.array([3, 1, 2], np.float32), np.array([True, True, False])
    top_rows(scores, allowed, 1)
    assert scores.tolist() == [3, 1, 2]
    assert allowed.tolist() == [True, True, False]


@given(st.lists(st.integers(0, 5), max_size=30).map(sorted))
def test_an_age_counts_the_newer_entries_and_equal_times_share_theirs(times: list[int]) -> None:
    places = {t: [len(times) - 1 - i for i, other in enumerate(times) if other == t] for t in times}
    ordered = len(set(times)) > 1
    expected = [sum(places[t]) / len(places[t]) if ordered else 0.0 for t in times]
    assert mean_ages(np.array(times, np.float64)).tolist() == pytest.approx(expected)


def test_a_history_without_order_in_time_is_not_long_past() -> None:
    imported = rating_history(np.arange(200), np.full(200, 4, np.float32), np.full(200, 1e9), 3.5)
    assert imported.ages.tolist() == [0] * 200


@given(st.lists(st.sampled_from([0.5, 1.0, 3.0, 4.5, 5.0]), max_size=30))
def test_a_preference_is_the_value_less_the_shrunken_mean(values: list[float]) -> None:
    mean = (5 * 3.2 + sum(values)) / (5 + len(values))
    preferences = rating_preferences(np.array(values, np.float32), 3.2)
    expected = [min(v - mean, v - 3.2) if v - 3.2 <= -2 else v - mean for v in values]
    assert preferences.tolist() == pytest.approx(expected, abs=1e-5)
    assert preferences.dtype == np.float32


@pytest.mark.parametrize("n", range(1, 21))
def test_who_dislikes_everything_they_rate_likes_none_of_it(n: int) -> None:
    assert (rating_preferences(np.full(n, 0.5, np.float32), 3.5) < -1.5).all()


def test_a_history_holds_the_newest_entries_newest_last() -> None:
    n = HISTORY_LIMIT + 3
    times = np.arange(n, dtype=np.float64)[::-1]
    history = rating_history(np.arange(n), np.full(n, 4, np.float32), times, 3.0)
    assert len(history) == HISTORY_LIMIT
    assert history.rows.tolist() == list(range(HISTORY_LIMIT))[::-1]
    assert history.ages.tolist() == list(range(HISTORY_LIMIT))[::-1]


def test_only_the_entries_that_are_kept_make_the_users_mean() -> None:
    n = HISTORY_LIMIT + 100
    values = np.where(np.arange(n) < 100, 0.5, 4.0).astype(np.float32)
    history = rating_history(np.arange(n), values, np.arange(n, dtype=np.float64), 4.0)
    assert history.preferences.tolist() == [0.0] * HISTORY_LIMIT


def test_a_history_of_nothing_is_empty() -> None:
    nothing = np.zeros(0)
    history = rating_history(nothing.astype(np.int64), nothing.astype(np.float32), nothing, 3.0)
    assert len(history) == len(EMPTY) == 0


def test_chosen_entries_keep_their_ages() -> None:
    history = rating_history(np.array([7, 8, 9]), np.array([3, 4, 5], np.float32), np.array([1.0, 2.0, 3.0]), 3.0)
    kept = history.take(np.array([True, False, True]))
    assert kept.rows.tolist() == [7, 9]
    assert kept.ages.tolist() == [2, 0]
    assert kept.preferences.tolist() == history.preferences[[0, 2]].tolist()


@pytest.mark.parametrize(("length", "expected"), [(0, 0), (1, 1), (4, 1), (5, 2), (19, 2), (20, 3), (500, 3)])
def test_the_weights_are_those_of_the_range_the_history_falls_in(length: int, expected: int) -> None:
    weights = np.arange(1, 9, dtype=np.float32).reshape(4, 2)
    blend = Blend((("content", "20"), ("popularity", "taken")), (0, 1, 5, 20), weights)
    assert blend.weights_for(length).tolist() == weights[expected].tolist()
    assert blend.weights_for(length, ["content"]).tolist() == [weights[expected, 0], 0]
    assert blend.weights_for(length, []).tolist() == [0, 0]


@pytest.mark.parametrize("sizes", [(), (1, 5), (0, 5, 5), (0, 5, 1)])
def test_history_sizes_ascend_from_nothing(sizes: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="ascend from 0"):
        Blend((("content", "20"),), sizes, np.ones((len(sizes), 1), np.float32))


def test_a_column_without_a_scale_has_no_weight() -> None:
    weights = standard_weights(np.full(4, 3, np.float32), np.array([2, 0, np.nan, 1e-9], np.float32))
    assert weights.tolist() == [1.5, 0, 0, 0]
