"""Ratings: one value per user and item, of which the newest wins.

The rules of time, for one write as for many (``app.services.rating_merge``):

* the newest ``rated_at`` wins, and of equal times the later arrival;
* without ``rated_at`` a rating is of the time of arrival, but never older than what is stored, so that two clocks that
  disagree cannot make it stale; the value that is stored already then keeps its time;
* a delete leaves a tombstone: a rating that is not newer than it is stale. A delete of what was never rated leaves one
  as well, and creates the user if need be, for it may have overtaken the rating that it takes back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, LiteralString, Self, cast

from psycopg import AsyncConnection
from sqlalchemy import literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.config import Settings
from app.errors import Conflict, FieldError, InvalidInput, NotFound
from app.models import Item, Rating
from app.services.limits import EARLIEST
from app.services.merge_steps import run_merge
from app.services.rating_merge import OUTCOME, Outcome, RatingRow, merge_steps
from app.services.user_ids import user_key_of

_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class RatingRules:
    """What a rating may be: its scale, how far ahead of the clock, and whether it may name an unknown item."""

    minimum: float
    maximum: float
    clock_skew: timedelta
    create_placeholder_items: bool

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The rules that the settings give."""
        skew = timedelta(seconds=settings.clock_skew_seconds)
        return cls(settings.rating_min, settings.rating_max, skew, settings.create_placeholder_items)

    def offence(self, value: float, rated_at: datetime | None, now: datetime) -> FieldError | None:
        """What is wrong with a rating, if anything."""
        if not self.minimum <= value <= self.maximum:
            return FieldError("/value", "off_scale", f"A rating is from {self.minimum:g} to {self.maximum:g}.")
        if rated_at is not None and rated_at > now + self.clock_skew:
            seconds = self.clock_skew.total_seconds()
            return FieldError("/rated_at", "in_the_future", f"More than {seconds:g} seconds ahead of the clock.")
        if rated_at is not None and rated_at < EARLIEST:
            return FieldError("/rated_at", "too_early", f"Ratings are of the year {EARLIEST.year} or later.")
        return None


@dataclass(frozen=True, slots=True)
class StoredRating:
    """A rating as it is stored."""

    user_id: str
    item_id: str
    value: float
    rated_at: datetime


@dataclass(frozen=True, slots=True)
class RatingWrite:
    """What a write did, and the rating that is stored now: None where a newer tombstone made the write stale."""

    outcome: Outcome
    rating: StoredRating | None


# One round trip. Whoever writes ratings of a user locks the user first (``app.services.merge_steps``). The stored rating is
# locked before it is judged; the lock reads its newest version whatever the snapshot says, and so does ON CONFLICT. What the
# snapshot cannot show, a user or rating that somebody else inserts at this moment, leaves `written` empty: the same statement
# again then sees it.
_PUT: LiteralString = f"""
WITH item AS (SELECT key FROM items WHERE id = %(item_id)s::text AND deleted_at IS NULL),
known_user AS (
    SELECT key FROM users WHERE id = %(user_id)s::text AND EXISTS (SELECT FROM item) FOR NO KEY UPDATE
),
aliased_user AS (
    SELECT key FROM users
    WHERE EXISTS (SELECT FROM item) AND NOT EXISTS (SELECT FROM known_user)
        AND key = (SELECT user_key FROM user_aliases WHERE id = %(user_id)s::text AND expires_at > now())
    FOR NO KEY UPDATE
),
stored_user AS (TABLE known_user UNION ALL TABLE aliased_user),
new_user AS (
    INSERT INTO users (id)
    SELECT %(user_id)s::text FROM item WHERE NOT EXISTS (SELECT FROM stored_user)
    ON CONFLICT DO NOTHING RETURNING key
),
stored AS MATERIALIZED (
    SELECT value AS stored_value, rated_at AS stored_at FROM ratings
    WHERE user_key = (SELECT key FROM stored_user) AND item_key = (SELECT key FROM item)
    FOR UPDATE
),
offered AS (
    SELECT %(value)s::float8 AS value, %(rated_at)s::timestamptz IS NOT NULL AS timed,
        coalesce(%(rated_at)s::timestamptz, %(now)s::timestamptz) AS rated_at
),
decided AS MATERIALIZED (SELECT *, {OUTCOME} AS outcome FROM offered LEFT JOIN stored ON true),
written AS (
    INSERT INTO ratings AS rating (user_key, item_key, value, rated_at)
    SELECT the_user.key, item.key, value, greatest(rated_at, stored_at)
    FROM decided, item, (TABLE stored_user UNION ALL TABLE new_user) AS the_user
    WHERE outcome IN ('created', 'updated')
    ON CONFLICT (user_key, item_key) DO UPDATE SET value = excluded.value, rated_at = excluded.rated_at
    WHERE EXISTS (SELECT FROM stored)
    RETURNING value, rated_at
)
SELECT EXISTS (SELECT FROM item), outcome, stored_value, stored_at, written.value, written.rated_at
FROM decided LEFT JOIN written ON true
"""  # noqa: S608 - OUTCOME is a constant of ours

