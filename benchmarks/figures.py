"""Measured figures with their bounds, as a table and as JSON."""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
from rich.console import Console
from rich.table import Table

TABLE_WIDTH = 132


@dataclass(frozen=True, slots=True)
class Bound:
    """What a figure has to keep to."""

    side: Literal["at least", "at most"]
    value: float

    def holds(self, value: float) -> bool:
        """Whether ``value`` keeps to it; NaN never does."""
        return value >= self.value if self.side == "at least" else value <= self.value


def at_least(value: float) -> Bound:
    """A lower bound, itself allowed."""
    return Bound("at least", value)


def at_most(value: float) -> Bound:
    """An upper bound, itself allowed."""
    return Bound("at most", value)


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value. ``low`` and ``high`` are its spread over repeated rounds, the value then being their median."""

    name: str
    value: float
    unit: str
    bound: Bound | None = None
    low: float | None = None
    high: float | None = None
    note: str = ""

    @property
    def held(self) -> bool | None:
        """Whether the bound held; None where there is none."""
        return None if self.bound is None else self.bound.holds(self.value)


def median_of(name: str, rounds: Sequence[float], unit: str, bound: Bound | None = None, *, note: str = "") -> Figure:
    """The median of several rounds, with the lowest and the highest beside it."""
    return Figure(name, statistics.median(rounds), unit, bound, min(rounds), max(rounds), note)


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest measured value that at least this share of all do not exceed; raises ValueError for no values."""
    if not len(values):
        raise ValueError("there is nothing to take a quantile of")
    return float(np.quantile(np.asarray(values, np.float64), share, method="inverted_cdf"))


def missed(results: Mapping[str, Sequence[Figure]]) -> list[str]:
    """The figures whose bound did not hold, as ``benchmark: figure``."""
    return [f"{name}: {figure.name}" for name, figures in results.items() for figure in figures if figure.held is False]


def print_table(results: Mapping[str, Sequence[Figure]]) -> None:
    """The figures, a benchmark a section, to standard output."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("benchmark", "figure", "value", "spread", "bound", "held", "note"):
        table.add_column(column, justify="right" if column in {"value", "spread", "bound"} else "left")
    for benchmark, figures in results.items():
        for place, figure in enumerate(figures):
            table.add_row(benchmark if place == 0 else "", *_cells(figure))
        table.add_section()
    Console(width=TABLE_WIDTH).print(table)


def _cells(figure: Figure) -> list[str]:
    spread = ""
    if figure.low is not None and figure.high is not None:
        spread = f"{_number(figure.low, figure.unit)} to {_number(figure.high, figure.unit)}"
    bound = f"{figure.bound.side} {_number(figure.bound.value, figure.unit)}" if figure.bound else ""
    held = {None: "", True: "yes", False: "NO"}[figure.held]
    unit = "" if figure.unit == RATIO else f" {figure.unit}"
    return [figure.name, _number(figure.value, figure.unit) + unit, spread, bound, held, figure.note]


RATIO = "of the ceiling"


def _number(value: float, unit: str) -> str:
    if unit == RATIO and value > 0:
        return f"1/{1 / value:.1f}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def write_json(path: Path, results: Mapping[str, Sequence[Figure]], *, taken_at: datetime, context: Any) -> None:
    """Everything as one document: a flat list of figures, and under which circumstances they were taken."""
    figures = [
        {"benchmark": benchmark, **asdict(figure), "held": figure.held}
        for benchmark, measured in results.items()
        for figure in measured
    ]
    document = {"taken_at": taken_at.isoformat(), "context": context, "figures": figures}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
