"""What an item's content says of the stars it will be given: a ridge regression to the vectors of the rating model.

An item that nobody has rated comes from where all items come from, which says nothing of it. Its content does: the mean of the
Gaussian that its vector is drawn from moves with the content, and its spread is what the content leaves unexplained.
"""

from dataclasses import dataclass, replace

import numpy as np

from app.engine.arrays import BoolArray, DoubleArray, FloatArray, RowArray
from app.engine.content import item_features
from app.engine.predicted_rating import RatingSamples
from training.content import ContentFit, ContentParameters, fit_term_factors
from training.data import Feedback
from training.rating_model import RatingFit, RatingParameters, expect_all, interval_ends
from training.threads import one_blas_thread

PENALTY = 10.0
PRIOR_RATINGS = 10.0
"""With how many ratings the vector of an item teaches half as much as that of a well-known one."""

FOLDS = 10
FEWEST_ITEMS = 50
MOST_ITEMS = 20_000
"""At most how many items teach, evenly spread over those that are rated."""

ENOUGH_HELD = 1_500
"""From so many items on that did not teach, what content leaves unexplained is known well enough."""

ERROR_USERS = 1_000
"""Of how many users, at the most, the errors are taken."""


@dataclass(frozen=True, slots=True)
class _Ridge:
    """``centre + (x - middle) @ maps`` with ``maps`` ``(p, m)``: what features ``(r, p)`` say of ``m`` numbers."""

    centre: DoubleArray
    middle: DoubleArray
    maps: DoubleArray

    @classmethod
    def of(cls, features: FloatArray, targets: FloatArray, weights: DoubleArray) -> "_Ridge":
        total = weights.sum()
        centre, middle = weights @ targets / total, weights @ features / total
        x = features - middle
        gram = (x * weights[:, None]).T @ x + PENALTY * np.eye(x.shape[1])
        sides = (x * weights[:, None]).T @ (targets - centre)
        return cls(centre, middle, np.asarray(np.linalg.solve(gram, sides), np.float64))

    def __call__(self, features: FloatArray) -> DoubleArray:
        return self.centre + (features - self.middle) @ self.maps


@dataclass(frozen=True, slots=True)
class ItemContent:
    """The items' content, and what it is understood by: ``term_factors`` ``(t, k)`` were learned from the ``factors`` ``(n, k)``
    of items with the feedback ``counts`` ``(n,)``."""

    content: ContentFit
    term_factors: FloatArray
    factors: FloatArray
    counts: RowArray
    parameters: ContentParameters

    def features(self) -> FloatArray:
        """What is known of each item by its content alone, shape ``(n, p)``."""
        return _features(self.content, self.term_factors)

    def features_without(self, rows: RowArray) -> FloatArray:
        """The same, as if these rows had taught nothing of what a term means: theirs are then those of new items."""
        counts = self.counts.copy()
        counts[rows] = 0
        term_factors, _ = fit_term_factors(self.content.weighted, self.factors, counts, self.parameters)
        return _features(self.content, term_factors)


def _features(content: ContentFit, term_factors: FloatArray) -> FloatArray:
    return item_features(np.asarray(content.weighted @ term_factors, np.float32), content.vectors)


@dataclass(frozen=True, slots=True)
class _Held:
    """Items that did not teach: their rows and what their content says of their vectors, ``(r, S, d)``."""

    rows: RowArray
    said: FloatArray


@dataclass(frozen=True, slots=True)
class _Trial:
    """What content says of items that did not teach: the spread ``(S, d, d)`` of what it leaves unexplained, and how much of the
    squared biases it explains."""

    held: tuple[_Held, ...]
    covariances: DoubleArray
    explained: float


