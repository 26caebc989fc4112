"""What an evaluation comes to: a flat list of figures, each with its interval."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from app.engine.arrays import DoubleArray

RESAMPLES = 1_000
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure. ``low`` and ``high`` are its 95% interval, None where it is not a mean over users."""

    protocol: str
    ranker: str
    slice: str
    metric: str
    value: float
    low: float | None = None
    high: float | None = None


def bootstrap_interval(values: DoubleArray, seed: int) -> tuple[float, float]:
    """The percentile interval of the mean of ``values``, one a user, shape ``(n,)``: users are drawn again with replacement
    (Efron 1979). Raises ``ValueError`` for no values."""
    if len(values) == 0:
        raise ValueError("no users, no interval")
    rng = np.random.default_rng(seed)
    means = np.array([values[rng.integers(0, len(values), len(values))].mean() for _ in range(RESAMPLES)])
    low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def to_json(figures: Iterable[Figure]) -> str:
    """The figures as a JSON list, one to a line."""
    return "[\n" + ",\n".join(json.dumps(asdict(figure)) for figure in figures) + "\n]\n"


def to_table(figures: Sequence[Figure], metrics: Sequence[str], part: str) -> str:
    """A table of one slice: rankers down, metrics across; the interval stands behind the first metric."""
    rankers = list(dict.fromkeys(figure.ranker for figure in figures if figure.slice == part))
    found = {(figure.ranker, figure.metric): figure for figure in figures if figure.slice == part}
    width = max([len(ranker) for ranker in rankers], default=0) + 2
    lines = [part.ljust(width) + "".join(metric.rjust(16) for metric in metrics)]
    for ranker in rankers:
        cells = [found.get((ranker, metric)) for metric in metrics]
        lines.append(ranker.ljust(width) + "".join(_cell(figure).rjust(16) for figure in cells))
    return "\n".join(lines)


def _cell(figure: Figure | None) -> str:
    if figure is None:
        return "-"
    if figure.low is None or figure.high is None:
        return f"{figure.value:.4f}"
    return f"{figure.value:.4f} ±{(figure.high - figure.low) / 2:.3f}"
