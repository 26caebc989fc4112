"""From scores to the best rows."""

import numpy as np

from app.engine.arrays import NO_ROWS, BoolArray, FloatArray, RowArray


def top_rows(scores: FloatArray, allowed: BoolArray | None, limit: int) -> RowArray:
    """The rows of the ``limit`` highest scores, best first; of equal scores the lower row comes first.

    ``scores`` has shape ``(n,)``. Rows that are not ``allowed`` and rows whose score is NaN or -inf are never returned,
    so the answer may be shorter than ``limit``.
    """
    eligible = scores > -np.inf  # False for NaN as well
    if allowed is not None:
        eligible &= allowed
    candidates = np.flatnonzero(eligible)
    if limit <= 0 or len(candidates) == 0:
        return NO_ROWS
    values = scores[candidates]
    if limit < len(candidates):
        threshold = np.partition(values, len(values) - limit)[len(values) - limit]
        above = values > threshold
        ties = np.flatnonzero(values == threshold)[: limit - int(np.count_nonzero(above))]
        above[ties] = True
        candidates, values = candidates[above], values[above]
    return candidates[np.argsort(-values, kind="stable")]
