"""Charts: lists that are the same for everybody. What is popular, what is on the rise, what is new."""

from dataclasses import replace
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from app.engine.arrays import BoolArray, DoubleArray, FloatArray
from app.engine.ranking import GivenScores
from app.services.catalogue import Catalogue
from app.services.catalogue_columns import PERIOD_DAYS
from app.services.catalogue_item import UNDATED, days_of
from app.services.frozen_lists import Page, rows_left
from app.services.history import NOBODY
from app.services.live_engine import Serving
from app.services.personal import score_for
from app.services.reasons import POPULAR, Reason
from app.services.recommendations import ItemList, ListRequest, cut_list, page_of, rank_allowed, show_items

Period = Literal["day", "week", "month", "year", "all"]
TrendingPeriod = Literal["day", "week", "month"]

TRENDING = Reason("trending", "Taken more often of late than before")
NEWEST = Reason("newest", "New")
_LONGER: dict[TrendingPeriod, str] = {"day": "week", "week": "month", "month": "year"}
_BEHIND_DATED = 1_000_000.0
SECONDS_A_DAY = 86_400.0

IntArray = NDArray[np.int32]


def list_popular(
    serving: Serving, request: ListRequest, period: Period = "all", *, now: datetime, page: Page | None = None
) -> ItemList:
    """What is taken and liked most by everybody; of a period, what was taken most in it."""
    if period == "all":
        allowed = serving.catalogue.allowed(request.filters, now)
        return cut_list(serving, NOBODY, score_for(serving, NOBODY), allowed, request, now, page)
    return _chart(serving, popular_scores(serving, period), POPULAR, request, now, page)


def list_trending(
    serving: Serving, request: ListRequest, period: TrendingPeriod = "week", *, now: datetime, page: Page | None = None
) -> ItemList:
    """What was taken more often in this period than the time before it lets expect; then what is popular."""
    listed = _chart(serving, trending_scores(serving, period), TRENDING, request, now, page)
    if not request.explain:
        return listed
    items = [each if each.score > 0 else replace(each, reasons=[POPULAR]) for each in listed.items]
    return replace(listed, items=items)


def list_latest(serving: Serving, request: ListRequest, *, now: datetime, page: Page | None = None) -> ItemList:
    """The newest items first, without those whose release is still to come."""
    return _chart(serving, latest_scores(serving), NEWEST, request, now, page, released(serving.catalogue, now))


def popular_scores(serving: Serving, period: str) -> FloatArray:
    """How often each item was taken in a period, ``(n_rows,)``; what was taken equally often goes by its popularity at all."""
    return (serving.catalogue.taken(PERIOD_DAYS[period]) + _tie_break(serving)).astype(np.float32)


def trending_scores(serving: Serving, period: TrendingPeriod) -> FloatArray:
    """How surprising it is how often each item was taken in a period, shape ``(n_rows,)``.

    ``(c - e) / sqrt(e + 1)`` with ``c`` the count of the period and ``e`` the one that the item's share in the longer period,
    without this one, lets expect: standard deviations of a Poisson variable, with 1 added so that a single taker is no sensation.
    What was not taken more often than expected is not on the rise: it lies below zero, in the order of its popularity.
    """
    catalogue = serving.catalogue
    recent = catalogue.taken(PERIOD_DAYS[period]).astype(np.float64)
    before = np.maximum(catalogue.taken(PERIOD_DAYS[_LONGER[period]]) - recent, 0)
    total = before.sum()
    expected = before * (recent.sum() / total) if total else np.zeros_like(before)
    surprise = (recent - expected) / np.sqrt(expected + 1)
    return np.where(surprise > 0, surprise, _tie_break(serving) - 1).astype(np.float32)


def latest_scores(serving: Serving) -> FloatArray:
    """The day of each item's release since 1970, shape ``(n_rows,)``; the popular before others of the same day.

    Items without a date stand behind all others, by the day on which they were added.
    """
    days: IntArray = serving.catalogue.numbers("released")
    added: DoubleArray = serving.catalogue.numbers("added") / SECONDS_A_DAY
    order = np.where(days == UNDATED, added - _BEHIND_DATED, days)
    return np.add(order, _tie_break(serving), dtype=np.float32)


def released(catalogue: Catalogue, now: datetime) -> BoolArray:
    """Which items are not still to be released, ``(n_rows,)``; UNDATED lies before any day."""
    return catalogue.numbers("released") <= days_of(now.date())


def _tie_break(serving: Serving) -> FloatArray:
    """From 0 to one half by popularity: orders what is equal in whole numbers."""
    popularity = score_for(serving, NOBODY).scores.total
    lowest, highest = float(popularity.min(initial=0)), float(popularity.max(initial=0))
    return (popularity - lowest) * (0.5 / (highest - lowest)) if highest > lowest else np.zeros_like(popularity)


def _chart(
    serving: Serving,
    scores: FloatArray,
    reason: Reason,
    request: ListRequest,
    now: datetime,
    page: Page | None,
    among: BoolArray | None = None,
) -> ItemList:
    allowed = serving.catalogue.allowed(request.filters, now)
    if among is not None:
        allowed &= among
    ranked = GivenScores(scores)
    rows = rows_left(page, serving.catalogue, allowed) if page else rank_allowed(serving, ranked, allowed, request)
    shown = rows[: request.limit]
    items = show_items(serving.catalogue, shown, scores[shown], request.fields)
    if request.explain:
        items = [replace(each, reasons=[reason], contributions={"popularity": each.score}) for each in items]
    return page_of(serving, items, rows, request, now, page)
