"""Engines of random arrays, and a slow, obvious float64 way to what they compute."""

from dataclasses import dataclass

import numpy as np

from app.engine.arrays import AnyArray, DoubleArray
from app.engine.assembly import Configuration, build_engine
from app.engine.collaborative import FoldIn
from app.engine.content import Profile
from app.engine.engine import Engine
from app.engine.extension import Extension, stand_ins_of
from app.engine.history import History, rating_history
from app.engine.item_to_item import ItemToItemReading
from app.engine.next_item import NextItemColumn, NextItemReading
from app.engine.signals import Spread
from app.engine.tables import FORGOTTEN

N, K, D = 40, 5, 6
COLUMNS = (
    ("collaborative", "3"),
    ("collaborative", "30"),
    ("item_to_item", "0"),
    ("item_to_item", "6"),
    ("next_item", "300/4"),
    ("next_item", "9/2"),
    ("next_item", "9/30"),
    ("content", "8"),
    ("popularity", "taken"),
    ("popularity", "liked"),
)
CONFIGURATION = Configuration(
    overall_mean=3.5,
    fold_in=FoldIn(time_scales=(3.0, 30.0), confidence=20.0, dislike_below=-1.0, dislike_factor=2.5),
    item_to_item=ItemToItemReading(time_scales=(0.0, 6.0), dislike_below=-1.0, dislike_weight=0.25),
    next_item=NextItemReading(
        (NextItemColumn(300.0, 4.0), NextItemColumn(9.0, 2.0), NextItemColumn(9.0, 30.0)), dislike_below=-1.0
    ),
    profile=Profile(time_scales=(8.0,), offset=1.0),
    popularity_columns=("taken", "liked"),
    blend_columns=COLUMNS,
    blend_sizes=(0, 3, 10),
)


def made_arrays(seed: int, n: int = N) -> dict[str, AnyArray]:
    """The arrays of an engine of ``n`` items."""
    rng = np.random.default_rng(seed)
    factors = rng.normal(0.1, 0.5, (n, K)).astype(np.float32)
    vectors = unit(rng.normal(0.2, 1.0, (n, D)))
    popularity = rng.gamma(2.0, 1.0, (2, n)).astype(np.float32)
    factor_spread, vector_spread = Spread.of(factors), Spread.of(vectors)
    return {
        "collaborative.factors": factors,
        "collaborative.gram": (factors.T @ factors + 2.0 * np.eye(K)).astype(np.float32),
        "collaborative.mean": factor_spread.mean,
        "collaborative.covariance": factor_spread.covariance,
        "reference": np.arange(n),
        "item_to_item.matrix": rng.normal(0.0, 0.1, (n, n)).astype(np.float32),
        **sparse_table("next_item.0", rng.gamma(1.0, 1.0, (n, n)), rng.random((n, n)) < 0.3),
        "next_item.1.matrix": rng.gamma(1.0, 1.0, (n, n)).astype(np.float32),
        "content.vectors": vectors,
        "content.mean": vector_spread.mean,
        "content.covariance": vector_spread.covariance,
        "popularity.scores": popularity,
        "popularity.centres": popularity.mean(axis=1),
        "popularity.scales": popularity.std(axis=1),
        "popularity.counts": rng.integers(0, 50, n),
        "blend.weights": rng.normal(0.5, 0.3, (3, len(COLUMNS))).astype(np.float32),
    }


def sparse_table(name: str, cells: DoubleArray, kept: AnyArray) -> dict[str, AnyArray]:
    """The arrays of a sparse table of those cells that are kept."""
    return {
        f"{name}.starts": np.r_[0, np.cumsum(kept.sum(axis=1))].astype(np.int64),
        f"{name}.columns": np.nonzero(kept)[1].astype(np.int32),
        f"{name}.values": cells[kept].astype(np.float32),
    }


def table(arrays: dict[str, AnyArray], name: str) -> DoubleArray:
    """A table in full, whether it is stored dense or sparse."""
    if f"{name}.matrix" in arrays:
        return arrays[f"{name}.matrix"].astype(np.float64)
    starts = arrays[f"{name}.starts"]
    full = np.zeros((len(starts) - 1, len(starts) - 1))
    for row in range(len(full)):
        for cell in range(starts[row], starts[row + 1]):
            full[row, arrays[f"{name}.columns"][cell]] = arrays[f"{name}.values"][cell]
    return full


def made_engine(arrays: dict[str, AnyArray]) -> Engine:
    """The engine of these arrays."""
    return build_engine(arrays, CONFIGURATION)


def made_history(seed: int, length: int, n: int = N) -> History:
    """Ratings of different items, likes and dislikes, some at equal times."""
    rng = np.random.default_rng(seed)
    rows = rng.permutation(n)[:length].astype(np.int64)
    values = (rng.integers(1, 11, length) / 2).astype(np.float32)
    return rating_history(rows, values, rng.integers(0, max(length, 1), length).astype(np.float64), 3.5)


