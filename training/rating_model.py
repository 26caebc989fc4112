"""Fits the model of explicit ratings: samples of the items' vectors, and how wide an interval has to be.

One chain does both. It begins without a part of the ratings; the errors it makes on those, in standard deviations of its own
prediction, give the ends of the interval. Then it goes on with all ratings, and the samples that are kept come from there.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from app.engine.arrays import BoolArray, DoubleArray, RowArray
from app.engine.history import newest_entries
from app.engine.predicted_rating import Expected, RatingPredictor, RatingReading, RatingSamples
from training.data import Feedback
from training.gibbs import Chain, Ratings, Sample
from training.split import hash_pairs
from training.threads import one_blas_thread

DRAW_VISITS = 40
"""To how many visits of a rating the drawing of one vector comes."""

Progress = Callable[[float], None]
"""Told how much is done, from 0 to 1."""


def report_nothing(share: float) -> None:
    """For callers who do not want to know."""
    del share


@dataclass(frozen=True, slots=True)
class RatingParameters:
    """``factors`` is k. Of the sweeps, ``burn_in`` are forgotten, ``trials`` measure the interval, and ``settling`` are forgotten
    after the ratings that were left out have come back. Of the rest every one is kept, or every second while all of them
    together visit at most ``visits`` ratings, until there are ``samples``.

    For the interval, which holds ``level``, the share ``left_out`` of the ratings of at most ``trial_users`` users is left out;
    ``normal_errors`` is how many errors of a normal distribution are thought to have been seen besides."""

    factors: int = 12
    burn_in: int = 8
    trials: int = 4
    settling: int = 2
    samples: int = 24
    visits: int = 20_000_000
    left_out: float = 0.1
    trial_users: int = 2_000
    level: float = 0.8
    normal_errors: float = 200.0


@dataclass(frozen=True, slots=True)
class RatingFit:
    """The samples, how they are read, and the root mean squared error on the ``left_out`` ratings; None where there were none."""

    samples: RatingSamples
    reading: RatingReading
    left_out: int
    rmse: float | None

    def predictor(self) -> RatingPredictor:
        """What serves."""
        return RatingPredictor(self.samples, self.reading)


def fit_rating_model(
    feedback: Feedback, n_items: int, parameters: RatingParameters, seed: int, report: Progress = report_nothing
) -> RatingFit | None:
    """The fit on the ratings of the feedback; None where there is none. The same input and seed give the same bits."""
    feedback = feedback.take(feedback.rated)
    if len(feedback) == 0:
        return None
    mean, unit = feedback.mean, float(feedback.values.std(dtype=np.float64)) or 1.0
    reading = RatingReading(mean, unit, *_normal_ends(parameters.level), parameters.level)
    rated, ratings = _numbered(feedback, n_items, mean, unit)
    left_out = _left_out(feedback, parameters, seed)
    visits = parameters.samples * (len(ratings) + DRAW_VISITS * (ratings.n_users + ratings.n_items))
    thinning = 2 if 2 * visits <= parameters.visits else 1
    with one_blas_thread():
        chain = _Sweeps(_take(ratings, ~left_out), parameters, thinning, seed, report)
        chain.forget(parameters.burn_in)
        trial = _samples(chain.keep(parameters.trials), rated)
        errors, squared = _errors(RatingPredictor(trial, reading), feedback, left_out)
        chain.chain.take_over(ratings)
        chain.forget(parameters.settling)
        kept = _samples(chain.keep(parameters.samples, thinning), rated)
    low, high = interval_ends(errors, parameters)
    rmse = float(np.sqrt(squared.mean())) if len(squared) else None
    return RatingFit(kept, replace(reading, low=low, high=high), len(errors), rmse)


def interval_ends(errors: DoubleArray, parameters: RatingParameters) -> tuple[float, float]:
    """Between which errors, in standard deviations, the middle ``level`` of ratings falls.

    The quantiles of the errors ``(n,)`` seen, averaged with those of a normal distribution that counts as ``normal_errors``.
    Ratings come in steps, lean to one side and end with the scale: their errors are not normal.
    """
    normal = np.array(_normal_ends(parameters.level))
    if len(errors) == 0:
        return _normal_ends(parameters.level)
    outside = (1 - parameters.level) / 2
    seen = np.quantile(errors, [outside, 1 - outside])
    weight = parameters.normal_errors
    low, high = (len(errors) * seen + weight * normal) / (len(errors) + weight)
    return float(low), float(high)


def _normal_ends(level: float) -> tuple[float, float]:
    high = NormalDist().inv_cdf((1 + level) / 2)
    return -high, high


def _numbered(feedback: Feedback, n_items: int, mean: float, unit: float) -> tuple[BoolArray, Ratings]:
    """Which items are rated, and the ratings in standard units of users and items that have any, numbered without gaps: one
    without a rating would only be drawn from where all come from, and slow the chain down."""
    rated: BoolArray = np.bincount(feedback.items, minlength=n_items) > 0
    people, users = np.unique(feedback.users, return_inverse=True)
    items = np.cumsum(rated)[feedback.items] - 1
    values = ((feedback.values - mean) / unit).astype(np.float32)
    return rated, Ratings(len(people), int(rated.sum()), users.astype(np.int64), items.astype(np.int64), values)


def _take(ratings: Ratings, chosen: BoolArray) -> Ratings:
    return replace(ratings, users=ratings.users[chosen], items=ratings.items[chosen], values=ratings.values[chosen])


def _left_out(feedback: Feedback, parameters: RatingParameters, seed: int) -> BoolArray:
    """A share of some users' ratings, by hashes."""
    trial_users = parameters.trial_users / max(feedback.n_users, parameters.trial_users)
    return _lot(feedback.users, np.zeros_like(feedback.items), seed + 2, trial_users) & _lot(
        feedback.users, feedback.items, seed + 3, parameters.left_out
    )


