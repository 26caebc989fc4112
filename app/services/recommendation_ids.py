"""Recommendation ids: signed tokens that say which list it was. A client sends it back with what was seen and done; nothing is
stored when a list is made."""

import os
import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from app.services.signing import Signer

ListKind = Literal["recommendations", "history", "similar", "popular", "trending", "latest", "home", "search"]

PREFIX = "rec_"
_PURPOSE = "recommendation"
# The kind's code, seconds since 1970, and a number that tells lists of the same second apart; then release and variant as text.
_HEAD = struct.Struct(">BIq")
_NONCE_BYTES = 8

# Stored, and part of tokens that are out: a code never changes its meaning.
LIST_CODES: dict[ListKind, int] = {
    "recommendations": 1,
    "history": 2,
    "similar": 3,
    "popular": 4,
    "trending": 5,
    "latest": 6,
    "home": 7,
    "search": 8,
}
LIST_KINDS: dict[int, ListKind] = {code: kind for kind, code in LIST_CODES.items()}


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What an id says of its list. ``nonce`` tells it from the others; ``release`` is None where there was none to rank by."""

    kind: ListKind
    made_at: datetime
    nonce: int
    release: str | None
    variant: str | None = None


def make_recommendation_id(
    signer: Signer, kind: ListKind, release: str | None, now: datetime, variant: str | None = None
) -> str:
    """The id of a list that is made ``now``. A few microseconds: every list has one."""
    nonce = int.from_bytes(os.urandom(_NONCE_BYTES), "big", signed=True)
    text = release or ""
    if variant is not None:
        text = f"{text}\0{variant}"
    return PREFIX + signer.sign(_PURPOSE, _HEAD.pack(LIST_CODES[kind], int(now.timestamp()), nonce) + text.encode())


def read_recommendation_id(signer: Signer, recommendation_id: str) -> Recommendation | None:
    """What an id says; None for one that was not made here, or was changed."""
    if not recommendation_id.startswith(PREFIX):
        return None
    payload = signer.open(_PURPOSE, recommendation_id[len(PREFIX) :])
    if payload is None:
        return None
    code, seconds, nonce = _HEAD.unpack_from(payload)
    release, _, variant = payload[_HEAD.size :].decode().partition("\0")
    return Recommendation(
        LIST_KINDS[code], datetime.fromtimestamp(seconds, UTC), nonce, release or None, variant or None
    )
