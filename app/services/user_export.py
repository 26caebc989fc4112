"""Everything that is held on one user, read a part at a time: however much it is, little of it is in memory."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.errors import NotFound
from app.models import Event, Exposure, Item, ListOrigin, Rating, User, UserAlias
from app.services.recommendation_ids import LIST_KINDS
from app.services.user_ids import user_key_of
from app.services.wishes import StoredPreferences, Suppression, get_preferences, list_suppressions

ROWS_A_PART = 1_000

Section = Literal["ratings", "events", "exposures"]
Rows = Sequence[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Held:
    """What is held on a user beside what they did: ``aliases`` are former ids, each with when it ends."""

    user_key: int
    user_id: str
    created_at: datetime
    attributes: dict[str, Any]
    aliases: Sequence[tuple[str, datetime]]
    preferences: StoredPreferences
    suppressions: Sequence[Suppression]


async def read_held(session: AsyncSession, user_id: str, *, now: datetime) -> Held:
    """What is held on a user beside what they did; NotFound for one of whom nothing was ever written."""
    user = (await session.execute(select(User).where(User.key == user_key_of(user_id)))).scalar_one_or_none()
    if user is None:
        raise NotFound("There is no such user.", code="unknown_user")
    aliases = select(UserAlias.id, UserAlias.expires_at).where(UserAlias.user_key == user.key).order_by(UserAlias.id)
    return Held(
        user.key,
        user.id,
        user.created_at,
        user.attributes,
        [(row.id, row.expires_at) for row in await session.execute(aliases)],
        await get_preferences(session, user.id),
        await list_suppressions(session, user.id, now=now),
    )


async def read_feedback_held(
    sessions: async_sessionmaker[AsyncSession], user_key: int
) -> AsyncIterator[tuple[Section, Rows]]:
    """Everything the user did, oldest first, as one moment has it: each section in parts, an empty one as one empty part.

    Tombstones are ratings whose value is None. A server-side cursor holds what is not read yet.
    """
    async with sessions() as session:
        await session.connection(execution_options={"isolation_level": "REPEATABLE READ", "postgresql_readonly": True})
        for section, statement in _statements(user_key).items():
            stream = await session.stream(statement.execution_options(yield_per=ROWS_A_PART))
            yield section, []
            async for part in stream.mappings().partitions():
                rows = [{str(name): value for name, value in row.items()} for row in part]
                yield section, [_readable(row) for row in rows] if section == "exposures" else rows


def _statements(user_key: int) -> dict[Section, Select[*tuple[Any, ...]]]:
    ratings = select(Item.id.label("item_id"), Rating.value, Rating.rated_at).join(Item, Item.key == Rating.item_key)
    events = select(
        Event.event_id,
        Item.id.label("item_id"),
        Event.kind,
        Event.value,
        Event.session_id,
        Event.recommendation_id,
        Event.position,
        Event.occurred_at,
        Event.received_at,
    ).join(Item, Item.key == Event.item_key)
    exposures = select(
        Item.id.label("item_id"),
        Exposure.list.label("list_kind"),
        ListOrigin.release,
        Exposure.made_at,
        Exposure.shown,
        Exposure.clicked,
        Exposure.converted,
    ).join(Item, Item.key == Exposure.item_key)
    return {
        "ratings": ratings.where(Rating.user_key == user_key).order_by(Rating.rated_at, Rating.item_key),
        "events": events.where(Event.user_key == user_key).order_by(Event.occurred_at, Event.key),
        "exposures": exposures.join(ListOrigin, ListOrigin.key == Exposure.origin_key)
        .where(Exposure.viewer == user_key)
        .order_by(Exposure.made_at, Exposure.item_key, Exposure.nonce),
    }


def _readable(exposure: dict[str, Any]) -> dict[str, Any]:
    """An exposure with its kind of list by name, and no release as None."""
    return exposure | {"list_kind": LIST_KINDS.get(exposure["list_kind"]), "release": exposure["release"] or None}
