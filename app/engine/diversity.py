"""Diversity: a list whose items differ, bought with some of their scores."""

import numpy as np

from app.engine.arrays import FloatArray, RowArray

POOL = 10
"""How many candidates there are for each place of a list."""


def diversify(scores: FloatArray, vectors: FloatArray, limit: int, diversity: float) -> RowArray:
    """The positions of ``limit`` candidates by maximal marginal relevance, in the order in which they are chosen.

    Carbonell and Goldstein, "The Use of MMR, Diversity-Based Reranking for Reordering Documents and Producing Summaries",
    SIGIR 1998: each place goes to the candidate with the greatest ``(1 - d) * relevance - d * max similarity`` to those that
    are chosen already. ``scores`` ``(m,)``, best first, become relevances from 0 to 1 over the candidates; the similarity is the
    cosine of ``vectors``, ``(m, k)`` of unit length or zero. Of equal candidates the earlier is chosen. ``diversity`` 0 keeps
    the order of the scores.
    """
    limit = min(limit, len(scores))
    if diversity <= 0 or limit <= 1:
        return np.arange(limit)
    span = np.float32(scores[0] - scores[-1])
    relevance = (scores - scores[-1]) / span if span > 0 else np.zeros_like(scores)
    relevance = np.float32(1 - diversity) * relevance
    likeness = np.full(len(scores), -1, np.float32)
    chosen = np.zeros(limit, np.int64)  # the first place goes to the best
    for place in range(1, limit):
        last = chosen[place - 1]
        relevance[last] = -np.inf
        np.maximum(likeness, vectors @ vectors[last], out=likeness)
        chosen[place] = np.argmax(relevance - np.float32(diversity) * likeness)
    return chosen
