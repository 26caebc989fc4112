"""Items like an item: by what it says about itself, by who takes it, or by both."""

from typing import Literal

import numpy as np

from app.engine.arrays import NO_ROWS, BoolArray, FloatArray, RowArray
from app.engine.extension import Extension
from app.engine.ranking import top_rows
from app.engine.signals import SignalName, take_rows

Likeness = Literal["hybrid", "content", "collaborative"]

TRUST_AT = 20.0
"""With how many ratings the factors of an item are trusted half."""


class Similarity:
    """Cosines of content vectors and of collaborative factors.

    Factors learned from few ratings are noise, so the cosine with such an item is shrunk by its trust
    ``t = count / (count + TRUST_AT)``. The hybrid adds both cosines up in units of their standard deviation over all rows, with
    the weights ``t`` and ``1 - t / 2`` of the item asked about: content is all there is for a new item, and less than half of it
    for a well-known one."""

    def __init__(
        self,
        factors: FloatArray,
        vectors: FloatArray,
        counts: RowArray,
        extension: Extension | None = None,
        lengths: FloatArray | None = None,
    ) -> None:
        late = extension or Extension.empty(factors.shape[1], vectors.shape[1])
        # An extension comes with every item that is written: what the release's rows give is worked out once.
        own_lengths: FloatArray = np.linalg.norm(factors, axis=1) if lengths is None else lengths
        self._base = (factors, vectors, counts, own_lengths)
        self._factors = (factors, late.factors)
        self._vectors = (vectors, late.vectors)
        self._lengths = np.concatenate([own_lengths, np.linalg.norm(late.factors, axis=1)])
        every = np.concatenate([counts, late.counts]).astype(np.float32)
        self._trust = every / (every + np.float32(TRUST_AT))

    def extended(self, extension: Extension) -> "Similarity":
        """The same with other rows at the end."""
        factors, vectors, counts, lengths = self._base
        return Similarity(factors, vectors, counts, extension, lengths)

    def content_of(self, rows: RowArray) -> FloatArray:
        """The content vectors of rows, ``(len(rows), d)``."""
        return take_rows(self._vectors, rows)

    def scores(self, row: int, by: Likeness) -> FloatArray:
        """How like ``row`` each row is, shape ``(n_rows,)``: a cosine, or for the hybrid a weighted sum of standard scores. The
        row itself scores -inf."""
        if by == "content":
            total = self._by_content(row)
        elif by == "collaborative":
            total = self._by_factors(row)
        else:
            trust = float(self._trust[row])
            by_factors, by_content = _standard(self._by_factors(row)), _standard(self._by_content(row))
            total = np.add(trust * by_factors, (1 - trust / 2) * by_content, dtype=np.float32)
        total[row] = -np.inf
        return total

    def parts(self, row: int, by: Likeness) -> dict[SignalName, FloatArray]:
        """What each signal adds to :meth:`scores`, each of shape ``(n_rows,)``; the row itself aside, they add up to it."""
        if by == "content":
            return {"content": self._by_content(row)}
        if by == "collaborative":
            return {"collaborative": self._by_factors(row)}
        trust = np.float32(self._trust[row])
        by_factors, by_content = _standard(self._by_factors(row)), _standard(self._by_content(row))
        return {"collaborative": trust * by_factors, "content": (1 - trust / 2) * by_content}

    def rank(self, row: int, by: Likeness, allowed: BoolArray | None, limit: int) -> tuple[RowArray, FloatArray]:
        """The rows most like ``row``, best first, and their scores; none where nothing is like it at all."""
        scores = self.scores(row, by)
        if not (scores > 0).any():
            return NO_ROWS, np.zeros(0, np.float32)
        rows = top_rows(scores, allowed, limit)
        return rows, scores[rows]

    def _by_factors(self, row: int) -> FloatArray:
        query = take_rows(self._factors, np.array([row]))[0]
        products = np.concatenate([part @ query for part in self._factors])
        lengths = self._lengths * self._lengths[row]
        cosines = np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0)
        return np.multiply(cosines, self._trust, dtype=np.float32)

    def _by_content(self, row: int) -> FloatArray:
        query = take_rows(self._vectors, np.array([row]))[0]
        return np.concatenate([part @ query for part in self._vectors])


def _standard(scores: FloatArray) -> FloatArray:
    """Centred and scaled; zeros for scores that do not differ."""
    scale = scores.std()
    return (scores - scores.mean()) / scale if scale > 0 else np.zeros_like(scores)