# A deleted item counts here: what was said about it can still be taken back.
_DELETE: LiteralString = """
WITH item AS (SELECT key FROM items WHERE id = %(item_id)s::text),
known_user AS (
    SELECT key FROM users WHERE id = %(user_id)s::text AND EXISTS (SELECT FROM item) FOR NO KEY UPDATE
),
aliased_user AS (
    SELECT key FROM users
    WHERE EXISTS (SELECT FROM item) AND NOT EXISTS (SELECT FROM known_user)
        AND key = (SELECT user_key FROM user_aliases WHERE id = %(user_id)s::text AND expires_at > now())
    FOR NO KEY UPDATE
),
stored_user AS (TABLE known_user UNION ALL TABLE aliased_user),
new_user AS (
    INSERT INTO users (id)
    SELECT %(user_id)s::text FROM item WHERE NOT EXISTS (SELECT FROM stored_user)
    ON CONFLICT DO NOTHING RETURNING key
),
written AS (
    INSERT INTO ratings AS rating (user_key, item_key, value, rated_at)
    SELECT the_user.key, item.key, NULL, %(now)s::timestamptz
    FROM item, (TABLE stored_user UNION ALL TABLE new_user) AS the_user
    ON CONFLICT (user_key, item_key) DO UPDATE
    SET value = NULL, rated_at = greatest(rating.rated_at, excluded.rated_at)
    RETURNING 1
)
SELECT EXISTS (SELECT FROM item), EXISTS (SELECT FROM written)
"""

_PLACEHOLDER: LiteralString = (
    "INSERT INTO items (id, title) VALUES (%(item_id)s::text, %(item_id)s::text) ON CONFLICT DO NOTHING"
)


async def put_rating(
    connection: AsyncConnection[Any],
    *,
    user_id: str,
    item_id: str,
    value: float,
    rated_at: datetime | None,
    now: datetime,
    rules: RatingRules,
) -> RatingWrite:
    """Store one rating by the rules of time. InvalidInput for an unknown item, a value off the scale, a bad time.

    One statement stores it whole, so that the connection may be one on which each is a transaction.
    """
    offence = rules.offence(value, rated_at, now)
    if offence:
        raise InvalidInput("The rating cannot be accepted.", code=offence.code, errors=[offence])
    parameters = {"user_id": user_id, "item_id": item_id, "value": value, "rated_at": rated_at, "now": now}
    may_create_item = rules.create_placeholder_items
    for _ in range(_ATTEMPTS):
        found = await _only_row(connection, _PUT, parameters)
        item_known, outcome, stored_value, stored_at, written_value, written_at = found
        if not item_known:
            if not may_create_item:
                raise unknown_item()
            # Once only: an item that was deleted stays deleted.
            may_create_item = False
            await connection.execute(_PLACEHOLDER, {"item_id": item_id})
        elif outcome not in {"created", "updated"}:
            held = stored_value is not None
            return RatingWrite(outcome, StoredRating(user_id, item_id, stored_value, stored_at) if held else None)
        elif written_at is not None:
            return RatingWrite(outcome, StoredRating(user_id, item_id, written_value, written_at))
    raise Conflict("This rating is being written by too many others; send it again.", code="write_conflict")


