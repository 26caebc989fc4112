"""The catalogue: store, read, list and delete items."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import BigInteger, func, literal, select, true, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import NotFound
from app.models import Item, ItemKey, Rating
from app.services.filter_conditions import StoredOpinions, filter_conditions
from app.services.filters import Filters
from app.services.item_merge import ItemFields, Outcome, StoredRow, merge_item, merge_items

__all__ = [
    "ItemFields",
    "ItemWithRatings",
    "Outcome",
    "Page",
    "StoredRow",
    "delete_item",
    "get_item",
    "list_items",
    "merge_items",
    "put_item",
]


@dataclass(frozen=True, slots=True)
class ItemWithRatings:
    """An item, how many ratings it has, and their mean: None without any."""

    item: Item
    rating_count: int
    rating_mean: float | None


@dataclass(frozen=True, slots=True)
class Page:
    """Items in the order of their ids, and the id to go on after: None on the last page. ``ratings`` are, by key, how many there
    are and their mean, if they were asked for; nothing of an item that has none."""

    items: Sequence[Item]
    next_after: str | None
    ratings: Mapping[int, tuple[int, float]] = field(default_factory=dict[int, tuple[int, float]])


async def put_item(session: AsyncSession, item_id: str, fields: ItemFields, *, now: datetime) -> tuple[Item, Outcome]:
    """Store an item in full; one that was deleted is created anew under its old key."""
    stored = await merge_item(session, item_id, fields, now=now)
    item = await session.scalars(select(Item).where(Item.id == item_id).execution_options(populate_existing=True))
    return item.one(), stored.outcome


async def get_item(session: AsyncSession, item_id: str) -> ItemWithRatings:
    """One item, hidden or not, with its rating statistics; NotFound where there is none or it was deleted."""
    count, mean = (
        select(aggregate)
        .where(Rating.item_key == Item.key, Rating.value.is_not(None))
        .scalar_subquery()
        .correlate(Item)
        for aggregate in (func.count(), func.avg(Rating.value))
    )
    found = (
        await session.execute(select(Item, count, mean).where(Item.id == item_id, Item.deleted_at.is_(None)))
    ).one_or_none()
    if found is None:
        raise NotFound("There is no such item.", code="unknown_item")
    return ItemWithRatings(*found)


async def list_items(
    session: AsyncSession,
    filters: Filters,
    *,
    limit: int,
    after: str | None = None,
    with_ratings: bool = False,
    vote_share: float,
    overall_mean: float | None = None,
) -> Page:
    """Items that pass the filters and are neither hidden nor deleted, by id in code point order, beginning after the id
    ``after``.

    ``vote_share`` brings votes from elsewhere to the scale of the ratings, and ``overall_mean`` is what the mean of an item is
    shrunk to: that of all ratings as they are now, for None.
    """
    rated = (Rating.item_key == Item.key, Rating.value.is_not(None))
    opinions = select(func.count().label("count"), func.sum(Rating.value).label("total")).where(*rated).lateral()
    stored = StoredOpinions.of(opinions.c.count, opinions.c.total, vote_share, overall_mean)
    query = select(Item).where(Item.deleted_at.is_(None), Item.hidden.is_(False), *filter_conditions(filters, stored))
    if filters.min_rating is not None or filters.min_ratings:
        query = query.join(opinions, true())
    if after is not None:
        query = query.where(Item.id > after)
    items = (await session.scalars(query.order_by(Item.id).limit(limit + 1))).all()
    next_after = items[limit - 1].id if len(items) > limit else None
    items = items[:limit]
    return Page(items, next_after, await _ratings_of(session, items) if with_ratings else {})


async def _ratings_of(session: AsyncSession, items: Sequence[Item]) -> dict[int, tuple[int, float]]:
    """How many ratings each item has, and their mean."""
    wanted = Rating.item_key == func.any(literal([item.key for item in items], ARRAY(BigInteger)))
    statistics = select(Rating.item_key, func.count(), func.avg(Rating.value)).where(wanted, Rating.value.is_not(None))
    rows = await session.execute(statistics.group_by(Rating.item_key))
    return {key: (count, mean) for key, count, mean in rows}


async def delete_item(session: AsyncSession, item_id: str, *, now: datetime) -> ItemKey | None:
    """Mark an item as deleted and give its key; None where it was deleted before, NotFound where it never was.

    The row stays: ratings keep their item, and workers hear of the change.
    """
    mark = (
        update(Item)
        .where(Item.id == item_id, Item.deleted_at.is_(None))
        .values(deleted_at=now, updated_at=now)
        .returning(Item.key)
        .execution_options(synchronize_session=False)
    )
    key = (await session.execute(mark)).scalar_one_or_none()
    if key is None and (await session.execute(select(Item.key).where(Item.id == item_id))).first() is None:
        raise NotFound("There is no such item.", code="unknown_item")
    return None if key is None else ItemKey(key)
