"""Answers that are kept for a day: a request that is sent twice under one key is carried out once, and answered alike.

An answer is stored in the transaction of what it tells of, so that there is never one without the other. Of the client's key, of
who sent it, of the request and of the users in it digests are kept only.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b

from sqlalchemy import ARRAY, BigInteger, cast, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import Conflict, FieldError, InvalidInput
from app.models import StoredAnswer

KEPT_HOURS = 24
MOST_BYTES = 8_000_000
POINTER = "/header/idempotency-key"
_DIGEST_BYTES = 32


@dataclass(frozen=True, slots=True)
class Asked:
    """A request under a key: digests of the key with its owner, of what is asked, and of the users that are named."""

    id: bytes
    request: bytes
    users: Collection[int]


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer as it is given, and given again."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def digest(*parts: bytes) -> bytes:
    """BLAKE2b of the parts, each of which stays apart from the others."""
    state = blake2b(digest_size=_DIGEST_BYTES)
    for part in parts:
        state.update(len(part).to_bytes(8, "big"))
        state.update(part)
    return state.digest()


def user_digest(user_id: str) -> int:
    """A number for a user's id. Two may share one: at worst the answer to one goes with the other."""
    return int.from_bytes(digest(user_id.encode("utf-8", "surrogatepass"))[:8], "big", signed=True)


async def find_answer(session: AsyncSession, asked: Asked, *, now: datetime) -> Answered | None:
    """The answer that this request was given before. None where there is none: then nobody else carries the request out until the
    session's transaction ends.

    Raises Conflict where somebody does so now, and InvalidInput where the key went with another request.
    """
    # Two statements: only a second one sees what was committed by whoever held the lock until now.
    lock = int.from_bytes(asked.id[:8], "big", signed=True)
    if not (await session.execute(select(func.pg_try_advisory_xact_lock(lock)))).scalar_one():
        detail = "A request with this Idempotency-Key is being carried out: send it again in a moment."
        raise Conflict(detail, code="idempotency_key_in_use")
    found = select(StoredAnswer.request, StoredAnswer.status, StoredAnswer.headers, StoredAnswer.body)
    kept = found.where(StoredAnswer.id == asked.id, StoredAnswer.expires_at > now)
    row = (await session.execute(kept)).one_or_none()
    if row is None:
        return None
    if row.request != asked.request:
        error = FieldError(POINTER, "idempotency_key_reused", "This key was sent with another request.")
        raise InvalidInput("The key belongs to another request.", code=error.code, errors=[error])
    return Answered(row.status, row.headers, row.body)


async def keep_answer(session: AsyncSession, asked: Asked, answer: Answered, *, now: datetime) -> None:
    """Store an answer in the session's transaction. InvalidInput for one that is too long to be kept."""
    if len(answer.body) > MOST_BYTES:
        error = FieldError(
            POINTER, "answer_too_long", f"An answer of at most {MOST_BYTES} bytes is kept: send fewer rows."
        )
        raise InvalidInput("The answer is too long to be kept.", code=error.code, errors=[error])
    values = {
        "request": asked.request,
        "users": sorted(asked.users),
        "status": answer.status,
        "headers": dict(answer.headers),
        "body": answer.body,
        "expires_at": now + timedelta(hours=KEPT_HOURS),
    }
    stored = insert(StoredAnswer).values(id=asked.id, **values)
    # What is there has expired, and waits to be deleted.
    await session.execute(stored.on_conflict_do_update(index_elements=[StoredAnswer.id], set_=values))


async def forget_answers(session: AsyncSession, user_ids: Collection[str]) -> None:
    """Delete the answers to requests that named one of these users."""
    users = cast([user_digest(each) for each in user_ids], ARRAY(BigInteger))
    await session.execute(delete(StoredAnswer).where(StoredAnswer.users.overlap(users)))
