"""The home page of a user: titled rows in one answer, in which no item comes twice."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import numpy as np
import orjson

from app.engine.arrays import BoolArray, FloatArray, RowArray
from app.engine.ranking import top_rows
from app.services.catalogue import Catalogue
from app.services.charts import NEWEST, TRENDING, latest_scores, released, trending_scores
from app.services.filters import Filters
from app.services.history import KnownUser
from app.services.live_engine import Serving
from app.services.personal import Fallback, PersonalScores, allowed_rows, named_entries, score_for
from app.services.reasons import Reason, similar_to
from app.services.recommendations import ListedItem, ListRequest, explained_items, show_items
from app.services.tastes import fading

RowKind = Literal["for_you", "popular", "because_you_liked", "trending", "latest", "category"]

MOST_LIKED_ROWS = 2
NEWEST_LIKES = 50
"""Among how many of the newest entries of a history the likes are looked for."""

STRONG_LIKE = 0.5
"""The least preference of an item that a row begins with: so much above what the user gives on average."""

STATED_LIKE = 5.0
"""What it counts, beside the preferences of the items in it, that a user has stated to like a category."""

BROAD_SHARE = 0.5
"""A category that holds more of the catalogue than this says nothing about anybody."""


@dataclass(frozen=True, slots=True)
class HomeRow:
    """One row: what it is, its title in English, what it is about, and its items."""

    kind: RowKind
    title: str
    items: Sequence[ListedItem]
    item_id: str | None = None
    item_title: str | None = None
    category: str | None = None


@dataclass(frozen=True, slots=True)
class Home:
    """The rows and where they come from, as :class:`~app.services.recommendations.ItemList` has it."""

    rows: Sequence[HomeRow]
    release: str | None
    as_of: datetime
    history_size: int = 0
    fallback: Fallback | None = None
    degraded: Sequence[str] = field(default_factory=tuple[str, ...])


def make_home(
    serving: Serving, user: KnownUser, request: ListRequest, *, now: datetime, degraded: Sequence[str] = ()
) -> Home:
    """The rows for a user, best first. An item stands in the first row that it is good enough for; a row without any is left
    out."""
    allowed = allowed_rows(serving.catalogue, user, request.filters, now, include_seen=request.include_seen)
    scores = score_for(serving, user, signals=request.signals, popularity=request.popularity)
    page = _Page(serving, user, request, scores, allowed)
    fallback = scores.fallback_for(user)
    rows = [page.personal("popular", "Popular") if fallback == "popularity" else page.personal("for_you", "For you")]
    rows += [page.like(row) for row in _newest_likes(serving.catalogue, user)]
    trending = trending_scores(serving, "week")
    rows.append(page.chart("trending", "Trending", trending, TRENDING, trending > 0))
    rows.append(page.chart("latest", "New", latest_scores(serving), NEWEST, released(serving.catalogue, now)))
    rows += [page.of_category(category) for category in _categories(serving.catalogue, user, request.filters, now)]
    return Home([row for row in rows if row.items], serving.release, now, user.history_size, fallback, degraded)


class _Page:
    """The rows that are made so far, by the items that are left."""

    def __init__(
        self, serving: Serving, user: KnownUser, request: ListRequest, scores: PersonalScores, allowed: BoolArray
    ) -> None:
        self._serving = serving
        self._user = user
        self._request = request
        self._scores = scores
        self._left = allowed

    def personal(
        self, kind: RowKind, title: str, among: BoolArray | None = None, category: str | None = None
    ) -> HomeRow:
        """What the user's own ranking has on top."""
        rows = self._take(self._scores.scores.total, among)
        ranking = self._scores.at(rows, explain=self._request.explain)
        items = explained_items(self._serving, ranking, self._user, self._request, self._scores)
        return HomeRow(kind, title, items, category=category)

    def of_category(self, category: str) -> HomeRow:
        """The best of a category."""
        return self.personal("category", category, self._serving.catalogue.in_category(category), category)

    def like(self, row: int) -> HomeRow:
        """What is like an item that the user liked."""
        catalogue, similarity = self._serving.catalogue, self._serving.engine.similarity
        reason = similar_to(catalogue, row)
        likeness = similarity.scores(row, "hybrid")
        rows = self._take(likeness, likeness > 0)
        parts = similarity.parts(row, "hybrid") if self._request.explain else {}
        items = self._shown(rows, likeness, reason, {name: part[rows] for name, part in parts.items()})
        title = f"Because you liked {reason.title}"
        return HomeRow("because_you_liked", title, items, reason.item_id, reason.title)

    def chart(
        self, kind: RowKind, title: str, scores: FloatArray, reason: Reason, among: BoolArray | None = None
    ) -> HomeRow:
        """A list that is the same for everybody, but for what may be shown to the user."""
        rows = self._take(scores, among)
        return HomeRow(kind, title, self._shown(rows, scores, reason, {"popularity": scores[rows]}))

    def _take(self, scores: FloatArray, among: BoolArray | None) -> RowArray:
        rows = top_rows(scores, self._left if among is None else self._left & among, self._request.limit)
        self._left[rows] = False
        return rows

    def _shown(
        self, rows: RowArray, scores: FloatArray, reason: Reason, contributions: dict[str, FloatArray]
    ) -> list[ListedItem]:
        items = show_items(self._serving.catalogue, rows, scores[rows], self._request.fields)
        if not self._request.explain:
            return items
        return [
            ListedItem(
                each.item_id,
                each.score,
                each.card,
                [reason],
                {name: float(part[place]) for name, part in contributions.items()},
            )
            for place, each in enumerate(items)
        ]


def _newest_likes(catalogue: Catalogue, user: KnownUser) -> list[int]:
    """The rows of the items that were liked last, the newest first, of those that may be named."""
    named = set(user.history.rows[named_entries(catalogue, user)].tolist())
    return [row for row, _ in _likes(user) if row in named][:MOST_LIKED_ROWS]


def _likes(user: KnownUser) -> Iterator[tuple[int, float]]:
    """The newest items that were clearly liked and how much, the newest first: a history ends with its newest entry."""
    rows, preferences = user.history.rows[::-1], user.history.preferences[::-1]
    liked = np.flatnonzero(preferences[:NEWEST_LIKES] >= STRONG_LIKE)
    return zip(rows[liked].tolist(), preferences[liked].tolist(), strict=True)


def _categories(catalogue: Catalogue, user: KnownUser, filters: Filters, now: datetime) -> list[str]:
    """The category that a user likes most, of one without likes the two largest; none where categories are asked for. What they
    have stated to like counts the less the longer their history is, in the end nothing; what they do not want to see is passed
    over, and so is what holds most of the catalogue, or nothing of it."""
    if filters.categories:
        return []
    stated = user.stated.preferences
    barred = {*stated.disliked.categories, *stated.limits.exclude_categories, *user.stated.suppressed_categories}
    counts = catalogue.category_counts(now)
    narrow = BROAD_SHARE * np.count_nonzero(catalogue.shown(now))
    liked: dict[str, float] = {}
    for row, preference in _likes(user):
        for category in orjson.loads(catalogue.card(row))["categories"]:
            liked[category] = liked.get(category, 0.0) + preference
    for category in stated.liked.categories:
        liked[category] = liked.get(category, 0.0) + STATED_LIKE * fading(user.history_size)
    fitting = {name: count for name, count in counts.items() if 0 < count <= narrow and name not in barred}
    weights = {name: weight for name, weight in liked.items() if weight > 0 and name in fitting}
    most = 1 if weights else 2
    weights = weights or fitting
    return sorted(weights, key=lambda name: (-weights[name], name))[:most]
