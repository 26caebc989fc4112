"""What one training run works on: arrays of feedback and descriptions of items, wherever they came from."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from app.engine.arrays import NO_ROWS, DoubleArray, FloatArray, RowArray
from app.engine.history import History, feedback_history, rating_history
from app.engine.terms import Description


@dataclass(frozen=True, slots=True)
class ItemRecord:
    """One item as the snapshot reads it; ``version`` is the transaction that wrote it last."""

    key: int
    id: bytes
    description: Description
    image_url: str | None = None
    votes: int | None = None
    vote_mean: float | None = None
    hidden: bool = False
    version: int = 0
    duration_minutes: int | None = None
    certificate: str | None = None
    url: str | None = None
    available_from: datetime | None = None
    available_until: datetime | None = None
    safe_for_all: bool = False
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Feedback:
    """Ratings and events in arrays of shape ``(n,)``, ordered by user, time and item; one entry at most for a user and item.

    ``users`` and ``items`` are rows (users numbered in the byte order of their ids), ``times`` seconds since 1970, UTC. An event
    has a NaN among the ``values``. ``choices`` are 1 for a rating and an event's weight; None stands for ratings alone.
    """

    n_users: int
    users: RowArray
    items: RowArray
    values: FloatArray
    times: DoubleArray
    choices: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.users)

    @classmethod
    def ordered(
        cls,
        n_users: int,
        users: RowArray,
        items: RowArray,
        values: FloatArray,
        times: DoubleArray,
        choices: FloatArray | None = None,
    ) -> "Feedback":
        """Put entries of any order into the one order that everything downstream relies on."""
        order = np.lexsort((items, times, users))
        chosen = None if choices is None else choices[order]
        return cls(n_users, users[order], items[order], values[order], times[order], chosen)

    def take(self, chosen: NDArray[np.bool_]) -> "Feedback":
        """The chosen entries; users keep their numbers."""
        choices = None if self.choices is None else self.choices[chosen]
        return Feedback(
            self.n_users, self.users[chosen], self.items[chosen], self.values[chosen], self.times[chosen], choices
        )

    @property
    def strengths(self) -> FloatArray:
        """How much each entry shows that the item was chosen, shape ``(n,)``; negative where it was turned away."""
        return np.ones(len(self), np.float32) if self.choices is None else self.choices

    @property
    def rated(self) -> NDArray[np.bool_]:
        """Which entries are ratings, shape ``(n,)``."""
        return ~np.isnan(self.values)

    @property
    def positive(self) -> "Feedback":
        """All ratings, for what was rated was chosen, and the events that do not turn their item away."""
        return self if self.choices is None else self.take(self.choices > 0)

    @property
    def starts(self) -> RowArray:
        """Where each user's entries begin, shape ``(n_users + 1,)``."""
        return np.searchsorted(self.users, np.arange(self.n_users + 1)).astype(np.int64)

    @property
    def mean(self) -> float:
        """The mean rating; 0 for no ratings."""
        values = self.values if self.choices is None else self.values[self.rated]
        return float(values.mean(dtype=np.float64)) if len(values) else 0.0


def history_of(feedback: Feedback, first: int, last: int, overall_mean: float) -> History:
    """The history made of the entries ``first`` up to ``last`` (one user's, exclusive end)."""
    entries = slice(first, last)
    if feedback.choices is not None:
        return feedback_history(
            feedback.items[entries],
            feedback.values[entries],
            feedback.choices[entries],
            feedback.times[entries],
            overall_mean,
        )
    return rating_history(feedback.items[entries], feedback.values[entries], feedback.times[entries], overall_mean)


@dataclass(frozen=True, slots=True)
class UserGroups:
    """Who is in which group. ``names`` are those of :func:`app.engine.group_popularity.group_name`; ``users`` and ``groups``,
    both ``(m,)``, are the pairs, by the numbers of the feedback's users."""

    names: Sequence[bytes] = ()
    users: RowArray = field(default_factory=lambda: NO_ROWS)
    groups: RowArray = field(default_factory=lambda: NO_ROWS)

    def of_user(self, user: int) -> list[int]:
        """The groups of one user."""
        return self.groups[self.users == user].tolist()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The rows that one training run reads. Items stand in the byte order of their ids: that is their row number."""

    items: Sequence[ItemRecord]
    feedback: Feedback
    groups: UserGroups = field(default_factory=UserGroups)

    @property
    def window(self) -> tuple[float, float] | None:
        """The oldest and the newest entry's time, seconds since 1970; None without feedback."""
        times = self.feedback.times
        return (float(times.min()), float(times.max())) if len(times) else None
