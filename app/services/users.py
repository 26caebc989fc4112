"""Users: what is known of one, the attributes that a client gives them, and how all of it is erased."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, func, literal, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import Conflict, FieldError, InvalidInput, NotFound
from app.models import Event, Item, Rating, User, UserAlias, UserWishes
from app.services.limits import refuse_user_attributes
from app.services.stored_answers import forget_answers
from app.services.user_ids import user_key_of
from app.services.wishes import lock_or_create_user

MOST_FAVOURITES = 5


@dataclass(frozen=True, slots=True)
class FavouriteCategory:
    """A category that a user rates at least as highly as all else: how many of its items, and the mean."""

    name: str
    rating_count: int
    rating_mean: float


@dataclass(frozen=True, slots=True)
class UserSummary:
    """What is known of a user. Impressions are no activity."""

    user_id: str
    attributes: dict[str, Any]
    created_at: datetime
    rating_count: int
    rating_mean: float | None
    event_count: int
    first_active_at: datetime | None
    last_active_at: datetime | None
    favourite_categories: Sequence[FavouriteCategory]
    has_preferences: bool
    has_limits: bool


async def get_user(session: AsyncSession, user_id: str) -> UserSummary:
    """What is known of a user; NotFound for one of whom nothing was ever written."""
    wishes = select(User, UserWishes.updated_at, UserWishes.limited).outerjoin(
        UserWishes, UserWishes.user_key == User.key
    )
    found = (await session.execute(wishes.where(User.key == user_key_of(user_id)))).one_or_none()
    if found is None:
        raise NotFound("There is no such user.", code="unknown_user")
    user: User = found[0]
    rated = (Rating.user_key == user.key, Rating.value.is_not(None))
    ratings = await _activity(session, Rating.rated_at, func.avg(Rating.value), *rated)
    events = await _activity(
        session, Event.occurred_at, literal(None), Event.user_key == user.key, Event.kind != "impression"
    )
    favourites = [] if ratings.mean is None else await _favourites(session, ratings.mean, *rated)
    return UserSummary(
        user.id,
        user.attributes,
        user.created_at,
        ratings.count,
        ratings.mean,
        events.count,
        min((each.first for each in (ratings, events) if each.first), default=None),
        max((each.last for each in (ratings, events) if each.last), default=None),
        favourites,
        found.updated_at is not None,
        bool(found.limited),
    )


async def put_attributes(
    session: AsyncSession, user_id: str, attributes: Mapping[str, Any]
) -> tuple[dict[str, Any], bool]:
    """Replace the attributes of a user, who is created if need be; gives what is stored, and whether the user is new."""
    user_key, created = await lock_or_create_user(session, user_id)
    await session.execute(update(User).where(User.key == user_key).values(attributes=dict(attributes)))
    return dict(attributes), created


async def patch_attributes(
    session: AsyncSession, user_id: str, changes: Mapping[str, Any]
) -> tuple[dict[str, Any], bool]:
    """Change some attributes of a user; null takes one away (a JSON merge patch, RFC 7396, of one level)."""
    user_key, created = await lock_or_create_user(session, user_id)
    stored = (await session.execute(select(User.attributes).where(User.key == user_key))).scalar_one()
    merged = {name: value for name, value in {**stored, **changes}.items() if value is not None}
    refusal = refuse_user_attributes(merged)
    if refusal is not None:
        error = FieldError("/attributes", refusal.code, refusal.detail)
        raise InvalidInput("The attributes cannot be accepted.", code=error.code, errors=[error])
    await session.execute(update(User).where(User.key == user_key).values(attributes=merged))
    return merged, created


async def erase_user(session: AsyncSession, user_id: str) -> None:
    """Delete a user with all that is held on them: ratings, events, preferences, suppressions, attributes, and what was answered
    to requests that named them. Nothing happens for an unknown user; Conflict for a former id, which stands for somebody who was
    not named. What a release has learned from them goes with the next training."""
    # Held before their former ids are read: a merge that is under way adds one.
    held = select(User.key).where(User.id == user_id).with_for_update()
    user_key = (await session.scalars(held)).one_or_none()
    if user_key is None and (await session.execute(select(user_key_of(user_id)))).scalar_one() is not None:
        raise Conflict("This id stands for a user it was merged into; erase that user.", code="merged_user")
    former = (await session.scalars(select(UserAlias.id).where(UserAlias.user_key == user_key))).all()
    erasure = delete(User).where(User.key == user_key)
    await session.execute(erasure.execution_options(synchronize_session=False))
    # After the user, whom whoever writes about them holds: what is being answered now is seen.
    await forget_answers(session, [user_id, *former])


@dataclass(frozen=True, slots=True)
class _Activity:
    count: int
    mean: float | None
    first: datetime | None
    last: datetime | None


async def _activity(
    session: AsyncSession, time: Any, mean: ColumnElement[Any], *conditions: ColumnElement[bool]
) -> _Activity:
    found = select(func.count(), mean, func.min(time), func.max(time)).where(*conditions)
    return _Activity(*(await session.execute(found)).one())


async def _favourites(session: AsyncSession, user_mean: float, *rated: ColumnElement[bool]) -> list[FavouriteCategory]:
    """Of the categories rated at least as highly as all else, those rated most."""
    each = (
        select(func.unnest(Item.categories).label("name"), Rating.value)
        .join(Item, Item.key == Rating.item_key)
        .where(*rated)
        .subquery()
    )
    count, mean = func.count(), func.avg(each.c.value)
    favourites = select(each.c.name, count, mean).group_by(each.c.name).having(mean >= user_mean)
    rows = await session.execute(favourites.order_by(count.desc(), each.c.name).limit(MOST_FAVOURITES))
    return [FavouriteCategory(*row) for row in rows]
