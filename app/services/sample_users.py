"""A few users with distinct tastes: to try lists out with somebody's eyes."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from sqlalchemy import Text, and_, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Item, Rating, User

CANDIDATES = 200
FEWEST_LIKES = 15
LIKED_SHARE = 0.5
DISLIKED_SHARE = 0.1
SMOOTHING = 40
LEAST_PART = 0.5
MOST_RATINGS = 400
CATEGORIES_SHOWN = 3
FAVOURITES_SHOWN = 3


@dataclass(frozen=True, slots=True)
class CategoryTaste:
    """How much of what a user likes is in a category, and how many times that is what is usual."""

    category: str
    share: float
    lift: float


@dataclass(frozen=True, slots=True)
class SampleUser:
    """A user, what stands out in their taste, strongest first, and (id, title) of some items they like most."""

    user_id: str
    ratings: int
    categories: Sequence[CategoryTaste]
    favourites: Sequence[tuple[str, str]] = field(default_factory=tuple[tuple[str, str], ...])


@dataclass(frozen=True, slots=True)
class _Candidate:
    key: int
    user: SampleUser
    distance: float
    contented: bool


async def find_sample_users(
    session: AsyncSession, *, limit: int, liked_from: float, disliked_below: float
) -> list[SampleUser]:
    """Of the oldest users with some ratings those whose likes (``liked_from`` and better) differ most from everybody's, each in
    another way. Who likes most of what they rate, and dislikes (less than ``disliked_below``) little of it, goes before who does
    not: the best list for somebody whom little pleases is one of two stars. The work does not grow with the number of users."""
    chosen = _most_distinct(await _candidates(session, liked_from, disliked_below), limit)
    favourites = await _favourites(session, chosen, liked_from)
    return [
        SampleUser(each.user.user_id, each.user.ratings, each.user.categories, favourites.get(each.key, ()))
        for each in chosen
    ]


async def _candidates(session: AsyncSession, liked_from: float, disliked_below: float) -> list[_Candidate]:
    oldest = select(User.key, User.id).order_by(User.key).limit(CANDIDATES).subquery()
    liked = func.count().filter(Rating.value >= liked_from)
    disliked = func.count().filter(Rating.value < disliked_below)
    contented = and_(liked >= LIKED_SHARE * func.count(), disliked <= DISLIKED_SHARE * func.count()).label("contented")
    rated = (
        select(oldest.c.key, oldest.c.id, func.count().label("ratings"), contented)
        .join(Rating, Rating.user_key == oldest.c.key)
        .where(Rating.value.is_not(None))
        .group_by(oldest.c.key, oldest.c.id)
        .having(func.count() <= MOST_RATINGS)
        .subquery()
    )
    likes = (
        select(rated, func.unnest(Item.categories).label("category"))
        .join(Rating, Rating.user_key == rated.c.key)
        .join(Item, Item.key == Rating.item_key)
        .where(Rating.value >= liked_from, Item.deleted_at.is_(None), Item.hidden.is_(False))
        .subquery()
    )
    counted = select(likes, func.count()).group_by(*likes.c)
    rows = (await session.execute(counted.order_by(likes.c.key, likes.c.category))).all()
    people = {key: (user_id, ratings, contented) for key, user_id, ratings, contented, _, _ in rows}
    names: list[str] = sorted({row.category for row in rows})
    row_of = {key: row for row, key in enumerate(people)}
    column_of = {name: column for column, name in enumerate(names)}
    counts = np.zeros((len(people), len(names)))
    for key, _, _, _, category, count in rows:
        counts[row_of[key], column_of[category]] = count
    return _judged(people, names, counts)


def _judged(
    people: dict[int, tuple[str, int, bool]],
    names: list[str],
    counts: np.ndarray[tuple[int, int], np.dtype[np.float64]],
) -> list[_Candidate]:
    """Each user's Kullback-Leibler divergence from all the candidates' likes, and the categories that add most to it. ``people``
    are (id, ratings, whether contented with most of them); ``counts`` is ``(users, categories)``."""
    if not counts.size:
        return []
    usual = counts.sum(axis=0) / counts.sum()
    # Smoothed by likes of the usual kind, so that a few likes do not look like a strong taste.
    shares = (counts + SMOOTHING * usual) / (counts.sum(axis=1, keepdims=True) + SMOOTHING)
    parts = shares * np.log(shares / usual)
    found: list[_Candidate] = []
    for row, (key, (user_id, ratings, contented)) in enumerate(people.items()):
        if counts[row].sum() < FEWEST_LIKES:
            continue
        best: list[int] = np.argsort(-parts[row], kind="stable")[:CATEGORIES_SHOWN].tolist()
        tastes = [
            CategoryTaste(names[at], float(shares[row, at]), float(shares[row, at] / usual[at]))
            for at in best
            # What they like but little of may stand out, yet their lists are not made of it.
            if parts[row, at] > 0 and shares[row, at] >= LEAST_PART * shares[row].max()
        ]
        if tastes:
            user = SampleUser(user_id, ratings, tastes)
            found.append(_Candidate(key, user, float(parts[row].sum()), contented))
    return found


def _most_distinct(candidates: Sequence[_Candidate], limit: int) -> list[_Candidate]:
    """The most distinct ones, none of whom stands out by what is first with another."""
    chosen: list[_Candidate] = []
    for candidate in sorted(candidates, key=lambda each: (not each.contented, -each.distance)):
        if len(chosen) < limit and not any(_is_like(candidate.user, each.user) for each in chosen):
            chosen.append(candidate)
    return chosen


def _is_like(one: SampleUser, other: SampleUser) -> bool:
    first, second = ([each.category for each in user.categories] for user in (one, other))
    return first[0] in second[:2] or second[0] in first[:2]


async def _favourites(
    session: AsyncSession, chosen: Sequence[_Candidate], liked_from: float
) -> dict[int, list[tuple[str, str]]]:
    """(id, title) of what each user likes most, what is in their first category before the rest."""
    found: dict[int, list[tuple[str, str]]] = {}
    for candidate in chosen:
        first = literal([candidate.user.categories[0].category], ARRAY(Text))
        query = (
            select(Item.id, Item.title)
            .join(Rating, Rating.item_key == Item.key)
            .where(Rating.user_key == candidate.key, Rating.value >= liked_from)
            .where(Item.deleted_at.is_(None), Item.hidden.is_(False))
            .order_by(Rating.value.desc(), Item.categories.overlap(first).desc(), Item.key)
            .limit(FAVOURITES_SHOWN)
        )
        found[candidate.key] = [(item_id, title) for item_id, title in (await session.execute(query))]
    return found
