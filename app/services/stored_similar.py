"""What stands in for items like an item while there is no release: what is popular in the same categories."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.errors import NotFound
from app.models import Item
from app.services.deadlines import run_within
from app.services.filters import Filters
from app.services.frozen_lists import Page
from app.services.popular import DEADLINE_SECONDS, popular_or_nothing, unread_list
from app.services.recommendations import ItemList, ListRequest


async def list_popular_beside(
    sessions: async_sessionmaker[AsyncSession],
    item_id: str,
    request: ListRequest,
    *,
    now: dt.datetime,
    vote_share: float,
    page: Page | None,
) -> ItemList:
    """What is popular among the items that share a category with this one; nothing where it has none, or where the database gives
    no answer. Raises :class:`NotFound` for an unknown id."""
    try:
        categories = await run_within(DEADLINE_SECONDS, _categories_of(sessions, item_id))
    except (SQLAlchemyError, OSError, TimeoutError):
        return unread_list(now, page)
    if categories is None:
        raise NotFound("There is no such item.", code="unknown_item")
    if not categories:
        return ItemList([], None, now, fallback="popularity", degraded=("no_release",))
    beside = Filters(categories=categories, exclude_items=[item_id])
    wishes = replace(request, filters=replace(request.filters, besides=beside))
    return await popular_or_nothing(sessions, wishes, now=now, vote_share=vote_share, page=page)


async def _categories_of(sessions: async_sessionmaker[AsyncSession], item_id: str) -> Sequence[str] | None:
    """The categories of an item; None where there is no such item."""
    async with sessions() as session:
        return await session.scalar(select(Item.categories).where(Item.id == item_id, Item.deleted_at.is_(None)))
