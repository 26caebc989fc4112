"""Cursors: where the next page begins, opaque to clients and checked when it comes back.

A cursor holds nothing but a position in a list that its holder may read anyway, so a forged one gains nothing. It is
not signed; a digest tells a mangled one, or one of another list, from a good one.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from typing import Annotated, cast

import orjson
from pydantic import Field

from app.errors import FieldError, InvalidInput
from app.services.limits import refuse_text

_DIGEST_BYTES = 6

Cursor = Annotated[
    str | None,
    Field(max_length=4096, description="`next_cursor` of the page before; without it, the first page."),
]

FrozenCursor = Annotated[str | None, Field(min_length=1, max_length=8192)]
"""The cursor of a list that stays as it was: :mod:`app.services.frozen_lists` makes and reads it."""


def encode_cursor(listing: str, *position: str | int) -> str:
    """The cursor of the page of ``listing`` that begins after ``position``."""
    payload = orjson.dumps(position)
    return urlsafe_b64encode(_digest(listing, payload) + payload).decode().rstrip("=")


def decode_cursor(listing: str, cursor: str) -> list[str | int]:
    """The position in a cursor of the same ``listing``; InvalidInput for anything else."""
    try:
        raw = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
    except ValueError:
        raw = b""
    digest, payload = raw[:_DIGEST_BYTES], raw[_DIGEST_BYTES:]
    position = _position(payload) if digest == _digest(listing, payload) else None
    if not position:
        error = FieldError("/query/cursor", "invalid_cursor", "This is not a cursor of this list.")
        raise InvalidInput("The cursor cannot be used here.", code="invalid_cursor", errors=[error])
    return position


def _position(payload: bytes) -> list[str | int] | None:
    """What a cursor holds; None where it was made up and holds what no list begins after, or what Postgres cannot read."""
    try:
        position = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(position, list):
        return None
    parts = cast("list[object]", position)
    sound = all(isinstance(part, int) or (isinstance(part, str) and refuse_text(part) is None) for part in parts)
    return cast("list[str | int]", parts) if sound else None


def _digest(listing: str, payload: bytes) -> bytes:
    return blake2b(payload, digest_size=_DIGEST_BYTES, person=listing.encode()[:16]).digest()
