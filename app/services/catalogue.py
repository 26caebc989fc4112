"""The catalogue as a worker holds it: which items there are of a kind, and which of them may be shown."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import numpy as np

from app.engine.arrays import BoolArray, DoubleArray, FloatArray, RowArray
from app.services.catalogue_columns import PERIOD_DAYS, ReleaseColumns
from app.services.catalogue_item import UNDATED, UNTIMED, CatalogueItem, Facet, days_of
from app.services.catalogue_rows import CatalogueRows
from app.services.filters import Filters

__all__ = ["Catalogue", "CatalogueItem", "Filters", "ReleaseColumns"]


class Catalogue(CatalogueRows):
    """The rows, and what narrows them down."""

    def _forget(self) -> None:
        super()._forget()
        self._shown: tuple[float, float, BoolArray] = (np.inf, -np.inf, self._listed)

    def taken(self, days: float) -> FloatArray:
        """How much each item was taken in one of :data:`~app.services.catalogue_columns.PERIOD_DAYS`, ``(n_rows,)``, up to the
        newest feedback of the release."""
        own = self._release.taken[list(PERIOD_DAYS.values()).index(days)]
        return self._whole(f"taken {days}", lambda: self._lent(own), own)

    def in_category(self, category: str) -> BoolArray:
        """Which items are in a category, a new array of shape ``(n_rows,)``."""
        mask = np.zeros(self.n_rows, np.bool_)
        self._mark(mask, "categories", [category], to=True)
        return mask

    def category_counts(self, now: datetime) -> dict[str, int]:
        """How many items of each category may be shown at this time; categories without any are left out."""
        shown, release = self.shown(now), self._release
        index = release.labels["categories"]
        before = np.concatenate([[0], np.cumsum(shown[index.rows])])
        counts = {
            name.decode(): int(before[end] - before[start])
            for name, start, end in zip(index.names, index.starts, index.starts[1:], strict=False)
        }
        for category, places in self._overlay.labels["categories"].items():
            late = sum(bool(shown[release.n_rows + place]) for place in places)
            counts[category] = counts.get(category, 0) + late
        return {category: count for category, count in counts.items() if count}

    @property
    def mean_ratings(self) -> DoubleArray:
        """The Bayesian mean of all opinions on each item, ``(n_rows,)``, see :class:`~app.services.opinions.OpinionPrior`; NaN
        for an item that nobody has rated and that has no votes with a mean."""
        return self._whole("mean_ratings", self._mean_ratings)

    def _mean_ratings(self) -> DoubleArray:
        counts, votes, vote_means = self.rating_counts, self.numbers("votes"), self.numbers("vote_means")
        means = self._release.prior.means(counts, self.rating_sums, votes, vote_means)
        means[(counts == 0) & ((votes == 0) | np.isnan(vote_means))] = np.nan
        return means

    def shown(self, now: datetime) -> BoolArray:
        """Which rows may be shown at all: neither hidden nor deleted, and available at this time; ``(n_rows,)``, not to be
        written to. Kept until an item changes or the next one comes or goes by its times."""
        instant = now.timestamp()
        begin, end, shown = self._shown
        if not begin <= instant < end:
            begins, ends = self.numbers("available_from"), self.numbers("available_until")
            listed = np.concatenate([self._listed, self._overlay.listed])
            shown = listed & (begins <= instant) & (instant < ends)
            bounds = np.concatenate([begins[listed], ends[listed]])
            begin = float(bounds[bounds <= instant].max(initial=-np.inf))
            end = float(bounds[bounds > instant].min(initial=np.inf))
            self._shown = begin, end, shown
        return shown

    def allowed(self, filters: Filters, now: datetime) -> BoolArray:
        """Which rows pass: they may be shown, and are as the filters say; a new array of shape ``(n_rows,)``."""
        allowed = self.shown(now).copy()
        self._narrow(allowed, filters)
        return allowed

    def passing(self, filters: Filters) -> BoolArray:
        """Which rows are as the filters say, shown or not; a new array of shape ``(n_rows,)``."""
        passing = np.ones(self.n_rows, np.bool_)
        self._narrow(passing, filters)
        return passing

    def _narrow(self, allowed: BoolArray, filters: Filters) -> None:
        for facet, labels in _labels_of(filters):
            if labels:
                wanted = np.zeros(self.n_rows, np.bool_)
                self._mark(wanted, facet, labels, to=True)
                allowed &= wanted
        self._mark(allowed, "categories", filters.exclude_categories, to=False)
        for mask in self._limits(filters):
            allowed &= mask
        for item_id in filters.exclude_items:
            row = self.row_of(item_id)
            if row is not None:
                allowed[row] = False
        if filters.besides is not None:
            self._narrow(allowed, filters.besides)

    def rows_labelled(self, facet: Facet, label: str) -> RowArray:
        """The rows of the items that carry a label, hidden and replaced ones too."""
        rows = self._release.labels[facet].rows_of(label)
        late = self._overlay.labels[facet].get(label)
        return np.concatenate([rows, self._release.n_rows + np.fromiter(late, np.int64, len(late))]) if late else rows

    def _limits(self, filters: Filters) -> Iterator[BoolArray]:
        """For each limit on a number the rows that keep it."""
        if filters.released_from or filters.released_to:
            days = self.numbers("released")
            yield days != UNDATED
            if filters.released_from:
                yield days >= days_of(filters.released_from)
            if filters.released_to:
                yield days <= days_of(filters.released_to)
        if filters.max_duration is not None:
            durations = self.numbers("durations")
            yield (durations != UNTIMED) & (durations <= filters.max_duration)
        if filters.min_rating is not None:
            yield self.mean_ratings >= filters.min_rating
        if filters.min_ratings:
            yield self.rating_counts + self.numbers("votes") >= filters.min_ratings
        if filters.safe_for_all:
            yield self.numbers("safe_for_all")

    def _mark(self, mask: BoolArray, facet: Facet, labels: Iterable[str], *, to: bool) -> None:
        for label in labels:
            mask[self._release.labels[facet].rows_of(label)] = to
            for place in self._overlay.labels[facet].get(label, ()):
                mask[self._release.n_rows + place] = to


def _labels_of(filters: Filters) -> tuple[tuple[Facet, Sequence[str]], ...]:
    return (
        ("categories", filters.categories),
        ("certificates", filters.certificates),
        ("languages", [language.lower() for language in filters.languages]),
        ("people", filters.people),
        ("tags", filters.tags),
    )
