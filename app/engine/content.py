"""The content signal: dense vectors of what an item says about itself, and the profile of what a user took.

An item's description becomes weighted terms (:mod:`app.engine.terms`), TF-IDF, and a dense vector by a projection learned in
training (latent semantic analysis; Deerwester et al. 1990). Only the vocabulary, the weights and the projection are needed
here, so that a new item has its vector without the library that fitted them. The vector is narrow, for it is multiplied with
those of all items at every request. The ridge regression from content to collaborative factors is not: it sees every term, and
costs a request nothing.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from app.engine.arrays import FloatArray
from app.engine.extension import Extension
from app.engine.history import History
from app.engine.signals import SignalName, Spread, VectorReading, take_rows
from app.engine.strings import StringTable
from app.engine.terms import field_of


@dataclass(frozen=True, slots=True)
class ContentTransform:
    """From terms to dense vectors: the sorted ``vocabulary`` of t terms, where the bare name of a field stands for every term of
    it that is not known; their weights ``(t,)`` (inverse document frequency times the field's weight), the ``projection``
    ``(t, d)``, and what each term says of the factors, ``(t, k)``, beside the ``factor_offset`` ``(k,)`` that all items share."""

    vocabulary: StringTable
    term_weights: FloatArray
    projection: FloatArray
    term_factors: FloatArray
    factor_offset: FloatArray

    def read(self, terms: Sequence[str]) -> tuple[FloatArray, FloatArray]:
        """The unit vector ``(d,)`` of an item with these terms, and its taste ``(k,)``: what its content makes of its factors
        beyond the offset. Both are zero when no term is known; a term that is not takes its share of the row without saying
        anything.

        ``tf = 1 + log(count)``, times the term's weight, normalised; then projected and normalised again, or mapped.
        """
        found = [(self._column(term), count) for term, count in Counter(terms).items()]
        columns = np.array([column for column, _ in found if column is not None], np.int64)
        counts = np.array([count for column, count in found if column is not None], np.float32)
        weights = ((1 + np.log(counts)) * self.term_weights[columns]).astype(np.float32)
        row = unit_rows(weights[None, :])
        return unit_rows(row @ self.projection[columns])[0], (row @ self.term_factors[columns])[0]

    def _column(self, term: str) -> int | None:
        """Where a term stands; for an unknown one its field, if the release knows that."""
        column = self.vocabulary.find(term.encode())
        return self.vocabulary.find(field_of(term).encode()) if column is None else column


def unit_rows(matrix: FloatArray) -> FloatArray:
    """Each row divided by its Euclidean length; rows of zeros stay."""
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    return np.divide(matrix, lengths, out=np.zeros_like(matrix), where=lengths > 0)


def item_features(tastes: FloatArray, vectors: FloatArray) -> FloatArray:
    """What content says of items in one row each, ``(n, k + d)``: the unit taste beside the unit vector."""
    return np.concatenate([unit_rows(tastes), vectors], axis=1)


@dataclass(frozen=True, slots=True)
class Profile:
    """How a history becomes a profile, a column for each time scale: the sum of the entries' vectors, each weighted with
    ``exp(-age / scale) * (preference + offset)``; the ``offset`` says how much merely having chosen an item means, and counts as
    often as an event's weight says."""

    time_scales: tuple[float, ...] = (20.0,)
    offset: float = 1.0


class Content:
    """Unit content vectors ``(n, d)`` and those of the extension ``(m, d)``."""

    name: SignalName = "content"

    def __init__(
        self, vectors: FloatArray, spread: Spread, profile: Profile, extension: FloatArray | None = None
    ) -> None:
        self.vectors = vectors
        self._vectors = (vectors, np.zeros((0, vectors.shape[1]), np.float32) if extension is None else extension)
        self._spread = spread
        self._profile = profile
        self.columns = tuple(f"{scale:g}" for scale in profile.time_scales)

    def extended(self, extension: Extension) -> "Content":
        """The same with other rows at the end."""
        return Content(self.vectors, self._spread, self._profile, extension.vectors)

    def read(self, history: History, wanted: Sequence[bool] | None = None) -> VectorReading:
        """Add the entries up to a profile, once for each time scale, wanted or not: it costs next to nothing."""
        del wanted
        entries = take_rows(self._vectors, history.rows)
        chosen = np.float32(1) if history.choices is None else history.choices
        strength: FloatArray = history.preferences + np.float32(self._profile.offset) * chosen
        weights: list[FloatArray] = [
            np.multiply(strength, np.exp(-history.ages / np.float32(scale)), dtype=np.float32)
            for scale in self._profile.time_scales
        ]
        queries = np.stack([entries.T @ w for w in weights], axis=1)

        def entry_queries() -> dict[int, FloatArray]:
            return {column: entries.T * w for column, w in enumerate(weights)}

        return VectorReading(self._vectors, self._spread, queries, entry_queries, longest=1.0)


FIELD_WEIGHTS: Mapping[str, float] = {
    "category": 1.5,
    "pair": 0.7,
    "tag": 0.7,
    "person": 1.0,
    "person.director": 1.5,
    "person.writer": 0.5,
    "title": 0.8,
    "text": 0.3,
    "year": 0.7,
    "language": 0.3,
    "attribute": 0.7,
}
"""How much a term of each field weighs; training keeps what it used in the manifest."""
