"""Everything that is held on one user, read a part at a time: however much it is, little of it is in memory."""

from collections.abc import AsyncIterator, Generator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.errors import NotFound, Unavailable
from app.models import Event, Exposure, Item, ListOrigin, Rating, User, UserAlias
from app.services.recommendation_ids import LIST_KINDS
from app.services.user_ids import user_key_of
from app.services.wishes import StoredPreferences, Suppression, get_preferences, list_suppressions

ROWS_A_PART = 1_000
MOST_EXPORTS = 2
"""How many exports a worker reads at a time; the rest of its connections are for everybody else."""
TOO_MANY_EXPORTS = "As many exports as this process allows at a time are being read."

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


async def _read_held(session: AsyncSession, user_id: str, *, now: datetime) -> Held:
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


@dataclass(frozen=True, slots=True)
class Export:
    """A reading of a user that has begun, in one transaction. ``feedback`` is everything the user did, oldest first: each section
    in parts, an empty one as one empty part; tombstones are ratings whose value is None. Whoever has it has to close it."""

    held: Held
    feedback: AsyncIterator[tuple[Section, Rows]]
    _stack: AsyncExitStack

    async def aclose(self) -> None:
        """Give the connection back."""
        await self._stack.aclose()


class Exports:
    """The exports of a worker, a few at a time: each holds a connection for as long as its reader takes."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession]) -> None:
        self._sessions = sessions
        self._running = 0

    async def begin(self, user_id: str, *, now: datetime) -> Export:
        """Begin to read what is held on a user, all of it as one moment has it.

        Raises NotFound for one of whom nothing was ever written, Unavailable while :data:`MOST_EXPORTS` are being read.
        """
        async with AsyncExitStack() as stack:
            stack.enter_context(self._counted())
            session = await stack.enter_async_context(self._sessions())
            options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
            await session.connection(execution_options=options)
            held = await _read_held(session, user_id, now=now)
            return Export(held, _read_feedback(session, held.user_key), stack.pop_all())

    @contextmanager
    def _counted(self) -> Generator[None]:
        if self._running >= MOST_EXPORTS:
            raise Unavailable(TOO_MANY_EXPORTS, code="too_many_exports")
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1


async def _read_feedback(session: AsyncSession, user_key: int) -> AsyncIterator[tuple[Section, Rows]]:
    """See :class:`Export`. A server-side cursor holds what is not read yet."""
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
        ListOrigin.variant,
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
    """An exposure with its kind of list by name, and no release or variant as None."""
    origin = {name: exposure[name] or None for name in ("release", "variant")}
    return exposure | {"list_kind": LIST_KINDS.get(exposure["list_kind"])} | origin
