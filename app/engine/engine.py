"""The engine: the signals and the blend put together."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from app.engine.arrays import BoolArray, FloatArray, RowArray
from app.engine.blend import Blend, standard_weights
from app.engine.extension import Extension
from app.engine.history import History
from app.engine.ranking import rows_within, top_rows
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


POSTPONED_FROM = 20_000
"""With so many rows and more, a signal that cannot move a score far is read only where it decides who is among the best."""

MOST_CANDIDATES = 0.25
"""Where a greater share of the rows may be among the best, all are scored: picking rows costs more than running through."""

SAMPLED = 1_000
"""Among about so many rows that share is looked for."""


class Scores:
    """All rows scored for one user.

    The product with all content vectors is, on a large catalogue, a good part of a request, and moves each score by no more than
    the length of the query. So it may be postponed: rows that are further from the best than twice that cannot be among them.
    :meth:`best` is exact all the same.
    """

    def __init__(
        self,
        signals: Sequence[Signal],
        readings: Sequence[Reading | None],
        weights: FloatArray,
        n_rows: int,
        postponed_from: int = POSTPONED_FROM,
    ) -> None:
        read: list[tuple[SignalName, Reading, slice]] = []
        scales, centres = np.zeros_like(weights), np.zeros_like(weights)
        start = 0
        for signal, reading in zip(signals, readings, strict=True):
            columns = slice(start, start + len(signal.columns))
            start = columns.stop
            if reading is not None:
                scales[columns], centres[columns] = reading.scales, reading.centres
                read.append((signal.name, reading, columns))
        shares = standard_weights(weights, scales)
        self._sums = np.full(n_rows, -(shares @ centres), np.float32)
        self._parts: list[tuple[SignalName, Reading, FloatArray]] = []
        self._postponed: list[tuple[Reading, FloatArray]] = []
        self._reach = 0.0
        self._lifted: FloatArray | None = None
        for name, reading, columns in read:
            share = shares[columns]
            if not share.any():
                continue
            self._parts.append((name, reading, share))
            reach = reading.reach(share) if n_rows >= postponed_from else None
            if reach is None:
                reading.add_to(self._sums, share)
            else:
                self._postponed.append((reading, share))
                self._reach += reach

    @property
    def total(self) -> FloatArray:
        """The scores of all rows, shape ``(n_rows,)``."""
        for reading, share in self._postponed:
            reading.add_to(self._sums, share)
        self._postponed.clear()
        return self._sums

    def add(self, added: FloatArray) -> None:
        """Add to the scores of all rows, shape ``(n_rows,)``."""
        self._sums += added

    def best(self, allowed: BoolArray | None, limit: int) -> RowArray:
        """The ``limit`` best of the rows that are ``allowed`` (all, for None), best first; of equals the lower row first."""
        if self._postponed and self._few_within(limit):
            candidates = rows_within(self._sums, allowed, limit, 2.0 * self._reach)
            return candidates[top_rows(self.scores_at(candidates), None, limit)]
        return top_rows(self.total, allowed, limit)

    def _few_within(self, limit: int) -> bool:
        """Whether a sample of the rows promises few candidates."""
        sample = self._sums[:: max(len(self._sums) // SAMPLED, 1)]
        best = max(round(limit * len(sample) / len(self._sums)), 1)
        return len(rows_within(sample, None, best, 2.0 * self._reach)) <= MOST_CANDIDATES * len(sample)

    def scores_at(self, rows: RowArray) -> FloatArray:
        """The scores of these rows."""
        scores: FloatArray = self._sums[rows]
        for reading, share in self._postponed:
            scores += share @ reading.at(rows)
        return scores

    def lift(self, lift: FloatArray) -> None:
        """Add ``lift``, ``(n_rows,)``, to the raw first column of the popularity signal, as part of its contribution."""
        shares = [share for name, _, share in self._parts if name == "popularity"]
        if not shares:
            return
        lifted: FloatArray = shares[0][:1] * lift
        self._lifted = lifted
        self.add(lifted)

    def rank(self, allowed: BoolArray | None, limit: int, *, explain: bool = False) -> Ranking:
        """The best ``limit`` of the rows that are ``allowed`` (all, for None)."""
        return self.at(self.best(allowed, limit), explain=explain)

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
        return Ranking(rows, self.scores_at(rows), contributions, evidence)


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
        return Scores(self.signals, self._read(history, weights), weights, self.n_rows)

    def _read(self, history: History, weights: FloatArray) -> list[Reading | None]:
        """What each signal says; None where it has no weight, for then it need not be asked."""
        wanted: list[bool] = (weights != 0).tolist()
        readings: list[Reading | None] = []
        start = 0
        for signal in self.signals:
            columns = slice(start, start + len(signal.columns))
            start = columns.stop
            readings.append(signal.read(history, wanted[columns]) if any(wanted[columns]) else None)
        return readings

    def standardised(self, history: History, rows: RowArray) -> FloatArray:
        """Every column at the given rows, centred and scaled: shape ``(c, len(rows))``. What the blend is learned from."""
        blocks: list[FloatArray] = []
        for signal in self.signals:
            reading = signal.read(history)
            shares = standard_weights(np.ones(len(signal.columns), np.float32), reading.scales)
            blocks.append((reading.at(rows) - reading.centres[:, None]) * shares[:, None])
        return np.concatenate(blocks)
