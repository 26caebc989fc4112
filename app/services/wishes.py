"""What users state themselves, stored: preferences with hard limits, and what is suppressed for a while or for good."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import BigInteger, func, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import Conflict, FieldError, InvalidInput
from app.models import Item, User, UserWishes
from app.services.merge_steps import find_items, lock_or_create_users, run_merge
from app.services.ratings import unknown_item
from app.services.stated import Preferences, Tastes

MOST_SUPPRESSIONS = 1_000
"""How many items and categories together one user may suppress at a time."""


@dataclass(frozen=True, slots=True)
class StoredPreferences:
    """What a user has stated, and when; None where they have stated nothing."""

    preferences: Preferences
    updated_at: datetime | None


@dataclass(frozen=True, slots=True)
class Suppression:
    """An item or a category that a user does not want to see, until ``expires_at`` or, where that is None, for good."""

    item_id: str | None
    category: str | None
    expires_at: datetime | None


async def put_preferences(session: AsyncSession, user_id: str, preferences: Preferences, *, now: datetime) -> None:
    """Replace what a user has stated. InvalidInput for an item that is not in the catalogue."""
    await _require_items(session, preferences)
    user_key = await lock_user(session, user_id)
    written = {
        "preferences": _as_document(preferences),
        "limited": bool(preferences.limits),
        "updated_at": now if preferences != Preferences() else None,
        "changed_in": func.pg_current_xact_id(),
    }
    statement = insert(UserWishes).values(user_key=user_key, **written)
    await session.execute(statement.on_conflict_do_update(index_elements=[UserWishes.user_key], set_=written))


async def get_preferences(session: AsyncSession, user_id: str) -> StoredPreferences:
    """What a user has stated; nothing for an unknown user."""
    wishes = select(UserWishes.preferences, UserWishes.updated_at).join(User, User.key == UserWishes.user_key)
    found = (await session.execute(wishes.where(User.id == user_id))).one_or_none()
    return StoredPreferences(Preferences(), None) if found is None else StoredPreferences(Preferences.of(found[0]), found[1])


async def delete_preferences(session: AsyncSession, user_id: str) -> None:
    """Take back what a user has stated, if anything. An empty document stays, so that workers hear of it."""
    user_key = select(User.key).where(User.id == user_id).scalar_subquery()
    emptied = update(UserWishes).where(UserWishes.user_key == user_key)
    await session.execute(
        emptied.values(preferences={}, limited=False, updated_at=None, changed_in=func.pg_current_xact_id())
    )


async def put_suppression(
    session: AsyncSession,
    user_id: str,
    *,
    item_id: str | None = None,
    category: str | None = None,
    expires_at: datetime | None,
    now: datetime,
) -> None:
    """Suppress an item or a category, or change until when. InvalidInput for an unknown item; Conflict where a user would have
    more than :data:`MOST_SUPPRESSIONS`, not counting those that have expired, which are cleared away."""
    subject = f"c{category}" if item_id is None else f"i{await _key_of_item(session, item_id)}"
    user_key = await lock_user(session, user_id)
    stored = select(UserWishes.suppressions).where(UserWishes.user_key == user_key)
    suppressions = _alive((await session.execute(stored)).scalar_one_or_none() or {}, now)
    suppressions[subject] = None if expires_at is None else expires_at.timestamp()
    if len(suppressions) > MOST_SUPPRESSIONS:
        raise Conflict(
            f"A user may suppress {MOST_SUPPRESSIONS} items and categories at a time.", code="too_many_suppressions"
        )
    statement = insert(UserWishes).values(user_key=user_key, suppressions=suppressions)
    changed = {"suppressions": statement.excluded.suppressions}
    await session.execute(statement.on_conflict_do_update(index_elements=[UserWishes.user_key], set_=changed))


async def delete_suppression(
    session: AsyncSession, user_id: str, *, item_id: str | None = None, category: str | None = None
) -> None:
    """Undo a suppression; nothing happens where there is none."""
    subject: Any = literal(f"c{category}")
    if item_id is not None:
        subject = "i" + func.cast(select(Item.key).where(Item.id == item_id).scalar_subquery(), BigInteger)
    user_key = select(User.key).where(User.id == user_id).scalar_subquery()
    undone = update(UserWishes).where(UserWishes.user_key == user_key, UserWishes.suppressions.has_key(subject))
    await session.execute(undone.values(suppressions=UserWishes.suppressions - subject))
