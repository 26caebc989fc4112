"""Predicted ratings: how many stars a user would give."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from app.engine.arrays import RowArray
from app.engine.predicted_rating import Predicted, RatingPredictor, RatingScale
from app.services.catalogue import Catalogue
from app.services.history import KnownUser
from app.services.live_engine import Serving
from app.services.recommendations import ItemList


@dataclass(frozen=True, slots=True)
class PredictedRating:
    """What one item would get, and between which ratings it probably lies; None where nothing can be said."""

    item_id: str
    predicted_rating: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Predictions:
    """Predicted ratings and where they come from. ``interval`` is the share of ratings that lies between low and high, None where
    nothing can be predicted; ``ratings_used`` how many of the user's ratings count; ``degraded`` what was missing."""

    predictions: Sequence[PredictedRating]
    as_of: datetime
    interval: float | None = None
    ratings_used: int = 0
    release: str | None = None
    degraded: Sequence[str] = ()


def predict_ratings(
    serving: Serving | None,
    user: KnownUser,
    item_ids: Sequence[str],
    scale: RatingScale,
    *,
    now: datetime,
    degraded: Sequence[str] = (),
) -> Predictions:
    """What the user would give each of the items, in their order. Nothing is said of items that the catalogue does not know, nor
    of any without a release, or where nobody had rated anything when it was made."""
    if serving is None:
        return Predictions(_nothing(item_ids), now, degraded=("no_release", *degraded))
    predictor, release = serving.predictor, serving.release
    if predictor is None:
        return Predictions(_nothing(item_ids), now, release=release, degraded=degraded)
    rows = [_row_of(serving.catalogue, item_id) for item_id in item_ids]
    known = np.array([row for row in rows if row is not None], np.int64)
    found = iter(_rounded(predict_stars(predictor, user, known, scale)))
    predictions = [
        PredictedRating(item_id) if row is None else PredictedRating(item_id, *next(found))
        for item_id, row in zip(item_ids, rows, strict=True)
    ]
    ratings_used = int(np.isfinite(user.values).sum())
    return Predictions(predictions, now, predictor.reading.level, ratings_used, release, degraded)


def with_predictions(serving: Serving, user: KnownUser, listed: ItemList, scale: RatingScale) -> ItemList:
    """The list with a predicted rating on each item, where ratings can be predicted."""
    if serving.predictor is None:
        return listed
    rows = [serving.catalogue.row_of(item.item_id) for item in listed.items]
    known = np.array([row for row in rows if row is not None], np.int64)
    found = iter(_rounded(predict_stars(serving.predictor, user, known, scale)))
    items = [
        item if row is None else replace(item, predicted_rating=next(found)[0])
        for item, row in zip(listed.items, rows, strict=True)
    ]
    return replace(listed, items=items)


def predict_stars(predictor: RatingPredictor, user: KnownUser, rows: RowArray, scale: RatingScale) -> Predicted:
    """What the user would give the items in ``rows`` ``(r,)``. Of the history only the ratings count: an event tells no stars."""
    rated = np.isfinite(user.values)
    return predictor.predict(user.history.rows[rated], user.values[rated], rows, scale)


def _nothing(item_ids: Sequence[str]) -> list[PredictedRating]:
    return [PredictedRating(item_id) for item_id in item_ids]


def _row_of(catalogue: Catalogue, item_id: str) -> int | None:
    row = catalogue.row_of(item_id)
    return None if row is None or catalogue.is_deleted(row) else row


def _rounded(predicted: Predicted) -> list[list[float]]:
    """Stars, low and high of each item, to a hundredth."""
    return np.stack([predicted.stars, predicted.lows, predicted.highs], axis=1).round(2).tolist()
