"""The popularity signal: the same for everybody, and the whole answer for a user without a history."""

from collections.abc import Sequence

import numpy as np

from app.engine.arrays import FloatArray, RowArray
from app.engine.extension import Extension
from app.engine.history import History
from app.engine.signals import SignalName, take_rows

OPTIMISM = 2.5
"""In standard deviations: about what the most popular items of a catalogue score."""


class Popularity:
    """Fixed columns ``(c, n)`` with the mean and the standard deviation of each over the reference rows, ``(c,)``.

    A changed item keeps its score. What a new one is worth nobody knows yet. For a user with a history it scores
    :data:`OPTIMISM` standard deviations above the mean until the next training, so that it is shown to those it may be for and
    finds out (optimism in the face of uncertainty; Lai and Robbins 1985). Where nothing but popularity orders a list nobody is
    known to be for it, and a delivery of new items would be the whole list: for an empty history it scores the mean.
    """

    name: SignalName = "popularity"

    def __init__(
        self,
        columns: tuple[str, ...],
        scores: FloatArray,
        centres: FloatArray,
        scales: FloatArray,
        extension: FloatArray | None = None,
        hopes: FloatArray | None = None,
    ) -> None:
        self.columns = columns
        self.centres = centres
        self.scales = scales
        self.scores = scores
        self.plain = (scores, scores[:, :0] if extension is None else extension)
        self.hopeful = self.plain if hopes is None else (scores, hopes)

    def extended(self, extension: Extension) -> "Popularity":
        """The same with other rows at the end."""
        unknown = extension.bases < 0
        late = np.empty((len(self.scores), len(extension)), np.float32)
        late[:, ~unknown] = self.scores[:, extension.bases[~unknown]]
        late[:, unknown] = self.centres[:, None]
        hopes = late.copy()
        hopes[:, unknown] += OPTIMISM * self.scales[:, None]
        return Popularity(self.columns, self.scores, self.centres, self.scales, late, hopes)

    def read(self, history: History, wanted: Sequence[bool] | None = None) -> "PopularityReading":
        """The same reading for every history, and one without hope for the empty one."""
        del wanted
        return PopularityReading(self, len(history))


class PopularityReading:
    """See :class:`app.engine.signals.Reading`."""

    def __init__(self, popularity: Popularity, n_history: int) -> None:
        self._parts = popularity.hopeful if n_history else popularity.plain
        self.centres = popularity.centres
        self.scales = popularity.scales
        self._n_history = n_history

    def add_to(self, total: FloatArray, weights: FloatArray) -> None:
        """See :class:`app.engine.signals.Reading`."""
        start = 0
        for part in self._parts:
            if part.shape[1]:
                total[start : start + part.shape[1]] += weights @ part
                start += part.shape[1]

    def reach(self, weights: FloatArray) -> None:
        """Not known without looking."""
        del weights

    def at(self, rows: RowArray) -> FloatArray:
        """See :class:`app.engine.signals.Reading`."""
        base, late = self._parts
        return take_rows((base.T, late.T), rows).T

    def evidence(self, rows: RowArray, weights: FloatArray) -> FloatArray:
        """None: popularity does not come from the history."""
        del weights
        return np.zeros((self._n_history, len(rows)), np.float32)
