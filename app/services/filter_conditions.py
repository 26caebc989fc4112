"""The filters of a list as conditions in SQL, for lists that come straight from the database."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Text, case, func, literal, or_, select
from sqlalchemy.dialects.postgresql import ARRAY

from app.models import Item, Rating
from app.services.filters import Filters

PRIOR_RATINGS = 20.0
MOST_VOTES = 50.0


@dataclass(frozen=True, slots=True)
class StoredOpinions:
    """What people think of an item, as expressions: how many have rated it here, the Bayesian mean of these ratings, how many
    opinions there are with the votes from elsewhere, and the mean of all of them (NULL without any), as
    :class:`~app.services.opinions.OpinionPrior` has it."""

    count: ColumnElement[Any]
    mean_of_ratings: ColumnElement[Any]
    all_count: ColumnElement[Any]
    mean: ColumnElement[Any]

    @classmethod
    def of(
        cls,
        rating_count: ColumnElement[Any],
        rating_total: ColumnElement[Any],
        vote_share: float,
        overall_mean: float | None = None,
    ) -> "StoredOpinions":
        """The expressions for an item with so many ratings, which add up to that (NULL for none). Where the mean of all ratings
        is not known it is worked out from all of them."""
        overall = literal(overall_mean) if overall_mean is not None else _overall_mean()
        count, total = func.coalesce(rating_count, 0), func.coalesce(rating_total, 0.0)
        votes = func.coalesce(Item.votes, 0)
        trusted = case((Item.vote_mean.is_(None), 0.0), else_=func.least(votes, MOST_VOTES))
        moved = func.coalesce(Item.vote_mean, 0.0) * vote_share
        mean = (PRIOR_RATINGS * overall + trusted * moved + total) / (PRIOR_RATINGS + trusted + count)
        return cls(
            count,
            (PRIOR_RATINGS * overall + total) / (PRIOR_RATINGS + count),
            count + votes,
            case((count + trusted > 0, mean)),
        )


def _overall_mean() -> ColumnElement[Any]:
    return select(func.coalesce(func.avg(Rating.value), 0.0)).where(Rating.value.is_not(None)).scalar_subquery()


def shown_conditions(now: dt.datetime) -> list[ColumnElement[bool]]:
    """What may be shown at all: neither hidden nor deleted, and available at this time."""
    return [
        Item.deleted_at.is_(None),
        Item.hidden.is_(False),
        or_(Item.available_from.is_(None), Item.available_from <= now),
        or_(Item.available_until.is_(None), Item.available_until > now),
    ]


def filter_conditions(filters: Filters, opinions: StoredOpinions) -> list[ColumnElement[bool]]:
    """What the filters say."""
    conditions = _label_conditions(filters)
    if filters.exclude_items:
        conditions.append(Item.id != func.all(literal(list(filters.exclude_items), ARRAY(Text))))
    if filters.released_from:
        conditions.append(Item.released_on >= filters.released_from)
    if filters.released_to:
        conditions.append(Item.released_on <= filters.released_to)
    if filters.max_duration is not None:
        conditions.append(Item.duration_minutes <= filters.max_duration)
    if filters.min_rating is not None:
        conditions.append(opinions.mean >= filters.min_rating)
    if filters.min_ratings:
        conditions.append(opinions.all_count >= filters.min_ratings)
    if filters.safe_for_all:
        conditions.append(Item.safe_for_all.is_(True))
    if filters.besides is not None:
        conditions += filter_conditions(filters.besides, opinions)
    return conditions


def _label_conditions(filters: Filters) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if filters.categories:
        conditions.append(Item.categories.overlap(literal(list(filters.categories), ARRAY(Text))))
    if filters.exclude_categories:
        conditions.append(~Item.categories.overlap(literal(list(filters.exclude_categories), ARRAY(Text))))
    if filters.certificates:
        conditions.append(Item.certificate.in_(filters.certificates))
    if filters.languages:
        conditions.append(or_(*(_in_language(language.lower()) for language in filters.languages)))
    if filters.people:
        conditions.append(or_(*(Item.people.contains([{"name": name}]) for name in filters.people)))
    if filters.tags:
        conditions.append(Item.tags.overlap(literal(list(filters.tags), ARRAY(Text))))
    return conditions


def _in_language(language: str) -> ColumnElement[bool]:
    stored = func.lower(Item.language)
    return or_(stored == language, stored.startswith(language + "-", autoescape=True))
