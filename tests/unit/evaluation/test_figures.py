"""Figures, their intervals, and how they are written."""

import json

import numpy as np
import pytest

from training.evaluation.figures import Figure, bootstrap_intervals, to_json, to_table, to_table_of_slices


def test_an_interval_holds_the_mean_and_narrows_with_users() -> None:
    rng = np.random.default_rng(0)
    few, many = rng.random((50, 2)), rng.random((5_000, 2))
    mean, low, high = bootstrap_intervals(few, np.ones(50), np.arange(50), 1)
    _, lower, higher = bootstrap_intervals(many, np.ones(5_000), np.arange(5_000), 1)
    np.testing.assert_allclose(mean, few.mean(axis=0))
    assert (low < mean).all()
    assert (mean < high).all()
    assert (higher - lower < (high - low) / 5).all()
    # By the normal approximation the half-width is 1.96 standard errors.
    np.testing.assert_allclose(high - low, 2 * 1.96 * few.std(axis=0) / np.sqrt(50), rtol=0.15)


def test_users_are_drawn_with_all_their_rows() -> None:
    values = np.repeat(np.random.default_rng(0).random(40), 25)[:, None]
    users = np.repeat(np.arange(40), 25)
    _, low, high = bootstrap_intervals(values, np.ones(1_000), users, 1)
    _, low_of_rows, high_of_rows = bootstrap_intervals(values, np.ones(1_000), np.arange(1_000), 1)
    assert high - low > 3 * (high_of_rows - low_of_rows)


def test_means_are_weighted() -> None:
    mean, _, _ = bootstrap_intervals(np.array([[0.0], [1.0]]), np.array([1.0, 3.0]), np.array([0, 0]), 1)
    assert mean.tolist() == [0.75]


def test_there_is_no_interval_without_users() -> None:
    with pytest.raises(ValueError, match="no users"):
        bootstrap_intervals(np.zeros((0, 1)), np.zeros(0), np.zeros(0, np.int64), 1)


def test_figures_are_written_as_json_and_as_a_table() -> None:
    figures = [Figure("p", "blend", "all", "HR@10", 0.5, 0.4, 0.6), Figure("p", "random", "all", "Coverage@20", 1.0)]
    written = json.loads(to_json(figures))
    assert [list(each) for each in written] == [["protocol", "ranker", "slice", "metric", "value", "low", "high"]] * 2
    table = to_table(figures, ("HR@10", "Coverage@20"), "all").splitlines()
    assert len(table) == 3
    assert "0.5000 ±0.100" in table[1]
    assert table[2].split() == ["random", "-", "1.0000"]


def test_a_table_leaves_out_what_has_no_figures() -> None:
    figures = [
        Figure("p", "blend", part, "RMSE", value) for part, value in (("dial=0", 0.5), ("dial=1", 0.75), ("all", 1.0))
    ]
    assert to_table(figures, ("Coverage@20",), "all") == ""
    assert to_table(figures, ("Coverage@20", "RMSE"), "all").split() == ["all", "RMSE", "blend", "1.0000"]
    down = to_table_of_slices(figures, ("RMSE", "Coverage@20"), "blend", ["dial=0", "dial=1"])
    assert down.split() == ["blend", "RMSE", "dial=0", "0.5000", "dial=1", "0.7500"]
