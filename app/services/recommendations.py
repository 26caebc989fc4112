"""Recommendations: the top of everything a user has not seen, and why."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from app.engine.arrays import NO_ROWS, BoolArray, FloatArray, RowArray
from app.engine.diversity import ranked_list
from app.engine.engine import Ranking
from app.engine.ranking import GivenScores, RowScores
from app.engine.signals import SignalName
from app.engine.similarity import Likeness
from app.errors import NotFound
from app.services.cards import CardField
from app.services.catalogue import Catalogue, Filters
from app.services.frozen_lists import MOST_ITEMS, Page, rows_left
from app.services.history import KnownUser
from app.services.live_engine import Serving
from app.services.personal import Fallback, PersonalScores, allowed_rows, score_for
from app.services.reasons import Reason, reasons_of, similar_to


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
    """A page of a ranked list and where it comes from. ``fallback`` names what stood in for a history, ``degraded`` what was
    missing. ``rank`` is that of the first item, and ``following`` are the keys of the items of the pages to come."""

    items: Sequence[ListedItem]
    release: str | None
    as_of: datetime
    history_size: int = 0
    fallback: Fallback | None = None
    degraded: Sequence[str] = field(default_factory=tuple[str, ...])
    rank: int = 1
    following: RowArray = field(default_factory=lambda: NO_ROWS)


@dataclass(frozen=True, slots=True)
class ListRequest:
    """What a client wants of a list. ``signals`` are those to use, all for None; ``diversity`` goes from 0 to 1, ``popularity``
    from -1 for the obscure to 1 for the popular; ``fields`` are those to show of an item, None for those of every card.

    ``cursor`` stands for a later page of the list that ``asked`` tells apart from others of its kind: it is the same for the
    same filters and dials."""

    limit: int = 20
    filters: Filters = field(default_factory=Filters)
    signals: Collection[SignalName] | None = None
    include_seen: bool = False
    explain: bool = False
    diversity: float = 0.0
    popularity: float = 0.0
    fields: Sequence[CardField] | None = None
    cursor: str | None = None
    asked: bytes = b""


def recommend(
    serving: Serving,
    user: KnownUser,
    request: ListRequest,
    *,
    now: datetime,
    degraded: Sequence[str] = (),
    page: Page | None = None,
) -> ItemList:
    """The best items for a user; without a history, what they have stated to like, or else what is popular. Of a list that is
    frozen, the items of ``page``, with what is to be said of them now."""
    with_seen = request.include_seen or page is not None
    allowed = allowed_rows(serving.catalogue, user, request.filters, now, include_seen=with_seen)
    scores = score_for(serving, user, signals=request.signals, popularity=request.popularity)
    return replace(
        cut_list(serving, user, scores, allowed, request, now, page),
        history_size=user.history_size,
        fallback=scores.fallback_for(user),
        degraded=degraded,
    )


def list_similar(
    serving: Serving, item_id: str, by: Likeness, request: ListRequest, *, now: datetime, page: Page | None = None
) -> ItemList:
    """Items like this one; raises :class:`NotFound` for an unknown id."""
    catalogue = serving.catalogue
    row = catalogue.row_of(item_id)
    if row is None or catalogue.is_deleted(row):
        raise NotFound("There is no such item.", code="unknown_item")
    allowed = catalogue.allowed(request.filters, now)
    scores = serving.engine.similarity.scores(row, by)
    ranked = GivenScores(scores)
    rows = rows_left(page, catalogue, allowed) if page else rank_allowed(serving, ranked, allowed, request)
    if page is None and not (scores > 0).any():
        rows = NO_ROWS
    shown = rows[: request.limit]
    items = show_items(catalogue, shown, scores[shown], request.fields)
    if request.explain:
        parts = serving.engine.similarity.parts(row, by)
        reasons = [similar_to(catalogue, row)]
        items = [
            replace(item, reasons=reasons, contributions={name: float(part[place]) for name, part in parts.items()})
            for item, place in zip(items, shown.tolist(), strict=True)
        ]
    return page_of(serving, items, rows, request, now, page)


def cut_list(
    serving: Serving,
    user: KnownUser,
    scores: PersonalScores,
    allowed: BoolArray,
    request: ListRequest,
    now: datetime,
    page: Page | None,
) -> ItemList:
    """A page of the allowed rows by these scores, or of the frozen list."""
    rows = (
        rows_left(page, serving.catalogue, allowed) if page else rank_allowed(serving, scores.scores, allowed, request)
    )
    ranking = scores.at(rows[: request.limit], explain=request.explain)
    return page_of(serving, explained_items(serving, ranking, user, request, scores), rows, request, now, page)


def rank_allowed(serving: Serving, scores: RowScores, allowed: BoolArray, request: ListRequest) -> RowArray:
    """The whole list: the best of the allowed rows, in the order that the dial of diversity asks for."""
    return ranked_list(scores, allowed, MOST_ITEMS, request.diversity, serving.engine.similarity.content_of)


def page_of(
    serving: Serving,
    items: Sequence[ListedItem],
    rows: RowArray,
    request: ListRequest,
    now: datetime,
    page: Page | None,
) -> ItemList:
    """A page with these items, of a list of which ``rows`` were left."""
    return ItemList(
        items,
        page.recommendation.release if page else serving.release,
        now,
        rank=page.rank if page else 1,
        following=serving.catalogue.keys_of(rows[request.limit :]),
    )


def explained_items(
    serving: Serving, ranking: Ranking, user: KnownUser, request: ListRequest, scores: PersonalScores
) -> list[ListedItem]:
    """The items of a ranking, with what explains them if that is asked for."""
    catalogue = serving.catalogue
    listed = show_items(catalogue, ranking.rows, ranking.scores, request.fields)
    if not request.explain:
        return listed
    reasons = reasons_of(ranking, user, catalogue, scores.tastes, scores.groups)
    return [
        replace(
            item,
            reasons=reasons[place],
            contributions={name: float(parts[place]) for name, parts in ranking.contributions.items()},
        )
        for place, item in enumerate(listed)
    ]


def show_items(
    catalogue: Catalogue, rows: RowArray, scores: FloatArray, fields: Sequence[CardField] | None
) -> list[ListedItem]:
    """The items without a word of explanation."""
    numbers: list[int] = rows.tolist()
    shown = zip(catalogue.show(numbers, fields), scores.tolist(), strict=True)
    return [ListedItem(item_id, score, card) for (item_id, card), score in shown]
