"""Events: what users and visitors did. Each is stored once, by its ``event_id``; what the kinds mean is a setting.

The same ``event_id`` again is harmless where it says the same, so that a retry may be sent as often as it takes; where it
says something else it is refused, for one of the two would be lost. A deleted event leaves nothing
behind, but for the answer to who sent it with an ``Idempotency-Key``, which is kept for a day (``app.services.stored_answers``).
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal, Self

from sqlalchemy import Row, delete, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.config import Settings
from app.errors import Conflict, FieldError, InvalidInput, NotFound
from app.event_kinds import EventKind
from app.models import Event
from app.services.attribution import Attribution
from app.services.event_merge import SAME_EVENT, EventRow, Outcome, merge_steps
from app.services.event_rules import EventRules
from app.services.exposure_merge import expose_steps
from app.services.limits import EARLIEST, LARGEST_VALUE
from app.services.merge_steps import run_merge
from app.services.ratings import unknown_item
from app.services.user_ids import user_key_of

_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class EventLimits:
    """What an event may be: its kind, its value, its time."""

    kinds: dict[str, EventKind]
    clock_skew: timedelta
    retention: timedelta | None

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The limits that the settings give."""
        retention = timedelta(days=settings.event_retention_days) if settings.event_retention_days else None
        return cls(EventRules.of(settings.event_kinds).kinds, timedelta(seconds=settings.clock_skew_seconds), retention)

    def offence(self, row: EventRow, now: datetime) -> FieldError | None:
        """What is wrong with an event, if anything."""
        offence = self.offence_of_kind(row.kind, row.value)
        if offence is None and row.user_id is None and row.session_id is None:
            offence = FieldError("/user_id", "required", "An event needs a user_id, a session_id or both.")
        if offence is None and row.occurred_at is not None:
            offence = self._offence_of_time(row.occurred_at, now)
        return offence

    def offence_of_kind(self, name: str, value: float | None) -> FieldError | None:
        """What is wrong with a kind and its value."""
        kind = self.kinds.get(name)
        if kind is None:
            return FieldError("/kind", "unknown_kind", f"The kinds of events are {', '.join(self.kinds)}.")
        if value is None:
            return None
        if kind.whole_above is not None and not 0 <= value <= 1:
            return FieldError("/value", "off_scale", f"The value of a {name} is a share, from 0 to 1.")
        if abs(value) > LARGEST_VALUE:
            return FieldError("/value", "number_out_of_range", "A value must lie between -1e12 and 1e12.")
        return None

    def _offence_of_time(self, occurred_at: datetime, now: datetime) -> FieldError | None:
        if occurred_at > now + self.clock_skew:
            seconds = self.clock_skew.total_seconds()
            return FieldError("/occurred_at", "in_the_future", f"More than {seconds:g} seconds ahead of the clock.")
        if occurred_at < EARLIEST:
            return FieldError("/occurred_at", "too_early", f"Events are of the year {EARLIEST.year} or later.")
        if self.retention is not None and occurred_at < now - self.retention:
            # It would be deleted again at once: an event that was acknowledged must not vanish.
            return FieldError("/occurred_at", "too_early", f"Events are kept for {self.retention.days} days.")
        return None


@dataclass(frozen=True, slots=True)
class EventWrite:
    """What a write did, and the event that is stored now."""

    outcome: Literal["created", "duplicate"]
    event: EventRow


# One round trip. What the snapshot cannot show, a user or an event that somebody else inserts at this moment, leaves
# `written` empty: the same statement again then sees it. KEY SHARE holds off an erasure of the user.
_POST = text(
    f"""
WITH staged AS (
    SELECT CAST(:event_id AS text) AS event_id, CAST(:item_id AS text) AS item_id, CAST(:kind AS text) AS kind,
        CAST(:user_id AS text) AS user_id, CAST(:session_id AS text) AS session_id,
        CAST(:value AS double precision) AS value, CAST(:occurred_at AS timestamptz) AS occurred_at,
        CAST(:recommendation_id AS text) AS recommendation_id, CAST(:position AS integer) AS position
),
stored AS MATERIALIZED (
    SELECT events.*, items.id AS item_id, users.id AS user_id
    FROM events JOIN items ON items.key = item_key LEFT JOIN users ON users.key = user_key
    WHERE event_id = CAST(:event_id AS text)
),
item AS (
    SELECT key FROM items
    WHERE id = CAST(:item_id AS text) AND deleted_at IS NULL AND NOT EXISTS (SELECT FROM stored)
),
known_user AS (SELECT key FROM users WHERE id = CAST(:user_id AS text) FOR KEY SHARE),
aliased_user AS (
    SELECT key FROM users
    WHERE NOT EXISTS (SELECT FROM known_user)
        AND key = (SELECT user_key FROM user_aliases WHERE id = CAST(:user_id AS text) AND expires_at > now())
    FOR KEY SHARE
),
stored_user AS (TABLE known_user UNION ALL TABLE aliased_user),
new_user AS (
    INSERT INTO users (id)
    SELECT user_id FROM staged, item WHERE user_id IS NOT NULL AND NOT EXISTS (SELECT FROM stored_user)
    ON CONFLICT DO NOTHING RETURNING key
),
written AS (
    INSERT INTO events (
        event_id, user_key, item_key, kind, value, session_id, recommendation_id, position, occurred_at)
    SELECT event_id, the_user.key, item.key, kind, value, session_id, recommendation_id, position,
        coalesce(occurred_at, CAST(:now AS timestamptz))
    FROM staged, item, (
        TABLE stored_user UNION ALL TABLE new_user UNION ALL SELECT NULL FROM staged WHERE user_id IS NULL
    ) AS the_user
    ON CONFLICT (event_id) DO NOTHING
    RETURNING occurred_at
)
SELECT EXISTS (SELECT FROM item) AS item_known, {SAME_EVENT} AS same, stored.occurred_at AS stored_at,
    written.occurred_at AS written_at
FROM staged LEFT JOIN stored ON true LEFT JOIN written ON true
"""  # noqa: S608 - SAME_EVENT is a constant of ours
)


