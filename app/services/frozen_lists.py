"""Frozen lists: a cursor holds what is left of one ranked list, so that paging through it needs nothing that is stored.

A later page takes the items from its cursor, in their order, whatever has been rated or released meanwhile.
"""

import struct
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from app.engine.arrays import BoolArray, RowArray
from app.errors import FieldError, InvalidInput
from app.services.catalogue import Catalogue
from app.services.recommendation_ids import Recommendation, read_recommendation_id
from app.services.signing import Signer

MOST_ITEMS = 500
"""How long a list is that is walked by cursor."""

_PURPOSE = "frozen list"
# Digest of what was asked, rank of the next item, how many items are left, bytes of a key.
_HEAD = struct.Struct(">8sHHB")


@dataclass(frozen=True, slots=True)
class Page:
    """A later page: the id of its list and what that says, the rank of the next item, and the keys of the items that are left."""

    recommendation_id: str
    recommendation: Recommendation
    rank: int
    keys: RowArray


def rows_left(page: Page, catalogue: Catalogue, allowed: BoolArray) -> RowArray:
    """The rows of the items that are left, in their order, without those that are no longer allowed."""
    rows = catalogue.rows_of_keys(page.keys)
    rows = rows[rows >= 0]
    return rows[allowed[rows]]


def seal_page(signer: Signer, recommendation_id: str, asked: bytes, rank: int, keys: RowArray) -> str | None:
    """The cursor of the page that begins with the item of this rank; None where no item is left. ``asked`` are 8 bytes that tell
    what was asked for apart from anything else."""
    if len(keys) == 0:
        return None
    width = (int(keys.max()).bit_length() + 7) // 8 or 1
    # The last bytes of each key, the greatest first.
    packed = keys.astype(">u8").view(np.uint8).reshape(-1, 8)[:, 8 - width :].tobytes()
    return signer.sign(_PURPOSE, _HEAD.pack(asked, rank, len(keys), width) + packed + recommendation_id.encode())


def open_page(signer: Signer, cursor: str, asked: bytes, now: datetime, lifetime: timedelta) -> Page:
    """The page that a cursor stands for; raises :class:`InvalidInput` where it was not made here, is of another list, or is older
    than ``lifetime``."""
    payload = signer.open(_PURPOSE, cursor)
    if payload is None:
        raise _refusal("invalid_cursor", "This is not a cursor of this service, or it was changed on its way.")
    made_for, rank, count, width = _HEAD.unpack_from(payload)
    if made_for != asked:
        raise _refusal("cursor_of_another_list", "Send the cursor with the very query that it came from.")
    end = _HEAD.size + count * width
    recommendation_id = payload[end:].decode()
    recommendation = read_recommendation_id(signer, recommendation_id)
    if recommendation is None or now - recommendation.made_at > lifetime:
        raise _refusal("cursor_expired", "The list is too old by now: begin again without a cursor.")
    keys = np.zeros((count, 8), np.uint8)
    keys[:, 8 - width :] = np.frombuffer(payload[_HEAD.size : end], np.uint8).reshape(count, width)
    return Page(recommendation_id, recommendation, rank, keys.view(">u8").ravel().astype(np.int64))


def _refusal(code: str, detail: str) -> InvalidInput:
    return InvalidInput(
        "The cursor cannot be used here.", code=code, errors=[FieldError("/query/cursor", code, detail)]
    )
