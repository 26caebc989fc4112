# pyright: basic, reportMissingTypeStubs=false
# (pygal has no annotations: checked loosely here, and in this file only)
"""Draws figures as SVG: pictures that need no other file and no host."""

from collections.abc import Sequence
from pathlib import Path

from training.evaluation.dials import POSITIONS
from training.evaluation.figures import Figure
from training.evaluation.rankers import BLEND, RANDOM
from training.evaluation.summary import EVERYBODY, LENGTHS, length_slice
from training.evaluation.svg import XY, Bar, CleanStyle, HorizontalBar

COVERAGE = "Coverage@20"
INSIDE = "Inside interval"


def draw_plots(figures: Sequence[Figure], metric: str, directory: Path) -> list[Path]:
    """Draw the metric by signal, by history length, against coverage and by the dials, and what an interval holds, into the
    directory; returns the files.

    A plot for which there are no figures is left out.
    """
    directory.mkdir(parents=True, exist_ok=True)
    protocol = figures[0].protocol if figures else ""
    plots = {
        "rankers": _by_ranker(figures, metric),
        "history": _by_history(figures, metric),
        "coverage": _coverage(figures, metric),
        "dials": _dials(figures, f"full {metric}"),
        "interval": _interval(figures),
    }
    written: list[Path] = []
    for name, plot in plots.items():
        if plot is not None:
            path = directory / f"{protocol}-{name}.svg"
            plot.render_to_file(str(path))
            written.append(path)
    return written


def _by_ranker(figures: Sequence[Figure], metric: str) -> Bar | None:
    found = _of(figures, metric, EVERYBODY)
    if not found:
        return None
    plot = HorizontalBar(**_look(f"{found[0].protocol}: {metric}, with 95% intervals"), show_legend=False)
    plot.x_labels = [figure.ranker for figure in reversed(found)]
    plot.add(metric, [_with_interval(figure) for figure in reversed(found)])
    return plot


def _by_history(figures: Sequence[Figure], metric: str) -> Bar | None:
    parts = [length_slice(shortest, longest) for shortest, longest in LENGTHS]
    present = [part for part in parts if _of(figures, metric, part)]
    if len(present) < 2:
        return None
    plot = Bar(**_look(f"{figures[0].protocol}: {metric} by length of the history"), legend_at_bottom=True)
    plot.x_labels = present
    for ranker in dict.fromkeys(figure.ranker for figure in _of(figures, metric, present[-1])):
        if ranker != RANDOM:
            own = {figure.slice: figure for figure in figures if (figure.ranker, figure.metric) == (ranker, metric)}
            plot.add(ranker, [_with_interval(own[part]) if part in own else None for part in present])
    return plot


def _coverage(figures: Sequence[Figure], metric: str) -> XY | None:
    shares = {figure.ranker: figure.value for figure in _of(figures, COVERAGE, EVERYBODY)}
    found = [figure for figure in _of(figures, metric, EVERYBODY) if figure.ranker in shares]
    if not found:
        return None
    plot = XY(
        **_look(f"{found[0].protocol}: {metric} against the share of the catalogue in anybody's list"),
        stroke=False,
        dots_size=6,
        legend_at_bottom=True,
        x_title=COVERAGE,
        y_title=metric,
    )
    for figure in sorted(found, key=lambda figure: figure.ranker != BLEND):
        plot.add(figure.ranker, [(shares[figure.ranker], figure.value)])
    return plot


def _dials(figures: Sequence[Figure], metric: str) -> XY | None:
    """A line for each dial, through its positions from one end to the other."""
    found = {(figure.slice, figure.metric): figure.value for figure in figures if figure.ranker == BLEND}
    lines: dict[str, list[dict[str, object]]] = {}
    for position in POSITIONS:
        dial, _, value = position.name.partition("=")
        if (position.name, metric) in found and (position.name, COVERAGE) in found:
            place = (found[position.name, COVERAGE], found[position.name, metric])
            lines.setdefault(dial, []).append({"value": place, "label": value})
    if not lines:
        return None
    plot = XY(
        **_look(f"{figures[0].protocol}: {metric} against the share of the catalogue in anybody's list, by the dials"),
        dots_size=6,
        legend_at_bottom=True,
        print_labels=True,
        x_title=COVERAGE,
        y_title=metric,
    )
    for dial, points in lines.items():
        plot.add(dial, points)
    return plot


def _interval(figures: Sequence[Figure]) -> Bar | None:
    """How much the interval of a predicted rating holds, by how much is known of the user and of the item."""
    parts = [
        EVERYBODY,
        *(length_slice(shortest, longest) for shortest, longest in LENGTHS),
        "item not rated",
        "cold item",
    ]
    found = {figure.slice: figure for figure in figures if (figure.ranker, figure.metric) == (BLEND, INSIDE)}
    present = [part for part in parts if part in found]
    if not present:
        return None
    plot = Bar(
        **_look(f"{figures[0].protocol}: share of the ratings inside the interval"), show_legend=False, range=(0, 1)
    )
    plot.x_labels = present
    plot.add(INSIDE, [_with_interval(found[part]) for part in present])
    return plot


def _of(figures: Sequence[Figure], metric: str, part: str) -> list[Figure]:
    return [figure for figure in figures if (figure.metric, figure.slice) == (metric, part)]


def _with_interval(figure: Figure) -> dict[str, object]:
    drawn: dict[str, object] = {"value": round(figure.value, 4)}
    if figure.low is not None and figure.high is not None:
        drawn["ci"] = {"low": figure.low, "high": figure.high}
    return drawn


def _look(title: str) -> dict[str, object]:
    # No script from a foreign host, as pygal would have it.
    return {"title": title, "js": (), "style": CleanStyle, "width": 900, "height": 480, "value_formatter": _short}


def _short(value: object) -> str:
    """Numbers in three digits; points as pairs of them."""
    if isinstance(value, tuple):
        return ", ".join(map(_short, value))
    return f"{value:.3f}" if isinstance(value, float | int) else str(value)
