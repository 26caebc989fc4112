"""Diversity: a list whose items differ, bought with some of their scores."""

from collections.abc import Callable

import numpy as np

from app.engine.arrays import BoolArray, FloatArray, RowArray
from app.engine.ranking import RowScores

MOST_DIVERSE = 200
"""How long a diverse list is: each of its places is chosen among all that are left of so many, the best by score."""


def ranked_list(
    scores: RowScores,
    allowed: BoolArray,
    limit: int,
    diversity: float,
    vectors_of: Callable[[RowArray], FloatArray],
) -> RowArray:
    """The list that a user is given: the rows with the ``limit`` highest ``scores`` that are ``allowed``, best first.

    With ``diversity``, from 0 to 1, the :data:`MOST_DIVERSE` best in the order that :func:`diversify` gives them, whatever the
    limit: so the beginning of a list does not depend on how much of it is asked for. ``vectors_of`` gives the content vectors of
    rows.
    """
    if not diversity:
        return scores.best(allowed, limit)
    best = scores.best(allowed, MOST_DIVERSE)
    return best[diversify(scores.scores_at(best), vectors_of(best), len(best), diversity)]


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
