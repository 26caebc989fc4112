"""The collaborative signal: implicit-feedback matrix factorisation, the user folded in at request time.

Hu, Koren and Volinsky, "Collaborative Filtering for Implicit Feedback Datasets", ICDM 2008. With item factors ``V`` and a
user's entries ``h`` of confidence ``1 + w_h`` and preference ``p_h``, the user's factors solve

    (V'V + reg I + sum_h w_h v_h v_h') x = sum_h w_h p_h v_h

and the score of an item is ``v' x``. (The one of ``1 + w_h`` on the right is left out: it only dampens the newest.)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg.lapack import sposv

from app.engine.arrays import FloatArray
from app.engine.extension import Extension
from app.engine.history import History
from app.engine.signals import SignalName, Spread, VectorReading, take_rows


@dataclass(frozen=True, slots=True)
class FoldIn:
    """How a history becomes equations. A column for each time scale: an entry of age ``a`` has the confidence
    ``w = confidence * exp(-a / scale)``. An entry whose preference is below ``dislike_below`` enters as preference 0 with
    its confidence raised by ``dislike_factor``, and so does an event that turns its item away. An event has the confidence of a
    rating times ``|weight|``."""

    time_scales: tuple[float, ...] = (10.0, 100.0)
    confidence: float = 20.0
    dislike_below: float = -1.5
    dislike_factor: float = 1.0


class Collaborative:
    """Item factors ``(n, k)``, those of the extension ``(m, k)``, and ``gram = V'V + reg I``, ``(k, k)``."""

    name: SignalName = "collaborative"

    def __init__(
        self,
        factors: FloatArray,
        gram: FloatArray,
        spread: Spread,
        fold_in: FoldIn,
        extension: FloatArray | None = None,
    ) -> None:
        self.factors = factors
        self._vectors = (factors, np.zeros((0, factors.shape[1]), np.float32) if extension is None else extension)
        self._gram = gram
        self._spread = spread
        self._fold_in = fold_in
        self.columns = tuple(f"{scale:g}" for scale in fold_in.time_scales)

    def extended(self, extension: Extension) -> "Collaborative":
        """The same with other rows at the end."""
        return Collaborative(self.factors, self._gram, self._spread, self._fold_in, extension.factors)

    def read(self, history: History, wanted: Sequence[bool] | None = None) -> VectorReading:
        """Fold the user in, once for each time scale that is wanted."""
        entries = take_rows(self._vectors, history.rows)
        liked: FloatArray = (history.preferences >= self._fold_in.dislike_below).astype(np.float32)
        if history.choices is not None:
            liked *= history.choices > 0
        scales = self._fold_in.time_scales
        columns = [c for c in range(len(scales)) if wanted is None or wanted[c]]
        confidences = {c: self._confidences(history, liked, scales[c]) for c in columns}
        queries = np.zeros((entries.shape[1], len(scales)), np.float32)
        for column, weights in confidences.items():
            queries[:, column] = solve(self._normal_matrix(entries, weights), np.matmul(weights * liked, entries))

        def entry_queries() -> dict[int, FloatArray]:
            return {
                c: solve(self._normal_matrix(entries, w), scaled(entries, w * liked)) for c, w in confidences.items()
            }

        return VectorReading(self._vectors, self._spread, queries, entry_queries)

    def _normal_matrix(self, entries: FloatArray, weights: FloatArray) -> FloatArray:
        """``V'V + reg I + sum_h w_h v_h v_h'``, a new array of shape ``(k, k)``."""
        matrix: FloatArray = np.matmul(scaled(entries, weights), entries)
        matrix += self._gram
        return matrix

    def _confidences(self, history: History, liked: FloatArray, scale: float) -> FloatArray:
        """The confidence of each entry, shape ``(len(history),)``."""
        confidences: FloatArray = np.exp(history.ages * np.float32(-1 / scale))
        confidences *= np.float32(self._fold_in.confidence)
        if self._fold_in.dislike_factor != 1:
            confidences[liked == 0] *= np.float32(self._fold_in.dislike_factor)
        if history.choices is not None:
            confidences *= np.abs(history.choices)
        return confidences


def scaled(entries: FloatArray, weights: FloatArray) -> FloatArray:
    """The entries ``(h, k)`` as columns, each times its weight: shape ``(k, h)``."""
    return np.multiply(entries.T, weights, dtype=np.float32)


def solve(matrix: FloatArray, sides: FloatArray) -> FloatArray:
    """Solve ``matrix @ x = sides`` for a symmetric positive definite matrix by Cholesky's factorisation.

    ``matrix`` is ``(k, k)`` and is overwritten, ``sides`` ``(k,)`` or ``(k, m)``; raises ``ValueError`` if it is not positive
    definite.
    """
    if sides.size == 0:
        return sides
    # Being symmetric, the transpose is the same matrix in the order that LAPACK takes without a copy.
    _, solution, info = sposv(matrix.T, sides, lower=1, overwrite_a=1)
    if info != 0:
        raise ValueError(f"the normal equations are not positive definite (LAPACK says {info})")
    return solution
