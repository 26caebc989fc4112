"""The content signal: dense vectors of what an item says about itself, and the profile of what a user took.

An item's description becomes weighted terms (:mod:`app.engine.terms`), TF-IDF, and a dense vector by a projection learned in
training (latent semantic analysis; Deerwester et al. 1990). Only the vocabulary, the weights and the projection are needed
here, so that a new item has its vector without the library that fitted them. A ridge regression, fitted in training too, maps
content vectors to collaborative factors.
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


@dataclass(frozen=True, slots=True)
class ContentTransform:
    """From terms to dense vectors: sorted ``vocabulary`` of t terms, their weights ``(t,)`` (inverse document frequency times
    the field's weight), the ``projection`` ``(t, d)``, and the map to factors ``(d, k)`` with its ``factor_offset`` ``(k,)``."""

    vocabulary: StringTable
    term_weights: FloatArray
    projection: FloatArray
    factor_map: FloatArray
    factor_offset: FloatArray

    def vector(self, terms: Sequence[str]) -> FloatArray:
        """The unit vector of an item with these terms, shape ``(d,)``; zero when none of them is known.

        ``tf = 1 + log(count)``, times the term's weight, normalised, projected and normalised again.
        """
        found = {self.vocabulary.find(term.encode()): count for term, count in Counter(terms).items()}
        found.pop(None, None)
        columns = np.fromiter((c for c in found if c is not None), np.int64, len(found))
        counts = np.fromiter(found.values(), np.float32, len(found))
        weights = ((1 + np.log(counts)) * self.term_weights[columns]).astype(np.float32)
        return unit_rows(unit_rows(weights[None, :]) @ self.projection[columns])[0]

    def factors(self, vectors: FloatArray) -> FloatArray:
        """Collaborative factors for content vectors ``(m, d)``: shape ``(m, k)``."""
        return vectors @ self.factor_map + self.factor_offset


def unit_rows(matrix: FloatArray) -> FloatArray:
    """Each row divided by its Euclidean length; rows of zeros stay."""
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    return np.divide(matrix, lengths, out=np.zeros_like(matrix), where=lengths > 0)


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

    def read(self, history: History) -> VectorReading:
        """Add the entries up to a profile, once for each time scale."""
        entries = take_rows(self._vectors, history.rows)
        chosen = np.float32(1) if history.choices is None else history.choices
        strength: FloatArray = history.preferences + np.float32(self._profile.offset) * chosen
        weights: list[FloatArray] = [
            np.multiply(strength, np.exp(-history.ages / np.float32(scale)), dtype=np.float32)
            for scale in self._profile.time_scales
        ]
        queries = np.stack([entries.T @ w for w in weights], axis=1)

        def entry_queries() -> list[FloatArray]:
            return [entries.T * w for w in weights]

        return VectorReading(self._vectors, self._spread, queries, entry_queries)


FIELD_WEIGHTS: Mapping[str, float] = {
    "category": 1.0,
    "tag": 1.0,
    "person": 1.0,
    "title": 1.0,
    "text": 0.5,
    "decade": 0.5,
    "language": 0.3,
    "attribute": 0.7,
}
"""How much a term of each field weighs; training keeps what it used in the manifest."""
