"""Why an item is not listed, as far as the database alone can tell: for a service that has no release yet."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, false, func, select, true
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.errors import NotFound, Unavailable
from app.models import Item, Rating
from app.services.cards import item_card
from app.services.deadlines import run_within
from app.services.explanation import Explanation
from app.services.filter_conditions import StoredOpinions, filter_conditions, shown_conditions
from app.services.filters import Filters
from app.services.history import UserFeedback
from app.services.obstacles import (
    Obstacle,
    filter_obstacle,
    filtering,
    limit_obstacle,
    limiting,
    plain_obstacle,
    suppressed_obstacle,
    suppressing,
)
from app.services.recommendations import ListRequest

SECONDS = 2.0


async def explain_stored(
    sessions: async_sessionmaker[AsyncSession],
    feedback: UserFeedback,
    item_id: str,
    request: ListRequest,
    *,
    now: datetime,
    vote_share: float,
    degraded: Sequence[str] = (),
) -> Explanation:
    """What keeps the item out, without any rank or score. NotFound for an unknown item, Unavailable without the database."""
    tried: list[Filters] = []

    def note(filters: Filters) -> bool:
        tried.append(filters)
        return True

    _restricting(feedback, request, note)
    try:
        row = await run_within(SECONDS, _read(sessions, item_id, tried, now, vote_share))
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        raise Unavailable("There is no release, and the database gave no answer.") from error
    if row is None:
        raise NotFound("There is no such item.", code="unknown_item")
    passed = dict(zip(map(repr, tried), row[2:], strict=True))
    obstacles = [
        *_state(row[0], shown=bool(row[1])),
        *_personal(row[0].key, feedback, include_seen=request.include_seen),
        *_restricting(feedback, request, lambda filters: bool(passed[repr(filters)])),
    ]
    item = row[0]
    card = item_card(
        title=item.title, categories=item.categories, released_on=item.released_on, image_url=item.image_url
    )
    return Explanation(item_id, card, listed=False, as_of=now, obstacles=obstacles, degraded=["no_release", *degraded])


async def _read(
    sessions: async_sessionmaker[AsyncSession], item_id: str, tried: Sequence[Filters], now: datetime, vote_share: float
) -> Any:
    """The item, whether it may be shown, and for each of the filters whether it passes."""
    alive = (Rating.item_key == Item.key, Rating.value.is_not(None))
    count, total = (
        select(aggregate).where(*alive).correlate(Item).scalar_subquery()
        for aggregate in (func.count(), func.sum(Rating.value))
    )
    opinions = StoredOpinions.of(count, total, vote_share)
    passes = [func.coalesce(and_(true(), *filter_conditions(filters, opinions)), false()) for filters in tried]
    statement = select(Item, and_(*shown_conditions(now)), *passes).where(Item.id == item_id)
    async with sessions() as session:
        return (await session.execute(statement)).one_or_none()


def _restricting(feedback: UserFeedback, request: ListRequest, passes: Callable[[Filters], bool]) -> list[Obstacle]:
    stated = feedback.stated
    return [
        *(suppressed_obstacle(category) for category in suppressing(stated, passes)),
        *(limit_obstacle(name) for name in limiting(stated, passes)),
        *(filter_obstacle(name) for name in filtering(request.filters, passes)),
    ]


def _state(item: Item, *, shown: bool) -> list[Obstacle]:
    if item.deleted_at is not None:
        return [plain_obstacle("deleted")]
    if item.hidden:
        return [plain_obstacle("hidden")]
    return [] if shown else [plain_obstacle("unavailable")]


def _personal(key: int, feedback: UserFeedback, *, include_seen: bool) -> list[Obstacle]:
    found = [suppressed_obstacle("item")] if key in feedback.stated.suppressed_keys else []
    seen = key in feedback.item_keys or key in feedback.seen_keys
    return [plain_obstacle("seen"), *found] if seen and not include_seen else found
