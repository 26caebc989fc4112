"""Recommendations: the top of everything a user has not seen, and why."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from app.engine.arrays import BoolArray, FloatArray, RowArray
from app.engine.diversity import POOL, diversify
from app.engine.engine import Ranking
from app.engine.signals import SignalName
from app.engine.similarity import Likeness
from app.errors import NotFound
from app.services.catalogue import Catalogue, Filters
from app.services.history import NOBODY, KnownUser
from app.services.live_engine import Serving
from app.services.personal import Fallback, PersonalScores, allowed_rows, score_for
from app.services.reasons import Reason, reasons_of
from app.services.tastes import TasteScores


@dataclass(frozen=True, slots=True)
class ListedItem:
    """One item of a list; ``card`` is JSON. Reasons, contributions and the predicted rating are there when asked for."""

    item_id: str
    score: float
    card: bytes
    reasons: Sequence[Reason] | None = None
    contributions: dict[str, float] | None = None
    predicted_rating: float | None = None


@dataclass(frozen=True, slots=True)
class ItemList:
    """A ranked list and where it comes from. ``fallback`` names what stood in for a history, ``degraded`` what was missing."""

    items: Sequence[ListedItem]
    release: str | None
    as_of: datetime
    history_size: int = 0
    fallback: Fallback | None = None
    degraded: Sequence[str] = field(default_factory=tuple[str, ...])


@dataclass(frozen=True, slots=True)
class ListRequest:
    """What a client wants of a list. ``signals`` are those to use, all for None; ``diversity`` goes from 0 to 1, ``popularity``
    from -1 for the obscure to 1 for the popular."""

    limit: int = 20
    filters: Filters = field(default_factory=Filters)
    signals: Collection[SignalName] | None = None
    include_seen: bool = False
    explain: bool = False
    diversity: float = 0.0
    popularity: float = 0.0


def recommend(
    serving: Serving, user: KnownUser, request: ListRequest, *, now: datetime, degraded: Sequence[str] = ()
) -> ItemList:
    """The best items for a user; without a history, what they have stated to like, or else what is popular."""
    allowed = allowed_rows(serving.catalogue, user, request.filters, now, include_seen=request.include_seen)
    scores = score_for(serving, user, signals=request.signals, popularity=request.popularity)
    ranking = _rank(serving, scores, allowed, request)
    return ItemList(
        items=_listed(serving, ranking, user, scores.tastes, explain=request.explain),
        release=serving.release,
        as_of=now,
        history_size=user.history_size,
        fallback=scores.fallback_for(user),
        degraded=degraded,
    )


def list_popular(serving: Serving, request: ListRequest, *, now: datetime) -> ItemList:
    """What is popular with everybody."""
    allowed = serving.catalogue.allowed(request.filters, now)
    ranking = _rank(serving, score_for(serving, NOBODY), allowed, request)
    return ItemList(_listed(serving, ranking, NOBODY, explain=request.explain), serving.release, now)


def list_similar(serving: Serving, item_id: str, by: Likeness, request: ListRequest, *, now: datetime) -> ItemList:
    """Items like this one; raises :class:`NotFound` for an unknown id."""
    catalogue = serving.catalogue
    row = catalogue.row_of(item_id)
    if row is None or catalogue.is_deleted(row):
        raise NotFound("There is no such item.", code="unknown_item")
    likeness = serving.engine.similarity
    rows, scores = likeness.rank(row, by, catalogue.allowed(request.filters, now), _pool(request))
    chosen = diversify(scores, likeness.content_of(rows), request.limit, request.diversity)
    return ItemList(_plain(catalogue, rows[chosen], scores[chosen]), serving.release, now)


def _rank(serving: Serving, scores: PersonalScores, allowed: BoolArray, request: ListRequest) -> Ranking:
    """The best of the allowed rows, or a diverse choice of the best; every score is what it is without that choice."""
    if not request.diversity:
        return scores.rank(allowed, request.limit, explain=request.explain)
    pool = scores.rank(allowed, _pool(request))
    vectors = serving.engine.similarity.content_of(pool.rows)
    chosen = diversify(pool.scores, vectors, request.limit, request.diversity)
    return scores.at(pool.rows[chosen], explain=request.explain)


def _pool(request: ListRequest) -> int:
    return request.limit * POOL if request.diversity else request.limit


def _listed(
    serving: Serving, ranking: Ranking, user: KnownUser, tastes: TasteScores | None = None, *, explain: bool
) -> list[ListedItem]:
    catalogue = serving.catalogue
    listed = _plain(catalogue, ranking.rows, ranking.scores)
    if not explain:
        return listed
    reasons = reasons_of(ranking, user, catalogue, tastes)
    return [
        replace(
            item,
            reasons=reasons[place],
            contributions={name: float(parts[place]) for name, parts in ranking.contributions.items()},
        )
        for place, item in enumerate(listed)
    ]


def _plain(catalogue: Catalogue, rows: RowArray, scores: FloatArray) -> list[ListedItem]:
    """The items without a word of explanation."""
    numbers: list[int] = rows.tolist()
    shown = zip(catalogue.show(numbers), scores.tolist(), strict=True)
    return [ListedItem(item_id, score, card) for (item_id, card), score in shown]
