"""The whole protocol on a small world in which the next item can be known."""

import pytest
from small_worlds import chain_of_items, figure, setting_of, sound

from training.evaluation.dials import POSITIONS
from training.evaluation.figures import Figure
from training.evaluation.last_out import evaluate_last_out

RANKERS = {
    "blend", "collaborative", "item_to_item", "next_item", "content", "popularity", "random",
    "users by cosine", "users by Pearson", "users by Jaccard",
}  # fmt: skip


@pytest.fixture(scope="module")
def figures() -> list[Figure]:
    return evaluate_last_out(setting_of(chain_of_items()))


def test_the_blend_learns_what_comes_next_and_chance_does_not(figures: list[Figure]) -> None:
    assert figure(figures, "blend", "full HR@10") > 0.95
    assert figure(figures, "next_item", "full NDCG@10") > 0.9
    assert figure(figures, "random", "full HR@10") < 0.6
    # With no more than 99 others, sampling leaves none out.
    assert figure(figures, "random", "HR@10") == pytest.approx(figure(figures, "random", "full HR@10"))
    assert {f.ranker for f in figures} == RANKERS
    assert sound(figures)


def test_the_slices_are_those_of_targets_and_of_history_lengths(figures: list[Figure]) -> None:
    assert [*dict.fromkeys(f.slice for f in figures)] == [
        "all", "target liked", "history 0", "history 1-4", "history 5-19", *(position.name for position in POSITIONS),
    ]  # fmt: skip
    assert figure(figures, "next_item", "full HR@10", "history 1-4") > 0.9
    assert figure(figures, "next_item", "full HR@10", "history 0") == 0


def test_the_dials_change_the_lists_and_at_rest_leave_them_as_they_are(figures: list[Figure]) -> None:
    for still in ("diversity=0", "popularity=0"):
        for metric in ("full NDCG@10", "Diversity@20", "Coverage@20"):
            assert figure(figures, "blend", metric, still) == pytest.approx(figure(figures, "blend", metric))
    assert figure(figures, "blend", "Diversity@20", "diversity=0.9") > figure(figures, "blend", "Diversity@20")
    bias = [figure(figures, "blend", "Popularity bias@20", f"popularity={value}") for value in ("-1", "0", "1")]
    assert bias == sorted(bias)


def test_the_cost_of_the_fit_is_told(figures: list[Figure]) -> None:
    costs = {f.metric: f.value for f in figures if f.metric.startswith("fit ")}
    assert costs.keys() == {"fit seconds", "fit processor seconds", "fit peak MB"}
    assert all(value > 0 for value in costs.values())


def test_the_same_data_gives_the_same_figures(figures: list[Figure]) -> None:
    again = evaluate_last_out(setting_of(chain_of_items()))
    assert [f for f in again if not f.metric.startswith("fit ")] == [
        f for f in figures if not f.metric.startswith("fit ")
    ]
