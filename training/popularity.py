"""Fits the popularity signal: how much an item is taken of late, and how well it is liked."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.engine.arrays import DoubleArray, FloatArray
from app.services.opinions import OpinionPrior
from training.data import Feedback, ItemRecord

SECONDS_A_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class PopularityParameters:
    """``half_life_days``: after how long a rating counts half. ``prior_ratings``: how many ratings at the overall mean an item's
    mean is shrunk by. ``most_votes``: how many votes from elsewhere count in it at the most. ``votes_as_ratings``: for how many
    ratings an item's votes stand in what is taken, on average over the items that have any."""

    half_life_days: float = 365.0
    prior_ratings: float = 20.0
    most_votes: float = 50.0
    votes_as_ratings: float = 1.0


COLUMNS = ("taken", "liked")


def fit_popularity(
    feedback: Feedback, items: Sequence[ItemRecord], scale_share: float, parameters: PopularityParameters
) -> FloatArray:
    """The columns ``taken`` and ``liked``, shape ``(2, n_items)``.

    ``taken = log(1 + p + sum weight * 0.5 ** (age / half_life))``, with the age counted from the newest entry, not from the
    clock, the weight of a rating 1 and that of an event its own (what turns its item away does not count), and ``p`` the
    item's share of all votes from elsewhere, times ``votes_as_ratings`` for each item that has any: the prior of a catalogue
    without ratings, which fades as they come.

    Of the ratings alone, ``liked = (prior * overall + v * m + sum values) / (prior + v + count)``, a Bayesian mean, with ``v``
    the votes (at most ``most_votes``) and ``m`` their mean times ``scale_share`` (votes may have another scale). The overall
    mean is that of the ratings, shrunk by ``prior`` ratings towards that of the votes where there are any.
    """
    n = len(items)
    newest = feedback.times.max() if len(feedback) else 0.0
    decay = 0.5 ** ((newest - feedback.times) / (parameters.half_life_days * SECONDS_A_DAY))
    votes, means = _votes(items)
    total = votes.sum()
    shares = votes / total if total else votes
    stand_in = parameters.votes_as_ratings * np.count_nonzero(votes) * shares
    taken = np.log1p(
        stand_in + np.bincount(feedback.items, weights=decay * np.maximum(feedback.strengths, 0), minlength=n)
    )
    ratings = feedback if feedback.choices is None else feedback.take(feedback.rated)
    counts = np.bincount(ratings.items, minlength=n)
    sums = np.bincount(ratings.items, weights=ratings.values, minlength=n).astype(np.float64)
    liked = opinion_prior(feedback, items, scale_share, parameters).means(counts, sums, votes, means)
    return np.stack([taken, liked]).astype(np.float32)


def opinion_prior(
    feedback: Feedback, items: Sequence[ItemRecord], scale_share: float, parameters: PopularityParameters
) -> OpinionPrior:
    """What the mean of an item's opinions is shrunk to, as :func:`fit_popularity` says."""
    votes, means = _votes(items)
    prior, total, overall = parameters.prior_ratings, votes.sum(), feedback.mean
    if total:
        count = np.count_nonzero(feedback.rated)
        voted = float((votes / total) @ (np.nan_to_num(means) * scale_share))
        overall = (count * overall + prior * voted) / (count + prior)
    return OpinionPrior(prior, overall, parameters.most_votes, scale_share)


def _votes(items: Sequence[ItemRecord]) -> tuple[DoubleArray, DoubleArray]:
    """How many votes each item has and their mean as it came; no votes, and NaN, without a mean."""
    votes = np.array([(i.votes or 0) if i.vote_mean is not None else 0 for i in items], np.float64)
    means = np.array([np.nan if i.vote_mean is None else i.vote_mean for i in items], np.float64)
    return votes, means
