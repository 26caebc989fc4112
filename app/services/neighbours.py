"""Users like a user: by rare items that both have rated alike.

Each common item counts ``1 / log(1 + its ratings)`` (Adamic and Adar 2003), so that two who know the same obscure film are
nearer than two who know what everybody knows, times how alike the two rated it. All reads are bounded: a user's newest ratings,
of these the rarest items, of each item so many ratings.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import BigInteger, func, literal, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from app.engine.arrays import DoubleArray, RowArray
from app.models import Item, Rating, User

RATINGS_READ = 300
"""How many of the user's newest ratings are looked at."""

COUNTED = 1_000
"""Items with more ratings than this are all called equally common, and so many of their ratings are read."""

RATINGS_COMPARED = 20_000
"""How many ratings of others are compared at the most."""

MOST_SHOWN = 5
"""How many common items are named for each neighbour."""

_OWN = text(
    "SELECT item_key, value, (SELECT count(*) FROM"
    " (SELECT FROM ratings WHERE item_key = own.item_key AND value IS NOT NULL LIMIT :counted) AS counted) AS raters"
    " FROM (SELECT item_key, value FROM ratings WHERE user_key = :user_key AND value IS NOT NULL"
    " ORDER BY rated_at DESC, item_key LIMIT :newest) AS own"
)
_OTHERS = text(
    "SELECT other.user_key, named.place, other.value"
    " FROM unnest(CAST(:items AS bigint[])) WITH ORDINALITY AS named (item_key, place)"
    " CROSS JOIN LATERAL (SELECT user_key, value FROM ratings"
    " WHERE item_key = named.item_key AND value IS NOT NULL AND user_key <> :user_key LIMIT :counted) AS other"
)


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A user like another: ``similarity`` from 0 to 1, how many of the compared items both have rated, and the rarest of them."""

    user_id: str
    similarity: float
    common_items: int
    item_ids: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Own:
    """The user's rarest items: keys, values and weights, all ``(n,)``; ``rated`` counts all ratings that were looked at."""

    keys: RowArray
    values: DoubleArray
    weights: DoubleArray
    rated: int


async def list_neighbours(session: AsyncSession, user_id: str, *, limit: int, scale: float) -> list[Neighbour]:
    """The users most like this one, best first; none for a user without ratings, or an unknown one. ``scale`` is the length of
    the rating scale."""
    user_key = (await session.execute(select(User.key).where(User.id == user_id))).scalar_one_or_none()
    own = None if user_key is None else await _read_own(session, user_key)
    if own is None or len(own.keys) == 0:
        return []
    parameters = {"items": own.keys.tolist(), "user_key": user_key, "counted": COUNTED}
    rows = (await session.execute(_OTHERS, parameters)).all()
    if not rows:
        return []
    table = np.array([tuple(row) for row in rows], np.float64)
    users, places, values = table[:, 0].astype(np.int64), table[:, 1].astype(np.int64) - 1, table[:, 2]
    alike = own.weights[places] * (1 - np.abs(values - own.values[places]) / scale)
    keys, owners = np.unique(users, return_inverse=True)
    shared = np.bincount(owners, alike)
    # A few more than are asked for: who has rated far more than the user shares much with everybody, and goes down.
    nearest = keys[np.lexsort((keys, -shared))][: 3 * limit + 20]
    counts = await _rating_counts(session, nearest)
    of_all = dict(zip(keys.tolist(), (shared / own.weights.sum()).tolist(), strict=True))
    similarity = {key: of_all[key] * min(1.0, own.rated / counts[key]) ** 0.5 for key in nearest.tolist()}
    best = sorted(nearest.tolist(), key=lambda key: (-similarity[key], key))[:limit]
    return await _neighbours(session, best, similarity, {key: places[users == key] for key in best}, own)


async def _read_own(session: AsyncSession, user_key: int) -> _Own:
    parameters = {"user_key": user_key, "newest": RATINGS_READ, "counted": COUNTED}
    rows = (await session.execute(_OWN, parameters)).all()
    table = np.array([tuple(row) for row in rows], np.float64).reshape(-1, 3)
    table = table[table[:, 2] > 1]  # what nobody else has rated finds nobody
    table = table[np.lexsort((table[:, 0], table[:, 2]))]
    few = np.cumsum(table[:, 2]) <= RATINGS_COMPARED
    table = table[few]
    return _Own(table[:, 0].astype(np.int64), table[:, 1], 1 / np.log1p(table[:, 2]), len(rows))


async def _rating_counts(session: AsyncSession, keys: RowArray) -> dict[int, int]:
    wanted = Rating.user_key == func.any(literal(keys.tolist(), ARRAY(BigInteger)))
    counts = select(Rating.user_key, func.count()).where(wanted, Rating.value.is_not(None)).group_by(Rating.user_key)
    return {row[0]: row[1] for row in await session.execute(counts)}


async def _neighbours(
    session: AsyncSession, keys: Sequence[int], similarity: dict[int, float], places: dict[int, Any], own: _Own
) -> list[Neighbour]:
    shown = {key: own.keys[np.sort(places[key])[:MOST_SHOWN]].tolist() for key in keys}
    users = await _ids(session, User, keys)
    items = await _ids(session, Item, sorted({item for each in shown.values() for item in each}))
    return [
        Neighbour(users[key], round(similarity[key], 4), len(places[key]), [items[item] for item in shown[key]])
        for key in keys
    ]


async def _ids(session: AsyncSession, table: type[User] | type[Item], keys: Sequence[int]) -> dict[int, str]:
    wanted = table.key == func.any(literal(list(keys), ARRAY(BigInteger)))
    return {row[0]: row[1] for row in await session.execute(select(table.key, table.id).where(wanted))}
