"""A visitor logs in: what is held on one user goes to another, and the id that is left stands for that other one for a while."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import CursorResult, TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import Conflict, FieldError, InvalidInput
from app.services.limits import USER_ATTRIBUTES_BYTES
from app.services.merge_steps import lock_or_create_users, run_merge

ALIAS_DAYS = 90
"""For how long the id of a merged user stands for the other one."""

# Nobody may add an event of the user while they go: adding one takes a lock that this one excludes.
_LOCK = text("SELECT key FROM users WHERE key = :source FOR UPDATE")
# By the rules of ratings: the newest wins, and of equal times a tombstone, else what the other user has.
_RATINGS = text("""
INSERT INTO ratings AS kept (user_key, item_key, value, rated_at)
SELECT :target, item_key, value, rated_at FROM ratings WHERE user_key = :source ORDER BY item_key
ON CONFLICT (user_key, item_key) DO UPDATE SET value = excluded.value, rated_at = excluded.rated_at
WHERE excluded.rated_at > kept.rated_at OR excluded.rated_at = kept.rated_at AND excluded.value IS NULL
""")
_EVENTS = text("UPDATE events SET user_key = :target WHERE user_key = :source")
_EXPOSURES = text("""
INSERT INTO exposures AS kept (viewer, item_key, nonce, made_at, origin_key, list, shown, clicked, converted)
SELECT :target, item_key, nonce, made_at, origin_key, list, shown, clicked, converted
FROM exposures WHERE viewer = :source ORDER BY item_key, nonce
ON CONFLICT (viewer, item_key, nonce) DO UPDATE SET
    shown = kept.shown OR excluded.shown, clicked = kept.clicked OR excluded.clicked,
    converted = kept.converted OR excluded.converted
""")
_ATTRIBUTES = text("""
UPDATE users SET attributes = source.attributes || users.attributes
FROM users AS source WHERE source.key = :source AND users.key = :target AND source.attributes <> '{}'
    AND octet_length((source.attributes || users.attributes)::text) <= :longest
""")
# Preferences as a whole: those of the user who stays, unless they have stated none. Of two suppressions of the same the longer
# stays (null is for good). Who reads the limits of users hears of it by `changed_in`, be it only that there is another id.
_WISHES = text("""
INSERT INTO user_wishes AS kept (user_key, preferences, suppressions, limited, updated_at)
SELECT :target, preferences, suppressions, limited, updated_at FROM user_wishes WHERE user_key = :source
ON CONFLICT (user_key) DO UPDATE SET
    preferences = CASE WHEN kept.updated_at IS NULL THEN excluded.preferences ELSE kept.preferences END,
    limited = CASE WHEN kept.updated_at IS NULL THEN excluded.limited ELSE kept.limited END,
    updated_at = coalesce(kept.updated_at, excluded.updated_at),
    suppressions = (
        SELECT coalesce(jsonb_object_agg(name, ends), '{}') FROM (
            SELECT DISTINCT ON (name) name, ends
            FROM (
                SELECT * FROM jsonb_each(kept.suppressions) AS one (name, ends)
                UNION ALL SELECT * FROM jsonb_each(excluded.suppressions) AS other (name, ends)
            ) AS every
            ORDER BY name, ends = 'null' DESC, ends DESC
        ) AS longest
    )
""")
_TELL = text("UPDATE user_wishes SET changed_in = pg_current_xact_id() WHERE user_key = :target")
_ALIASES = text("UPDATE user_aliases SET user_key = :target WHERE user_key = :source")
_ERASE = text("DELETE FROM users WHERE key = :source")
_ALIAS = text("""
INSERT INTO user_aliases (id, user_key, expires_at) VALUES (:source_id, :target, :expires_at)
ON CONFLICT (id) DO UPDATE SET user_key = excluded.user_key, expires_at = excluded.expires_at
""")
_STATE = text("""
SELECT users.id, (SELECT expires_at FROM user_aliases WHERE id = :source_id AND user_key = users.key)
FROM users WHERE key = :target
""")
_FORMER = text("SELECT EXISTS (SELECT FROM user_aliases WHERE id = :source_id AND expires_at > now())")


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge did: into which user, how many ratings (with tombstones) and events went, and until when the alias holds; None
    where the id that was left is the user's own, since the two were merged the other way round."""

    user_id: str
    outcome: Literal["merged", "unchanged"]
    ratings: int
    events: int
    alias_until: datetime | None


async def merge_users(session: AsyncSession, user_id: str, from_user_id: str, *, now: datetime) -> Merged:
    """Give everything that is held on ``from_user_id`` to the user, and make that id stand for them. Both are created if need be.

    Where both ids stand for one user already nothing happens. InvalidInput for a user and themselves; Conflict for an id that
    was merged into somebody else.
    """
    if user_id == from_user_id:
        error = FieldError("/from_user_id", "same_user", "A user cannot be merged with themselves.")
        raise InvalidInput("The users cannot be merged.", code=error.code, errors=[error])
    keys, _ = await run_merge(session, lock_or_create_users({user_id, from_user_id}))
    target, source = keys[user_id], keys[from_user_id]
    names = {"target": target, "source": source, "source_id": from_user_id}
    if target == source:
        return await _unchanged(session, names)
    if (await session.execute(_FORMER, names)).scalar_one():
        error = FieldError("/from_user_id", "already_merged", "The id was merged into somebody else.")
        raise Conflict("The id was merged into somebody else.", code=error.code, errors=[error])
    await session.execute(_LOCK, names)
    ratings = await _count(session, _RATINGS, names)
    events = await _count(session, _EVENTS, names)
    for statement in (_EXPOSURES, _WISHES, _TELL, _ALIASES):
        await session.execute(statement, names)
    await session.execute(_ATTRIBUTES, names | {"longest": USER_ATTRIBUTES_BYTES})
    await session.execute(_ERASE, names)
    until = now + timedelta(days=ALIAS_DAYS)
    await session.execute(_ALIAS, names | {"expires_at": until})
    owner = (await session.execute(_STATE, names)).one()
    return Merged(owner[0], "merged", ratings, events, until)


async def _unchanged(session: AsyncSession, names: dict[str, Any]) -> Merged:
    owner = (await session.execute(_STATE, names)).one()
    return Merged(owner[0], "unchanged", 0, 0, owner[1])


async def _count(session: AsyncSession, statement: TextClause, names: dict[str, Any]) -> int:
    done = await session.execute(statement, names)
    return done.rowcount if isinstance(done, CursorResult) else 0
