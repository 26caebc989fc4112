"""What users state themselves, stored: preferences with hard limits, and what is suppressed for a while or for good."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, func, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import Conflict, FieldError, InvalidInput
from app.models import Item, User, UserWishes
from app.services.merge_steps import find_items, lock_or_create_users, run_merge
from app.services.ratings import unknown_item
from app.services.stated import Preferences
from app.services.user_ids import user_key_of

MOST_SUPPRESSIONS = 1_000
"""How many items and categories together one user may suppress at a time."""


@dataclass(frozen=True, slots=True)
class StoredPreferences:
    """What a user has stated, and when; None where they have stated nothing."""

    preferences: Preferences
    updated_at: datetime | None


@dataclass(frozen=True, slots=True)
class Subject:
    """What can be suppressed: an item or a category."""

    item_id: str | None = None
    category: str | None = None


@dataclass(frozen=True, slots=True)
class Suppression:
    """What a user does not want to see, until ``expires_at`` or, where that is None, for good."""

    subject: Subject
    expires_at: datetime | None


async def put_preferences(
    session: AsyncSession, user_id: str, preferences: Preferences, *, now: datetime
) -> StoredPreferences:
    """Replace what a user has stated. InvalidInput for an item that is not in the catalogue."""
    await _require_items(session, preferences)
    user_key, _ = await lock_or_create_user(session, user_id)
    await _write(
        session,
        user_key,
        preferences=_as_document(preferences),
        limited=bool(preferences.limits),
        updated_at=now,
        changed_in=func.pg_current_xact_id(),
    )
    return StoredPreferences(preferences, now)


async def get_preferences(session: AsyncSession, user_id: str) -> StoredPreferences:
    """What a user has stated; nothing for an unknown user."""
    wishes = select(UserWishes.preferences, UserWishes.updated_at)
    found = (await session.execute(wishes.where(UserWishes.user_key == user_key_of(user_id)))).one_or_none()
    if found is None:
        return StoredPreferences(Preferences(), None)
    return StoredPreferences(Preferences.of(found.preferences), found.updated_at)


async def delete_preferences(session: AsyncSession, user_id: str) -> None:
    """Take back what a user has stated, if anything. An empty document stays, so that workers hear of it."""
    user_key = await lock_user(session, user_id)
    emptied = update(UserWishes).where(UserWishes.user_key == user_key, UserWishes.updated_at.is_not(None))
    await session.execute(
        emptied.values(preferences={}, limited=False, updated_at=None, changed_in=func.pg_current_xact_id())
    )


async def put_suppression(
    session: AsyncSession, user_id: str, subject: Subject, *, expires_at: datetime | None, now: datetime
) -> Suppression:
    """Suppress an item or a category, or change until when. InvalidInput for an unknown item or a time that is past; Conflict
    for one more than :data:`MOST_SUPPRESSIONS`, not counting those that have expired; a merge may have left more."""
    if expires_at is not None and expires_at <= now:
        error = FieldError("/expires_at", "in_the_past", "A suppression must end later than now.")
        raise InvalidInput("The suppression cannot be accepted.", code=error.code, errors=[error])
    name = await _name_of(session, subject)
    user_key, _ = await lock_or_create_user(session, user_id)
    stored = select(UserWishes.suppressions).where(UserWishes.user_key == user_key)
    suppressions = _alive((await session.execute(stored)).scalar_one_or_none() or {}, now)
    if name not in suppressions and len(suppressions) >= MOST_SUPPRESSIONS:
        detail = f"A user may suppress {MOST_SUPPRESSIONS} items and categories at a time."
        raise Conflict(detail, code="too_many_suppressions")
    suppressions[name] = None if expires_at is None else expires_at.timestamp()
    await _write(session, user_key, suppressions=suppressions)
    return Suppression(subject, expires_at)


async def delete_suppression(session: AsyncSession, user_id: str, subject: Subject) -> None:
    """Undo a suppression; nothing happens where there is none."""
    user_key = await lock_user(session, user_id)
    if user_key is not None:
        name: Any = literal(f"c{subject.category}")
        if subject.item_id is not None:
            item_key = select(Item.key).where(Item.id == subject.item_id).scalar_subquery()
            name = func.concat("i", item_key)
        undone = update(UserWishes).where(UserWishes.user_key == user_key, UserWishes.suppressions.has_key(name))
        await session.execute(undone.values(suppressions=UserWishes.suppressions.op("-")(name)))


async def list_suppressions(session: AsyncSession, user_id: str, *, now: datetime) -> list[Suppression]:
    """What a user suppresses now: items by id, then categories by name; nothing for an unknown user."""
    wishes = select(UserWishes.suppressions).where(UserWishes.user_key == user_key_of(user_id))
    stored = _alive((await session.execute(wishes)).scalar_one_or_none() or {}, now)
    keys = [int(name[1:]) for name in stored if name[0] == "i"]
    found = select(Item.key, Item.id).where(Item.key == func.any(literal(keys, ARRAY(BigInteger))))
    ids = {f"i{key}": item_id for key, item_id in (await session.execute(found)).all()} if keys else {}
    suppressions = [
        Suppression(Subject(item_id=ids[name]) if name[0] == "i" else Subject(category=name[1:]), _instant(end))
        for name, end in stored.items()
    ]
    return sorted(suppressions, key=lambda each: (each.subject.category or "", each.subject.item_id or ""))


async def lock_or_create_user(session: AsyncSession, user_id: str) -> tuple[int, bool]:
    """The key of a user whom nobody else writes to or erases before the transaction ends, and whether they are new."""
    users, new = await run_merge(session, lock_or_create_users({user_id}))
    return users[user_id], bool(new)


async def lock_user(session: AsyncSession, user_id: str) -> int | None:
    """The key of a user, locked like that; None for an unknown one."""
    found = select(User.key).where(User.key == user_key_of(user_id)).with_for_update(key_share=True)
    return (await session.execute(found)).scalar_one_or_none()


async def _write(session: AsyncSession, user_key: int, **columns: Any) -> None:
    statement = insert(UserWishes).values(user_key=user_key, **columns)
    await session.execute(statement.on_conflict_do_update(index_elements=[UserWishes.user_key], set_=columns))


async def _name_of(session: AsyncSession, subject: Subject) -> str:
    """How a suppression is stored."""
    if subject.item_id is None:
        return f"c{subject.category}"
    keys = await run_merge(session, find_items({subject.item_id}))
    if not keys:
        raise unknown_item()
    return f"i{keys[subject.item_id]}"


async def _require_items(session: AsyncSession, preferences: Preferences) -> None:
    named = {
        f"/{side}/items/{place}": item_id
        for side, tastes in (("liked", preferences.liked), ("disliked", preferences.disliked))
        for place, item_id in enumerate(tastes.items)
    }
    known = await run_merge(session, find_items(set(named.values())))
    unknown = [pointer for pointer, item_id in named.items() if item_id not in known]
    if unknown:
        errors = [FieldError(pointer, "unknown_item", "There is no such item in the catalogue.") for pointer in unknown]
        raise InvalidInput("The preferences name items that are not there.", code="unknown_item", errors=errors)


def _alive(suppressions: Mapping[str, float | None], now: datetime) -> dict[str, float | None]:
    at = now.timestamp()
    return {name: end for name, end in suppressions.items() if end is None or end > at}


def _instant(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _as_document(preferences: Preferences) -> dict[str, Any]:
    """The form in which preferences are stored: without what is empty."""
    parts = {side: {name: value for name, value in part.items() if value} for side, part in asdict(preferences).items()}
    return {side: part for side, part in parts.items() if part}
