"""Users like a user: by rare items that both have rated alike.

Each common item counts ``1 / log(1 + its ratings)`` (Adamic and Adar 2003), so that two who know the same obscure film are
nearer than two who know what everybody knows, times how alike the two rated it. All reads are bounded: a user's newest ratings,
of these the rarest items, of each item so many ratings.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import BigInteger, func, literal, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from app.engine.arrays import DoubleArray, RowArray
from app.models import Item, Rating, User
from app.services.catalogue import Catalogue
from app.services.user_ids import user_key_of

RATINGS_READ = 300
"""How many of the user's newest ratings are looked at."""

COUNTED = 500
"""Items with more ratings than this are all called equally common, and so many of their ratings are read."""

RATINGS_COMPARED = 8_000
"""How many ratings of others are compared at the most."""

MOST_SHOWN = 5
"""How many common items are named for each neighbour."""

_OWN = text(
    "SELECT item_key, value FROM ratings WHERE user_key = :user_key AND value IS NOT NULL"
    " ORDER BY rated_at DESC, item_key LIMIT :newest"
)
_COUNTS = text(
    "SELECT place - 1, (SELECT count(*) FROM"
    " (SELECT FROM ratings WHERE item_key = named.item_key AND value IS NOT NULL LIMIT :counted) AS counted)"
    " FROM unnest(CAST(:items AS bigint[])) WITH ORDINALITY AS named (item_key, place)"
)
_NEAREST = text(
    "SELECT other.user_key, sum(named.weight * (1 - abs(other.value - named.value) / :scale)) AS shared,"
    " array_agg(named.place - 1 ORDER BY named.place)"
    " FROM unnest(CAST(:items AS bigint[]), CAST(:values AS float8[]), CAST(:weights AS float8[]))"
    " WITH ORDINALITY AS named (item_key, value, weight, place)"
    " CROSS JOIN LATERAL (SELECT user_key, value FROM ratings"
    " WHERE item_key = named.item_key AND value IS NOT NULL AND user_key <> :user_key LIMIT :counted) AS other"
    " GROUP BY other.user_key ORDER BY shared DESC, other.user_key LIMIT :most"
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


async def list_neighbours(
    session: AsyncSession, user_id: str, *, limit: int, scale: float, catalogue: Catalogue | None = None
) -> list[Neighbour]:
    """The users most like this one, best first; none for a user without ratings, or an unknown one. ``scale`` is the length of
    the rating scale. How rare an item is the ``catalogue`` knows from the release; what few had rated then is counted."""
    user_key = (await session.execute(select(user_key_of(user_id)))).scalar_one()
    own = None if user_key is None else await _read_own(session, user_key, catalogue)
    if own is None or len(own.keys) == 0:
        return []
    parameters = {
        "items": own.keys.tolist(),
        "values": own.values.tolist(),
        "weights": own.weights.tolist(),
        "user_key": user_key,
        "counted": COUNTED,
        "scale": scale,
        # A few more than are asked for: who has rated far more than the user shares much with everybody, and goes down.
        "most": 3 * limit + 20,
    }
    nearest = {key: (shared, places) for key, shared, places in await session.execute(_NEAREST, parameters)}
    counts = await _rating_counts(session, list(nearest))
    of_all = float(own.weights.sum())
    similarity = {
        key: shared / of_all * min(1.0, own.rated / counts[key]) ** 0.5
        for key, (shared, _) in nearest.items()
        if key in counts
    }
    best = sorted(similarity, key=lambda key: (-similarity[key], key))[:limit]
    return await _neighbours(session, best, similarity, {key: nearest[key][1] for key in best}, own)


async def _read_own(session: AsyncSession, user_key: int, catalogue: Catalogue | None) -> _Own:
    rows = (await session.execute(_OWN, {"user_key": user_key, "newest": RATINGS_READ})).all()
    table = np.array([tuple(row) for row in rows], np.float64).reshape(-1, 2)
    keys, values = table[:, 0].astype(np.int64), table[:, 1]
    raters = await _raters_of(session, keys, catalogue)
    order = np.lexsort((keys, raters))
    order = order[raters[order] > 1]  # what nobody else has rated finds nobody
    order = order[np.cumsum(raters[order]) <= RATINGS_COMPARED]
    return _Own(keys[order], values[order], 1 / np.log1p(raters[order]), len(rows))


async def _raters_of(session: AsyncSession, keys: RowArray, catalogue: Catalogue | None) -> RowArray:
    """How many have rated each item, :data:`COUNTED` at the most; when the release was made, for the items that several
    had rated then: the user's own rating, or that of the only other, may have come since."""
    raters = np.zeros(len(keys), np.int64)
    if catalogue is not None:
        rows = catalogue.rows_of_keys(keys)
        raters[rows >= 0] = np.minimum(catalogue.rating_counts[rows[rows >= 0]], COUNTED)
    few = np.flatnonzero(raters <= 1)
    if len(few):
        parameters = {"items": keys[few].tolist(), "counted": COUNTED}
        for place, count in await session.execute(_COUNTS, parameters):
            raters[few[place]] = count
    return raters


async def _rating_counts(session: AsyncSession, keys: Sequence[int]) -> dict[int, int]:
    wanted = Rating.user_key == func.any(literal(list(keys), ARRAY(BigInteger)))
    counts = select(Rating.user_key, func.count()).where(wanted, Rating.value.is_not(None)).group_by(Rating.user_key)
    return {row[0]: row[1] for row in await session.execute(counts)}


async def _neighbours(
    session: AsyncSession, keys: Sequence[int], similarity: dict[int, float], places: dict[int, list[int]], own: _Own
) -> list[Neighbour]:
    shown: dict[int, list[int]] = {key: own.keys[places[key][:MOST_SHOWN]].tolist() for key in keys}
    users = await _ids(session, User, keys)
    items = await _ids(session, Item, sorted({item for each in shown.values() for item in each}))
    return [
        Neighbour(users[key], round(similarity[key], 4), len(places[key]), [items[item] for item in shown[key]])
        for key in keys
    ]


async def _ids(session: AsyncSession, table: type[User] | type[Item], keys: Sequence[int]) -> dict[int, str]:
    wanted = table.key == func.any(literal(list(keys), ARRAY(BigInteger)))
    return {row[0]: row[1] for row in await session.execute(select(table.key, table.id).where(wanted))}
