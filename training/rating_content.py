"""What an item's content says of the stars it will be given: a ridge regression to the vectors of the rating model.

An item that nobody has rated comes from where all items come from, which says nothing of it. Its content does: the mean of the
Gaussian that its vector is drawn from moves with the content, and its spread is what the content leaves unexplained.
"""

from dataclasses import dataclass, replace

import numpy as np

from app.engine.arrays import DoubleArray, FloatArray, RowArray
from app.engine.content import item_features
from training.content import ContentFit
from training.rating_model import RatingFit

PENALTY = 10.0
PRIOR_RATINGS = 10.0
"""With how many ratings the vector of an item teaches half as much as that of a well-known one."""

FOLDS = 5
FEWEST_ITEMS = 50
MOST_ITEMS = 20_000
"""At most how many items teach, evenly spread over those that are rated."""


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


def features_of(content: ContentFit, term_factors: FloatArray) -> FloatArray:
    """What is known of each item by its content alone, shape ``(n, p)``; ``term_factors`` ``(t, k)`` map terms to factors."""
    return item_features(np.asarray(content.weighted @ term_factors, np.float32), content.vectors)


def map_content(rating: RatingFit, features: FloatArray, counts: RowArray) -> RatingFit:
    """The same with unrated items predicted by their ``features`` ``(n, p)``, where those say anything; ``counts`` ``(n,)`` are
    the ratings of each item.

    What the content leaves unexplained is measured on items that did not teach, a fifth of them after the other. Where it is no
    less of the bias, which is what moves the stars, than the mean of all items leaves, everything stays as it is.
    """
    samples = rating.samples
    teaching = np.flatnonzero(samples.rated)
    if len(teaching) < FEWEST_ITEMS or features.shape[1] == 0:
        return rating
    places = np.linspace(0, len(teaching) - 1, min(len(teaching), MOST_ITEMS)).astype(np.int64)
    rows = teaching[np.unique(places)]
    n_samples, d = samples.items.shape[1:]
    x, y = features[rows], samples.items[rows].reshape(len(rows), -1)
    weights = counts[rows] / (counts[rows] + PRIOR_RATINGS)
    covariances: DoubleArray = np.zeros((n_samples, d, d))
    explained = 0.0
    fold = np.arange(len(rows)) % FOLDS
    for number in range(FOLDS):
        held, taught = fold == number, fold != number
        ridge = _Ridge.of(x[taught], y[taught], weights[taught])
        left, before = ((y[held] - each).reshape(-1, n_samples, d) for each in (ridge(x[held]), ridge.centre))
        covariances += np.einsum("nsd,nse->sde", left, left, optimize=True)
        explained += float(weights[held] @ (np.square(before[:, :, -1]) - np.square(left[:, :, -1])).sum(axis=1))
    if explained <= 0:
        return rating
    ridge = _Ridge.of(x, y, weights)
    items = samples.items.copy()
    items[~samples.rated] = ridge(features[~samples.rated]).reshape(-1, n_samples, d)
    mapped = replace(
        samples,
        items=items,
        item_means=(ridge.centre - ridge.middle @ ridge.maps).reshape(n_samples, d),
        item_covariances=covariances / len(rows) + 1e-6 * np.eye(d),
        content_maps=ridge.maps.reshape(-1, n_samples, d).astype(np.float32),
    )
    return replace(rating, samples=mapped)
