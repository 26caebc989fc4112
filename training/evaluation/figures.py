"""What an evaluation comes to: a flat list of figures, each with its interval."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from app.engine.arrays import DoubleArray, RowArray
from training.threads import one_blas_thread

RESAMPLES = 1_000
AT_ONCE = 50
"""How many resamples go into one matrix product."""

CONFIDENCE = 0.95
COLUMN = 20
"""How wide the columns of a table are."""


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
    with one_blas_thread():
        for first in range(0, RESAMPLES, AT_ONCE):
            draws = (rng.integers(0, n_users, n_users) for _ in range(min(AT_ONCE, RESAMPLES - first)))
            times = np.stack([np.bincount(drawn, minlength=n_users) for drawn in draws]).astype(np.float64)
            means[first : first + AT_ONCE] = (times @ sums) / (times @ totals)[:, None]
    low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0)
    return sums.sum(axis=0) / totals.sum(), low, high


def to_json(figures: Iterable[Figure]) -> str:
    """The figures as a JSON list, one to a line."""
    return "[\n" + ",\n".join(json.dumps(asdict(figure)) for figure in figures) + "\n]\n"


def to_table(figures: Sequence[Figure], metrics: Sequence[str], part: str) -> str:
    """A table of one slice: rankers down, metrics across; the half-width of the interval stands behind each value.

    What has no figure is left out, metric or ranker; "" where nothing has one."""
    return _table(part, {(f.ranker, f.metric): f for f in figures if f.slice == part}, metrics)


def to_table_of_slices(figures: Sequence[Figure], metrics: Sequence[str], ranker: str, parts: Sequence[str]) -> str:
    """A table of one ranker: slices down, metrics across; otherwise as :func:`to_table`."""
    return _table(ranker, {(f.slice, f.metric): f for f in figures if f.ranker == ranker and f.slice in parts}, metrics)


def _table(corner: str, found: Mapping[tuple[str, str], Figure], metrics: Sequence[str]) -> str:
    shown = [metric for metric in metrics if any(metric == of for _, of in found)]
    rows = list(dict.fromkeys(name for name, metric in found if metric in shown))
    if not rows:
        return ""
    width = max([len(corner), *map(len, rows)]) + 2
    lines = [corner.ljust(width) + "".join(metric.rjust(COLUMN) for metric in shown)]
    for row in rows:
        cells = [found.get((row, metric)) for metric in shown]
        lines.append(row.ljust(width) + "".join(_cell(figure).rjust(COLUMN) for figure in cells))
    return "\n".join(lines)


def _cell(figure: Figure | None) -> str:
    if figure is None:
        return "-"
    if figure.low is None or figure.high is None:
        return f"{figure.value:.4f}"
    return f"{figure.value:.4f} ±{(figure.high - figure.low) / 2:.3f}"
