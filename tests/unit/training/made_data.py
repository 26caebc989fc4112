"""Small snapshots, among them a checkerboard whose right answer is known."""

from collections.abc import Callable, Iterable

import numpy as np

from app.engine.collaborative import FoldIn
from app.engine.terms import Description
from training.collaborative import AlsParameters
from training.data import Feedback, ItemRecord, Snapshot
from training.fit import Parameters

SMALL = Parameters(als=AlsParameters(factors=2, regularisation=1.0, iterations=5), fold_in=FoldIn(confidence=5.0))
"""Parameters for a few dozen items."""

Rating = tuple[int, int, float, float]
"""User row, item row, value, time."""


def made_feedback(ratings: Iterable[Rating]) -> Feedback:
    """Feedback of these ratings, given in any order."""
    table = np.array(list(ratings), np.float64).reshape(-1, 4)
    users = table[:, 0].astype(np.int64)
    n_users = int(users.max()) + 1 if len(users) else 0
    return Feedback.ordered(
        n_users, users, table[:, 1].astype(np.int64), table[:, 2].astype(np.float32), table[:, 3].copy()
    )


def made_snapshot(
    n_items: int,
    ratings: Iterable[Rating] = (),
    describe: Callable[[int], Description] = lambda row: Description(f"item number{row}"),
) -> Snapshot:
    """A snapshot of that many items and these ratings."""
    items = [ItemRecord(row + 1, f"i{row:04}".encode(), describe(row)) for row in range(n_items)]
    return Snapshot(items, made_feedback(ratings))


def checkerboard(n_users: int = 120, n_items: int = 40, each: int = 8, seed: int = 1) -> Snapshot:
    """Users of even number take items of even number, the others the odd ones; nothing else tells items apart."""
    rng = np.random.default_rng(seed)
    ratings = [
        (user, int(item), float(rng.integers(6, 11)) / 2, float(time))
        for user in range(n_users)
        for time, item in enumerate(rng.permutation(np.arange(user % 2, n_items, 2))[:each])
    ]
    return made_snapshot(n_items, ratings, lambda _: Description("the same"))
