"""What an evaluation comes to: a flat list of figures, each with its interval."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from app.engine.arrays import DoubleArray, RowArray

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


def bootstrap_intervals(
    values: DoubleArray, weights: DoubleArray, users: RowArray, seed: int
) -> tuple[DoubleArray, DoubleArray, DoubleArray]:
    """Weighted means of the columns of ``values`` and their percentile intervals: three arrays of shape ``(m,)``.

    Users are drawn again with replacement (Efron 1979), each with all their rows; the same draws serve every column. ``values``
    has shape ``(n, m)``, ``weights`` ``(n,)``, and ``users`` ``(n,)`` says whose each row is. Raises ``ValueError`` for no rows.
    """
    if len(values) == 0:
        raise ValueError("no users, no interval")
    _, owners = np.unique(users, return_inverse=True)
    n_users = int(owners.max()) + 1
    order = np.argsort(owners, kind="stable")
    firsts = np.searchsorted(owners[order], np.arange(n_users))
    sums = np.add.reduceat(values[order] * weights[order, None], firsts, axis=0)
    totals = np.add.reduceat(weights[order], firsts)
    rng = np.random.default_rng(seed)
    means = np.empty((RESAMPLES, values.shape[1]))
    for resample in means:
        times = np.bincount(rng.integers(0, n_users, n_users), minlength=n_users).astype(np.float64)
        resample[:] = (times @ sums) / (times @ totals)
    low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0)
    return sums.sum(axis=0) / totals.sum(), low, high


def to_json(figures: Iterable[Figure]) -> str:
    """The figures as a JSON list, one to a line."""
    return "[\n" + ",\n".join(json.dumps(asdict(figure)) for figure in figures) + "\n]\n"


def to_table(figures: Sequence[Figure], metrics: Sequence[str], part: str) -> str:
    """A table of one slice: rankers down, metrics across; the half-width of the interval stands behind each value."""
    rankers = list(dict.fromkeys(figure.ranker for figure in figures if figure.slice == part))
    found = {(figure.ranker, figure.metric): figure for figure in figures if figure.slice == part}
    width = max([len(part), *map(len, rankers)]) + 2
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
