"""Small worlds in which what comes next can be known, and parameters of a size for them."""

import numpy as np

from app.engine.terms import Description
from training.collaborative import AlsParameters
from training.content import ContentParameters
from training.data import Feedback, ItemRecord, Snapshot
from training.evaluation.figures import Figure
from training.evaluation.setting import Setting
from training.evaluation.store import Store
from training.fit import Parameters
from training.item_to_item import EaseParameters

PARAMETERS = Parameters(
    als=AlsParameters(factors=8, iterations=4, regularisation=2.0),
    ease=EaseParameters(penalty=5.0),
    content=ContentParameters(width=8),
)


def setting_of(snapshot: Snapshot, store: Store | None = None) -> Setting:
    return Setting(snapshot, PARAMETERS, 5.0, store or Store(None))


def chain_of_items(n_items: int = 40, n_users: int = 60, length: int = 12) -> Snapshot:
    """Everybody takes the items in a circle, each from another beginning: the next item follows from the last."""
    users = np.repeat(np.arange(n_users), length)
    items = (np.repeat(np.arange(n_users) * 7, length) + np.tile(np.arange(length), n_users)) % n_items
    times = np.tile(np.arange(length), n_users).astype(np.float64)
    values = np.where(items % 2, 5.0, 4.0).astype(np.float32)
    records = [
        ItemRecord(i, f"{i:02}".encode(), Description(f"title {i}", categories=[str(i % 4)])) for i in range(n_items)
    ]
    return Snapshot(records, Feedback.ordered(n_users, users, items, values, times))


def tastes(n_items: int = 60, n_users: int = 100, length: int = 12, seed: int = 0) -> Snapshot:
    """Two kinds of items, told by their category, and users who like the one or the other; all at times of their own."""
    rng = np.random.default_rng(seed)
    kind = np.arange(n_items) % 2
    users = np.repeat(np.arange(n_users), length)
    items = np.concatenate(
        [rng.choice(np.flatnonzero(kind == user % 2), length, replace=False) for user in range(n_users)]
    )
    times = rng.permutation(len(users)).astype(np.float64)
    records = [
        ItemRecord(i, f"{i:02}".encode(), Description("title", categories=["odd" if kind[i] else "even"]))
        for i in range(n_items)
    ]
    return Snapshot(records, Feedback.ordered(n_users, users, items, np.full(len(users), 5.0, np.float32), times))


def figure(figures: list[Figure], ranker: str, metric: str, part: str = "all") -> float:
    return next(f.value for f in figures if (f.ranker, f.slice, f.metric) == (ranker, part, metric))


def sound(figures: list[Figure]) -> bool:
    """Whether every figure is a number within its interval, and none is there twice."""
    names = [(f.protocol, f.ranker, f.slice, f.metric) for f in figures]
    inside = all(f.low is None or f.high is None or f.low - 1e-9 <= f.value <= f.high + 1e-9 for f in figures)
    return inside and len(names) == len(set(names)) and all(np.isfinite(f.value) for f in figures)
