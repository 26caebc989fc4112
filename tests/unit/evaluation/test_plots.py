"""Plots are pictures that stand alone."""

import sys
import xml.etree.ElementTree as ET
from pathlib import Path

from training.evaluation.figures import Figure
from training.evaluation.plots import draw_plots

RANKERS = ("blend", "content", "users by cosine", "random")


def figures() -> list[Figure]:
    return [
        figure
        for place, ranker in enumerate(RANKERS)
        for figure in (
            Figure("p", ranker, "all", "NDCG@10", 0.5 - place / 10, 0.45 - place / 10, 0.55 - place / 10),
            Figure("p", ranker, "history 0", "NDCG@10", 0.2, 0.1, 0.3),
            Figure("p", ranker, "history 20+", "NDCG@10", 0.6, 0.5, 0.7),
            Figure("p", ranker, "all", "Coverage@20", place / 4),
            Figure("p", ranker, "diversity=0.3", "full NDCG@10", 0.3),
            Figure("p", ranker, "diversity=0.3", "Coverage@20", 0.4),
        )
    ]


def test_a_plot_by_ranker_by_history_and_against_coverage(tmp_path: Path) -> None:
    written = draw_plots(figures(), "NDCG@10", tmp_path / "new")
    assert [path.name for path in written] == ["p-rankers.svg", "p-history.svg", "p-coverage.svg", "p-dials.svg"]
    for path in written:
        text = path.read_text()
        ET.fromstring(text)  # noqa: S314 - our own file
        assert "NDCG@10" in text
        assert 'href="http' not in text
        assert "src=" not in text
    assert all("users by cosine" in path.read_text() for path in written[:3])
    assert "history 20+" in written[1].read_text()
    assert "0.500" in written[0].read_text()
    assert "diversity" in written[3].read_text()


def test_a_plot_without_figures_is_left_out(tmp_path: Path) -> None:
    few = [Figure("p", "blend", "all", "NDCG@10", 0.5, 0.4, 0.6)]
    assert [path.name for path in draw_plots(few, "NDCG@10", tmp_path)] == ["p-rankers.svg"]
    assert draw_plots([], "NDCG@10", tmp_path) == []


def test_what_an_interval_holds_is_drawn_by_slice(tmp_path: Path) -> None:
    held = [
        Figure("rating", "blend", part, "Inside interval", 0.8, 0.78, 0.82)
        for part in ("all", "history 20+", "cold item")
    ]
    [path] = draw_plots(held, "RMSE", tmp_path)
    assert path.name == "rating-interval.svg"
    assert "cold item" in path.read_text()


def test_the_library_leaves_the_import_of_others_alone() -> None:
    assert not [finder for finder in sys.meta_path if "pygal" in type(finder).__module__]
