"""Cursors of a search: the keys of everything that comes after a page, so that its pages are cut from one list."""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from app.services.signing import Signer

_PURPOSE = "search"
_DIGEST_BYTES = 8
_HEAD = struct.Struct(f">{_DIGEST_BYTES}sH")
MOST_HELD = 500


@dataclass(frozen=True, slots=True)
class RestOfList:
    """What comes after a page: ``offset`` items came before."""

    offset: int
    keys: Sequence[int]


def make_search_cursor(signer: Signer, asked: str, rest: RestOfList) -> str:
    """The cursor that goes on with ``rest``; ``asked`` is what the list was made from, the same on each page."""
    keys = np.array(rest.keys[:MOST_HELD], ">i8").tobytes()
    return signer.sign(_PURPOSE, _HEAD.pack(_digest(asked), rest.offset) + zlib.compress(keys))


def read_search_cursor(signer: Signer, asked: str, cursor: str) -> RestOfList | None:
    """What a cursor holds; None for one that was not made here, or for another search."""
    payload = signer.open(_PURPOSE, cursor)
    if payload is None:
        return None
    digest, offset = _HEAD.unpack_from(payload)
    if digest != _digest(asked):
        return None
    keys: list[int] = np.frombuffer(zlib.decompress(payload[_HEAD.size :]), ">i8").tolist()
    return RestOfList(offset, keys)


def _digest(asked: str) -> bytes:
    return blake2b(asked.encode(), digest_size=_DIGEST_BYTES).digest()
