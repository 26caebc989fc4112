"""The engine: the signals and the blend put together."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from app.engine.arrays import BoolArray, FloatArray, RowArray
from app.engine.blend import Blend, standard_weights
from app.engine.extension import Extension
from app.engine.history import History
from app.engine.ranking import top_rows
from app.engine.signals import Reading, Signal, SignalName
from app.engine.similarity import Similarity


@dataclass(frozen=True, slots=True)
class Ranking:
    """Ranked rows, best first. ``scores`` is ``(r,)``; each signal's contributions are ``(r,)`` and add up to the scores.

    ``evidence[signal]``, where asked for, is ``(len(history), r)``: the part each history entry has in the contribution
    (without the constant that centring takes off)."""

    rows: RowArray
    scores: FloatArray
    contributions: Mapping[str, FloatArray]
    evidence: Mapping[SignalName, FloatArray]


class Scores:
    """All rows scored for one user: ``total`` has shape ``(n_rows,)``."""

    def __init__(
        self, signals: Sequence[Signal], readings: Sequence[Reading], weights: FloatArray, n_rows: int
    ) -> None:
        self._parts: list[tuple[SignalName, Reading, FloatArray]] = []
        self._lifted: FloatArray | None = None
        self.total = np.zeros(n_rows, np.float32)
        shares = standard_weights(weights, np.concatenate([reading.scales for reading in readings]))
        start = 0
        for signal, reading in zip(signals, readings, strict=True):
            share = shares[start : start + len(signal.columns)]
            start += len(signal.columns)
            if not share.any():
                continue
            reading.add_to(self.total, share)
            self._parts.append((signal.name, reading, share))
        self.total -= shares @ np.concatenate([reading.centres for reading in readings])

    def lift(self, lift: FloatArray) -> None:
        """Add ``lift``, ``(n_rows,)``, to the raw first column of the popularity signal, as part of its contribution."""
        shares = [share for name, _, share in self._parts if name == "popularity"]
        if not shares:
            return
        lifted: FloatArray = shares[0][:1] * lift
        self._lifted = lifted
        self.total += lifted

    def rank(self, allowed: BoolArray | None, limit: int, *, explain: bool = False) -> Ranking:
        """The best ``limit`` of the rows that are ``allowed`` (all, for None)."""
        return self.at(top_rows(self.total, allowed, limit), explain=explain)

    def at(self, rows: RowArray, *, explain: bool = False) -> Ranking:
        """Scores and contributions at the given rows, in their order."""
        contributions: dict[str, FloatArray] = {}
        evidence: dict[SignalName, FloatArray] = {}
        if explain:
            for name, reading, share in self._parts:
                part: FloatArray = reading.at(rows) - reading.centres[:, None]
                contributions[name] = share @ part
                evidence[name] = reading.evidence(rows, share)
                if name == "popularity" and self._lifted is not None:
                    contributions[name] = contributions[name] + self._lifted[rows]
        return Ranking(rows, self.total[rows], contributions, evidence)


class Engine:
    """Scores every item of a release for a user given as a history."""

    def __init__(self, signals: Sequence[Signal], blend: Blend, similarity: Similarity, n_rows: int) -> None:
        columns = tuple((signal.name, column) for signal in signals for column in signal.columns)
        if columns != blend.columns:
            raise ValueError(f"the blend is for the columns {blend.columns}, the signals have {columns}")
        self.signals = tuple(signals)
        self.blend = blend
        self.similarity = similarity
        self.n_rows = n_rows

    def extended(self, extension: Extension, n_release_rows: int) -> "Engine":
        """The same engine with these rows past the ``n_release_rows`` of the release."""
        signals = [signal.extended(extension) for signal in self.signals]
        similarity = self.similarity.extended(extension)
        return Engine(signals, self.blend, similarity, n_release_rows + len(extension))

    def score(
        self,
        history: History,
        *,
        signals: Collection[SignalName] | None = None,
        weights: FloatArray | None = None,
        popularity: float = 0.0,
    ) -> Scores:
        """Score every row for a history, by the learned weights or by the given ones, shape ``(c,)``. The dial ``popularity``
        turns the learned ones (:meth:`Blend.weights_for`).

        An empty history is scored by the weights for no history; entries of unknown items are the caller's to leave out.
        """
        if weights is None:
            weights = self.blend.weights_for(len(history), signals, popularity=popularity)
        readings = [signal.read(history) for signal in self.signals]
        return Scores(self.signals, readings, weights, self.n_rows)

    def standardised(self, history: History, rows: RowArray) -> FloatArray:
        """Every column at the given rows, centred and scaled: shape ``(c, len(rows))``. What the blend is learned from."""
        blocks: list[FloatArray] = []
        for signal in self.signals:
            reading = signal.read(history)
            shares = standard_weights(np.ones(len(signal.columns), np.float32), reading.scales)
            blocks.append((reading.at(rows) - reading.centres[:, None]) * shares[:, None])
        return np.concatenate(blocks)