async def delete_rating(connection: AsyncConnection[Any], *, user_id: str, item_id: str, now: datetime) -> None:
    """Take a rating back and leave a tombstone of the time of arrival, or of the rating where that is newer.

    Nothing happens for an unknown item: there is nothing to take back, and a late rating of it is refused.
    """
    parameters = {"user_id": user_id, "item_id": item_id, "now": now}
    for _ in range(_ATTEMPTS):
        item_known, done = await _only_row(connection, _DELETE, parameters)
        if done or not item_known:
            return
    raise Conflict("This rating is being written by too many others; send it again.", code="write_conflict")


async def put_ratings(
    session: AsyncSession, rows: Sequence[RatingRow], *, now: datetime, rules: RatingRules
) -> list[Outcome | FieldError]:
    """Store many ratings in the session's transaction; for each, in order, its outcome or why it was refused."""
    latest = now + rules.clock_skew
    low, high = rules.minimum, rules.maximum
    # The rules written out: a call for each of ten thousand rows would take longer than to send them to Postgres.
    sound = [row for row in rows if low <= row[2] <= high and (row[3] is None or EARLIEST <= row[3] <= latest)]
    steps = merge_steps(sound, now, create_placeholder_items=rules.create_placeholder_items)
    merged = await run_merge(session, steps)
    unknown = unknown_item().errors[0]
    results: list[Outcome | FieldError] = [unknown if each == "unknown_item" else each for each in merged]
    if len(sound) == len(rows):
        return results
    outcomes = iter(results)
    return [rules.offence(value, rated_at, now) or next(outcomes) for _, _, value, rated_at in rows]


async def get_rating(session: AsyncSession, *, user_id: str, item_id: str) -> StoredRating:
    """One rating; NotFound where there is none, or where it was deleted."""
    found = select(Rating.value, Rating.rated_at).join(Item, Item.key == Rating.item_key)
    found = found.where(Rating.user_key == user_key_of(user_id), Item.id == item_id)
    row = (await session.execute(found.where(Rating.value.is_not(None)))).first()
    if row is None:
        raise NotFound("This user has no rating of this item.", code="rating_not_found")
    return StoredRating(user_id, item_id, cast("float", row.value), row.rated_at)


async def list_ratings(
    session: AsyncSession,
    user_id: str,
    *,
    limit: int,
    after: tuple[datetime, str] | None,
    item_ids: Sequence[str] | None = None,
) -> tuple[list[StoredRating], bool]:
    """A user's ratings, of these items where some are named, newest first, from behind the time and item of ``after``; and if
    more follow.

    Times only ever move forward, so that no rating is listed twice and none that stays as it is can be missed; one
    that changes while its owner turns the pages moves to the front.
    """
    query = (
        select(Item.id, Rating.value, Rating.rated_at)
        .join(Item, Item.key == Rating.item_key)
        .where(Rating.user_key == user_key_of(user_id), Rating.value.is_not(None))
        .order_by(Rating.rated_at.desc(), Rating.item_key.desc())
        .limit(limit + 1)
    )
    if after is not None:
        rated_at, item_id = after
        item_key = select(Item.key).where(Item.id == item_id).scalar_subquery()
        query = query.where(tuple_(Rating.rated_at, Rating.item_key) < tuple_(literal(rated_at), item_key))
    if item_ids is not None:
        query = query.where(Item.id.in_(item_ids))
    rows = (await session.execute(query)).all()
    ratings = [StoredRating(user_id, row.id, cast("float", row.value), row.rated_at) for row in rows[:limit]]
    return ratings, len(rows) > limit


def unknown_item() -> InvalidInput:
    """The refusal of a rating whose item is not in the catalogue, or was deleted from it."""
    detail = "There is no such item in the catalogue."
    return InvalidInput(detail, code="unknown_item", errors=[FieldError("/item_id", "unknown_item", detail)])


async def _only_row(
    connection: AsyncConnection[Any], statement: LiteralString, parameters: Mapping[str, Any]
) -> tuple[Any, ...]:
    (row,) = await (await connection.execute(statement, parameters)).fetchall()
    return row
