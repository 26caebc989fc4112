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
    limit = min(limit, int(np.count_nonzero(eligible)))
    if limit <= 0:
        return NO_ROWS
    values = np.where(eligible, scores, np.float32(-np.inf))
    threshold = np.partition(values, len(values) - limit)[len(values) - limit]
    best = np.flatnonzero(values >= threshold)
    if len(best) > limit:
        ties = np.flatnonzero(values[best] == threshold)
        best = np.delete(best, ties[limit - len(best) :])
    return best[np.argsort(-values[best], kind="stable")]
