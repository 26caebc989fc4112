"""The table of event kinds as the services and the training work with it: one array a column, one code a kind."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from app.engine.arrays import BoolArray, DoubleArray, FloatArray, RowArray
from app.event_kinds import EventKind, EventKinds

CodeArray = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Cause:
    """The kind of event that an entry of a history comes from, and the verb for it in English."""

    kind: str
    verb: str


@dataclass(frozen=True, slots=True)
class EventRules:
    """What events mean. A kind's code is its place in ``causes``; the arrays have the shape ``(n_kinds,)``.

    A ``value`` above ``whole_above`` makes an event a whole one (-inf: every value does). ``lifetimes`` are seconds.
    """

    kinds: dict[str, EventKind]
    causes: Sequence[Cause]
    codes: dict[str, int]
    weights: FloatArray
    part_weights: FloatArray
    whole_above: DoubleArray
    is_seen: BoolArray
    lifetimes: DoubleArray

    @staticmethod
    @lru_cache(maxsize=8)
    def of(table: EventKinds) -> "EventRules":
        """The rules that the settings give."""
        kinds = dict(table.items())
        each = list(kinds.values())
        return EventRules(
            kinds,
            [Cause(name, kind.verb) for name, kind in kinds.items()],
            {name: code for code, name in enumerate(kinds)},
            np.array([kind.weight for kind in each], np.float32),
            np.array([kind.part_weight for kind in each], np.float32),
            np.array([-np.inf if kind.whole_above is None else kind.whole_above for kind in each], np.float64),
            np.array([kind.seen for kind in each], np.bool_),
            np.array([_seconds(kind.expires_after_days) for kind in each], np.float64),
        )

    def weights_of(self, codes: CodeArray, values: DoubleArray) -> FloatArray:
        """The weight of each event, shape as given; a value that is not there is NaN."""
        return np.where(self._whole(codes, values), self.weights[codes], self.part_weights[codes])

    def seen_by(self, codes: CodeArray, values: DoubleArray) -> BoolArray:
        """Which of these events say that their item has been seen."""
        return self.is_seen[codes] & self._whole(codes, values)

    def alive(self, codes: CodeArray, times: DoubleArray, now: float) -> BoolArray:
        """Which of these events still count at ``now``; times are seconds since 1970."""
        return times > now - self.lifetimes[codes]

    def _whole(self, codes: CodeArray, values: DoubleArray) -> BoolArray:
        return np.nan_to_num(values) > self.whole_above[codes]


@dataclass(frozen=True, slots=True)
class Events:
    """Events in four arrays of shape ``(n,)``: what they are about, codes of kinds, values (NaN for none), seconds since 1970."""

    items: RowArray
    codes: CodeArray
    values: DoubleArray
    times: DoubleArray

    def __len__(self) -> int:
        return len(self.items)

    def take(self, chosen: BoolArray | RowArray) -> "Events":
        """The chosen events."""
        return Events(self.items[chosen], self.codes[chosen], self.values[chosen], self.times[chosen])


NO_EVENTS = Events(np.zeros(0, np.int64), np.zeros(0, np.int16), np.zeros(0), np.zeros(0))


def _seconds(days: int | None) -> float:
    return np.inf if days is None else timedelta(days=days).total_seconds()