def made_extension(seed: int, bases: list[int]) -> Extension:
    """Rows past the release's own; a base of -1 is a new item."""
    rng = np.random.default_rng(seed)
    m = len(bases)
    factors = rng.normal(0.1, 0.5, (m, K)).astype(np.float32)
    vectors = unit(rng.normal(0.2, 1.0, (m, D)))
    places = np.array(bases, np.int64)
    neighbours, shares = stand_ins_of(made_arrays(seed)["content.vectors"], vectors, places)
    return Extension(factors, vectors, rng.integers(0, 50, m), places, neighbours, shares)


def unit(matrix: DoubleArray) -> AnyArray:
    return (matrix / np.linalg.norm(matrix, axis=1, keepdims=True)).astype(np.float32)


@dataclass
class Reference:
    """What an engine must say, in float64: raw ``columns`` ``(c, n_rows)``, and how they are centred and scaled."""

    columns: DoubleArray
    centres: DoubleArray
    scales: DoubleArray

    def scores(self, weights: AnyArray) -> DoubleArray:
        return self.shares(weights) @ (self.columns - self.centres[:, None])

    def shares(self, weights: AnyArray) -> DoubleArray:
        return np.array([w / s if s > 1e-6 else 0.0 for w, s in zip(weights, self.scales, strict=True)])


def reference(arrays: dict[str, AnyArray], history: History, extension: Extension | None = None) -> Reference:
    """Column by column, entry by entry; centres and scales are over the release's rows."""
    late = extension or Extension.empty(K, D)
    factors = np.concatenate([arrays["collaborative.factors"], late.factors]).astype(np.float64)
    vectors = np.concatenate([arrays["content.vectors"], late.vectors]).astype(np.float64)
    gram = arrays["collaborative.gram"].astype(np.float64)
    columns = [factors @ folded_in(factors, gram, history, scale) for scale in CONFIGURATION.fold_in.time_scales]
    tables = {name: table(arrays, name) for name in ("item_to_item", "next_item.0", "next_item.1")}
    columns += [
        looked_up(tables["item_to_item"], history, scale, late, CONFIGURATION.item_to_item, None)
        for scale in CONFIGURATION.item_to_item.time_scales
    ]
    columns += [
        looked_up(tables[name], history, scale, late, None, FORGOTTEN * longest)
        for name, scale, longest in (("next_item.0", 4.0, 4.0), ("next_item.1", 2.0, 30.0), ("next_item.1", 30.0, 30.0))
    ]
    columns += [vectors @ profile(vectors, history, scale) for scale in CONFIGURATION.profile.time_scales]
    n = len(arrays["collaborative.factors"])
    for scores in arrays["popularity.scores"].astype(np.float64):
        hopeful = scores.mean() + (2.5 * scores.std() if len(history.rows) else 0.0)
        columns.append(np.r_[scores, [scores[base] if base >= 0 else hopeful for base in late.bases]])
    release = np.stack(columns)[:, :n]
    return Reference(np.stack(columns), release.mean(axis=1), release.std(axis=1))


def looked_up(
    cells: DoubleArray,
    history: History,
    scale: float,
    late: Extension,
    dislikes: ItemToItemReading | None,
    oldest: float | None,
) -> DoubleArray:
    """The weighted sum of the entries' rows of a table, by their age from the newest; items of the extension stand on their
    neighbours."""
    n = len(cells)
    total = np.zeros(n)
    ages = [float(age) - min(history.ages) for age in history.ages]
    for row, preference, age in zip(history.rows, history.preferences, ages, strict=True):
        if oldest is not None and age > oldest:
            continue
        weight = np.exp(-age / scale) if scale else 1.0
        if max(history.preferences) < CONFIGURATION.item_to_item.dislike_below:
            weight *= -1.0 if dislikes else 0.0
        elif dislikes and preference < dislikes.dislike_below:
            weight *= dislikes.dislike_weight
        known = cells[row] if row < n else late.shares[row - n].astype(np.float64) @ cells[late.neighbours[row - n]]
        total += weight * known
    borrowed = [float(total[rows] @ shares) for rows, shares in zip(late.neighbours, late.shares, strict=True)]
    return np.r_[total, borrowed]


def folded_in(factors: DoubleArray, gram: DoubleArray, history: History, scale: float) -> DoubleArray:
    """The solution of the normal equations of Hu, Koren and Volinsky."""
    fold_in = CONFIGURATION.fold_in
    matrix, side = gram.copy(), np.zeros(len(gram))
    for row, preference, age in zip(history.rows, history.preferences, history.ages, strict=True):
        confidence = fold_in.confidence * np.exp(-float(age) / scale)
        if preference < fold_in.dislike_below:
            matrix += confidence * fold_in.dislike_factor * np.outer(factors[row], factors[row])
        else:
            matrix += confidence * np.outer(factors[row], factors[row])
            side += confidence * factors[row]
    return np.linalg.solve(matrix, side)


def profile(vectors: DoubleArray, history: History, scale: float) -> DoubleArray:
    """The weighted sum of the entries' vectors."""
    total = np.zeros(vectors.shape[1])
    for row, preference, age in zip(history.rows, history.preferences, history.ages, strict=True):
        total += np.exp(-float(age) / scale) * (float(preference) + CONFIGURATION.profile.offset) * vectors[row]
    return total