def map_content(
    rating: RatingFit, items: ItemContent, feedback: Feedback, parameters: RatingParameters, seed: int
) -> RatingFit:
    """The same with unrated items predicted by their content, where it says anything, and with an interval of their own;
    ``feedback`` is what the model was fitted on.

    What the content leaves unexplained is measured on items that did not teach, neither the map nor what a term means: a tenth
    of them after the other, until they are :data:`ENOUGH_HELD`. Where it is no less of the bias, which is what moves the stars,
    than the mean of all items leaves, unrated items stay alike. The errors on those same items, as if nobody had rated them,
    give the ends of the interval.
    """
    samples = rating.samples
    teaching = np.flatnonzero(samples.rated)
    if len(teaching) < FEWEST_ITEMS:
        return rating
    places = np.linspace(0, len(teaching) - 1, min(len(teaching), MOST_ITEMS)).astype(np.int64)
    rows = teaching[np.unique(places)]
    counts = np.bincount(feedback.items[feedback.rated], minlength=len(samples.rated))[rows]
    weights = counts / (counts + PRIOR_RATINGS)
    trial = _try_content(samples, items, rows, weights)
    if trial.explained > 0:
        rating = replace(rating, samples=_mapped(samples, items, rows, weights, trial.covariances))
    errors = _errors_on_held(rating, trial, feedback.take(feedback.rated), seed)
    return replace(rating, reading=replace(rating.reading, unrated_ends=interval_ends(errors, parameters)))


def _try_content(samples: RatingSamples, items: ItemContent, rows: RowArray, weights: DoubleArray) -> _Trial:
    n_samples, d = samples.items.shape[1:]
    y = samples.items[rows].reshape(len(rows), -1)
    covariances: DoubleArray = np.zeros((n_samples, d, d))
    explained, n_held = 0.0, 0
    trials: list[_Held] = []
    fold = np.arange(len(rows)) % FOLDS
    for number in range(FOLDS):
        held, taught = fold == number, fold != number
        x = items.features_without(rows[held])[rows]
        ridge = _Ridge.of(x[taught], y[taught], weights[taught])
        said = ridge(x[held])
        left, before = ((y[held] - each).reshape(-1, n_samples, d) for each in (said, ridge.centre))
        covariances += np.einsum("nsd,nse->sde", left, left, optimize=True)
        explained += float(weights[held] @ (np.square(before[:, :, -1]) - np.square(left[:, :, -1])).sum(axis=1))
        trials.append(_Held(rows[held], said.reshape(-1, n_samples, d).astype(np.float32)))
        n_held += len(trials[-1].rows)
        if n_held >= ENOUGH_HELD:
            break
    return _Trial(tuple(trials), covariances / n_held + 1e-6 * np.eye(d), explained)


def _mapped(
    samples: RatingSamples, items: ItemContent, rows: RowArray, weights: DoubleArray, covariances: DoubleArray
) -> RatingSamples:
    """The samples with the map from content, learned on all ``rows``."""
    n_samples, d = samples.items.shape[1:]
    features = items.features()
    ridge = _Ridge.of(features[rows], samples.items[rows].reshape(len(rows), -1), weights)
    vectors = samples.items.copy()
    vectors[~samples.rated] = ridge(features[~samples.rated]).reshape(-1, n_samples, d)
    return replace(
        samples,
        items=vectors,
        item_means=(ridge.centre - ridge.middle @ ridge.maps).reshape(n_samples, d),
        item_covariances=covariances,
        content_maps=ridge.maps.reshape(-1, n_samples, d).astype(np.float32),
    )


def _errors_on_held(rating: RatingFit, trial: _Trial, feedback: Feedback, seed: int) -> DoubleArray:
    """The errors that some users' ratings of held items make, in standard deviations, if nobody had rated those items."""
    people = np.random.default_rng(seed).permutation(np.unique(feedback.users))[:ERROR_USERS]
    errors: list[DoubleArray] = []
    for number, held in enumerate(trial.held):
        own = feedback.take(np.isin(feedback.users, people[number :: len(trial.held)]))
        late: BoolArray = np.isin(own.items, held.rows)
        asked, known = own.take(late), own.take(~late)
        vectors, rated = rating.samples.items.copy(), rating.samples.rated.copy()
        vectors[held.rows], rated[held.rows] = held.said, False
        without = replace(rating, samples=replace(rating.samples, items=vectors, rated=rated))
        with one_blas_thread():
            expected = expect_all(without.predictor(), known, asked)
        errors.append((asked.values - expected.means) / expected.deviations)
    return np.concatenate(errors)