def _lot(users: RowArray, items: RowArray, seed: int, share: float) -> BoolArray:
    """Whether a hash in 2^53 steps from 0 to 1 lies below the share."""
    return (hash_pairs(users, items, seed) >> np.uint64(11)) < np.uint64(share * 2**53)


class _Sweeps:
    """A chain that tells how far it has come."""

    def __init__(
        self, ratings: Ratings, parameters: RatingParameters, thinning: int, seed: int, report: Progress
    ) -> None:
        self.chain = Chain(ratings, parameters.factors, np.random.default_rng(seed))
        self._done = 0
        self._all = parameters.burn_in + parameters.trials + parameters.settling + parameters.samples * thinning
        self._report = report

    def forget(self, count: int) -> None:
        """So many sweeps, none of them kept."""
        for _ in range(count):
            self._sweep()

    def keep(self, count: int, thinning: int = 1) -> list[Sample]:
        """So many samples, each the last of ``thinning`` sweeps."""
        kept: list[Sample] = []
        for _ in range(count):
            self.forget(thinning - 1)
            kept.append(self._sweep())
        return kept

    def _sweep(self) -> Sample:
        sample = self.chain.sweep()
        self._done += 1
        self._report(self._done / self._all)
        return sample


def _samples(samples: list[Sample], rated: BoolArray) -> RatingSamples:
    n, d = len(rated), samples[0].items.shape[1]
    items = np.zeros((n, len(samples), d), np.float32)
    items[rated] = np.stack([sample.items for sample in samples], axis=1)
    return RatingSamples(
        items,
        rated,
        np.stack([sample.user_prior.mean for sample in samples]),
        np.stack([sample.user_prior.precision for sample in samples]),
        np.stack([sample.item_prior.mean for sample in samples]),
        np.linalg.inv(np.stack([sample.item_prior.precision for sample in samples])).astype(np.float64),
        np.array([sample.noise for sample in samples]),
    )


def _errors(predictor: RatingPredictor, feedback: Feedback, left_out: BoolArray) -> tuple[DoubleArray, DoubleArray]:
    """How far the ratings that were left out lie from what was expected: in standard deviations, and squared in stars."""
    known, asked = feedback.take(~left_out), feedback.take(left_out)
    expected = expect_all(predictor, known, asked)
    errors = asked.values - expected.means
    return errors / expected.deviations, np.square(errors)


def expect_all(predictor: RatingPredictor, known: Feedback, asked: Feedback) -> Expected:
    """What is expected of each rating that is ``asked``, from the user's newest ratings that are ``known``, as a request would
    have it."""
    means, deviations = np.empty((2, len(asked)))
    unrated = np.zeros(len(asked), np.bool_)
    known_starts, asked_starts = known.starts, asked.starts
    for user in np.flatnonzero(np.diff(asked_starts)).tolist():
        entries = _newest(known, int(known_starts[user]), int(known_starts[user + 1]))
        chosen = slice(int(asked_starts[user]), int(asked_starts[user + 1]))
        folded = predictor.fold_in(known.items[entries], known.values[entries].astype(np.float64))
        expected = predictor.expect(folded, asked.items[chosen])
        means[chosen], deviations[chosen], unrated[chosen] = expected.means, expected.deviations, expected.unrated
    return Expected(means, deviations, unrated)


def _newest(feedback: Feedback, first: int, last: int) -> RowArray:
    return first + newest_entries(feedback.items[first:last], feedback.times[first:last])
