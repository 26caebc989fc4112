"""What people think of an item: ratings given here, and votes that were given elsewhere."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.engine.arrays import DoubleArray

VOTE_SCALE = 10.0
"""The top of the scale of votes from elsewhere, as TMDB and IMDb have it."""


@dataclass(frozen=True, slots=True)
class OpinionPrior:
    """What an item's mean is shrunk to: ``ratings`` ratings at ``mean``. At most ``most_votes`` votes from elsewhere count, each
    like a rating here; ``vote_share`` brings them to the scale of the ratings."""

    ratings: float
    mean: float
    most_votes: float
    vote_share: float

    def means(
        self,
        counts: NDArray[np.integer[Any]],
        sums: DoubleArray,
        votes: NDArray[Any],
        vote_means: DoubleArray,
    ) -> DoubleArray:
        """The Bayesian mean ``(ratings * mean + v * m + sums) / (ratings + v + counts)``, of shape ``(n,)`` as everything here.

        An item has ``counts`` ratings here that add up to ``sums``, and ``votes`` from elsewhere with a mean of ``vote_means``.
        ``v`` are these votes, at most ``most_votes``, none where their mean is NaN; ``m`` is their mean, as the ratings count.
        """
        known = ~np.isnan(vote_means)
        trusted = np.where(known, np.minimum(votes, self.most_votes), 0.0)
        moved = np.where(known, vote_means, 0.0) * self.vote_share
        return (self.ratings * self.mean + trusted * moved + sums) / (self.ratings + trusted + counts)
