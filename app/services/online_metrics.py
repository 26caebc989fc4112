"""What came of the lists: impressions, clicks, conversions and coverage, from counts that were kept while events were written.

However many events there are, a day has a few rows for each release, variant and kind of list.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from math import sqrt
from typing import Any, NamedTuple

from sqlalchemy import Integer, Row, Select, and_, cast, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import ExposureCount, ListOrigin, Release
from app.services.recommendation_ids import LIST_KINDS, ListKind

_Z = 1.959964


class Share(NamedTuple):
    """A share of impressions with its 95% interval."""

    value: float
    low: float
    high: float


class Position(NamedTuple):
    """Where a line stands in the listing: newest day first, then by release and variant."""

    day: date
    release: str
    variant: str


@dataclass(frozen=True, slots=True)
class Counts:
    """How many items of lists were shown, and how many of those were clicked or led to a conversion."""

    impressions: int
    clicks: int
    conversions: int

    @property
    def click_through(self) -> Share | None:
        """Clicks by impressions; None without any."""
        return wilson(self.clicks, self.impressions)

    @property
    def conversion_rate(self) -> Share | None:
        """Conversions by impressions; None without any."""
        return wilson(self.conversions, self.impressions)


@dataclass(frozen=True, slots=True)
class OnlineLine(Counts):
    """The counts of the lists of one day, release and variant, altogether and by kind. ``items_shown`` are different items,
    ``coverage`` their share of those that the release knows."""

    position: Position
    items_shown: int
    coverage: float | None
    lists: dict[ListKind, Counts]


def wilson(successes: int, trials: int) -> Share | None:
    """The share with its 95% Wilson score interval (Wilson, 1927); None without trials."""
    if trials == 0:
        return None
    share, square = successes / trials, _Z * _Z
    middle = (share + square / (2 * trials)) / (1 + square / trials)
    half = _Z / (1 + square / trials) * sqrt(share * (1 - share) / trials + square / (4 * trials * trials))
    return Share(share, max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half)))


async def read_online_metrics(
    session: AsyncSession, first: date, last: date, *, limit: int, after: Position | None = None
) -> tuple[list[OnlineLine], bool]:
    """The lines of the days from ``first`` to ``last``, newest first, and whether more follow."""
    rows = (await session.execute(_statement(first, last, limit + 1, after))).all()
    lines = [_line(position, list(found)) for position, found in groupby(rows, _position)]
    return lines[:limit], len(lines) > limit


def _statement(first: date, last: date, lines: int, after: Position | None) -> Select[Any]:
    """The counts of the first lines, a row for each kind of list. Both parts read the primary key's range of days."""
    count, origin = ExposureCount, ListOrigin
    days = and_(count.day >= first, count.day <= last)
    page = (
        select(count.day, origin.key, origin.release, origin.variant)
        .join(origin, origin.key == count.origin_key)
        .where(days)
        .group_by(count.day, origin.key)
        .order_by(count.day.desc(), origin.release, origin.variant)
        .limit(lines)
    )
    if after is not None:
        later = tuple_(origin.release, origin.variant) > tuple_(literal(after.release), literal(after.variant))
        page = page.where(count.day <= after.day, (count.day < after.day) | later)
    chosen = page.cte("page").prefix_with("MATERIALIZED", dialect="postgresql")
    known = Release.manifest["counts"]["items"].astext
    known_items = (
        select(cast(known, Integer)).where(Release.id == chosen.c.release).scalar_subquery().label("known_items")
    )
    sums = [
        func.sum(each).label(each.key) for each in (count.impressions, count.clicks, count.conversions, count.items)
    ]
    return (
        select(chosen.c.day, chosen.c.release, chosen.c.variant, count.list, *sums, known_items)
        .join(count, and_(count.day == chosen.c.day, count.origin_key == chosen.c.key))
        .group_by(chosen.c.day, chosen.c.release, chosen.c.variant, count.list)
        .order_by(chosen.c.day.desc(), chosen.c.release, chosen.c.variant, count.list)
    )


def _position(row: Row[Any]) -> Position:
    return Position(row.day, row.release, row.variant)


def _line(position: Position, rows: Sequence[Row[Any]]) -> OnlineLine:
    by_list = {row.list: Counts(int(row.impressions), int(row.clicks), int(row.conversions)) for row in rows}
    items, known = sum(int(row.items) for row in rows), rows[0].known_items
    return OnlineLine(
        impressions=sum(each.impressions for each in by_list.values()),
        clicks=sum(each.clicks for each in by_list.values()),
        conversions=sum(each.conversions for each in by_list.values()),
        position=position,
        items_shown=items,
        coverage=min(1.0, items / known) if known else None,
        lists={LIST_KINDS[code]: counts for code, counts in by_list.items() if code in LIST_KINDS},
    )