async def post_event(
    session: AsyncSession, event: EventRow, *, now: datetime, limits: EventLimits, attribution: Attribution
) -> EventWrite:
    """Store one event, once, and what it says of the list it came from. InvalidInput for an unknown item or kind, or an id that
    no list has; Conflict for an event_id that says something else."""
    lists = attribution.read([event])
    offence = limits.offence(event, now) or attribution.offence(event, lists, now)
    if offence:
        raise InvalidInput("The event cannot be accepted.", code=offence.code, errors=[offence])
    written = await _store_one(session, event, now)
    if written.outcome == "created":
        await run_merge(session, expose_steps(attribution.touches([event], lists, now)))
    return written


async def _store_one(session: AsyncSession, event: EventRow, now: datetime) -> EventWrite:
    parameters = {name: getattr(event, name) for name in EventRow.__dataclass_fields__} | {"now": now}
    for _ in range(_ATTEMPTS):
        row: Row[Any] = (await session.execute(_POST, parameters)).one()
        if row.stored_at is not None:
            if not row.same:
                raise reused_id()
            return EventWrite("duplicate", replace(event, occurred_at=row.stored_at))
        if row.written_at is not None:
            return EventWrite("created", replace(event, occurred_at=row.written_at))
        if not row.item_known:
            raise unknown_item()
    raise Conflict("This event is being written by too many others; send it again.", code="write_conflict")


async def post_events(
    session: AsyncSession,
    rows: Sequence[EventRow],
    *,
    now: datetime,
    limits: EventLimits,
    attribution: Attribution,
) -> list[Outcome | FieldError]:
    """Store many events in the session's transaction; for each, in order, its outcome or why it was refused."""
    lists = attribution.read(rows)
    offences = [limits.offence(row, now) or attribution.offence(row, lists, now) for row in rows]
    sound = [row for row, offence in zip(rows, offences, strict=True) if offence is None]
    outcomes = await run_merge(session, merge_steps(sound, now))
    created = [row for row, outcome in zip(sound, outcomes, strict=True) if outcome == "created"]
    await run_merge(session, expose_steps(attribution.touches(created, lists, now)))
    merged = iter(outcomes)
    refusals: dict[Outcome, FieldError] = {
        "unknown_item": unknown_item().errors[0],
        "reused": reused_id().errors[0],
    }
    results: list[Outcome | FieldError] = []
    for offence in offences:
        outcome = offence or next(merged)
        results.append(outcome if isinstance(outcome, FieldError) else refusals.get(outcome, outcome))
    return results


async def delete_event(session: AsyncSession, event_id: str, *, user_id: str | None = None) -> None:
    """Undo one event; NotFound where there is none of this id, or, with ``user_id``, none of this user."""
    named = delete(Event).where(Event.event_id == event_id)
    if user_id is not None:
        named = named.where(Event.user_key == user_key_of(user_id))
    deleted = await session.execute(named.returning(Event.key))
    if deleted.first() is None:
        raise NotFound("There is no such event.", code="event_not_found")


def new_event_id() -> str:
    """An id for an event that came without one."""
    return f"evt_{secrets.token_hex(12)}"


def reused_id() -> Conflict:
    """The refusal of an id that is stored with another event."""
    detail = "This event_id is stored with another event."
    return Conflict(detail, code="event_id_reused", errors=[FieldError("/event_id", "event_id_reused", detail)])
