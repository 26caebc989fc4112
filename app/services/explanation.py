"""Why one item is in a user's list, or why not: its place, what its score is made of, the evidence, and what keeps it out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import orjson

from app.engine.arrays import BoolArray, FloatArray
from app.engine.engine import Ranking
from app.engine.predicted_rating import RatingScale
from app.errors import NotFound
from app.services.catalogue import Catalogue
from app.services.history import KnownUser
from app.services.live_engine import Serving
from app.services.obstacles import Obstacle, obstacles_for
from app.services.personal import Fallback, allowed_rows, named_entries, score_for
from app.services.predictions import PredictedRating, predict_ratings
from app.services.reasons import Reason, reasons_of
from app.services.recommendations import ListRequest, rank_allowed
from app.services.tastes import STATED

MOST_EVIDENCE = 10


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one entry of the history says: ``part`` is what it adds to the score over all signals, ``signals`` each
    one's share."""

    item_id: str
    title: str
    part: float
    signals: Mapping[str, float]
    value: float | None = None
    event: str | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an item is listed, or why not.

    ``rank`` is its place among everything the user has not seen (and itself), without filters; ``list_rank`` that in the list
    that was asked about, None where it is not in it. Without a release there are no scores.
    """

    item_id: str
    card: bytes
    listed: bool
    as_of: datetime
    obstacles: Sequence[Obstacle] = ()
    list_rank: int | None = None
    rank: int | None = None
    out_of: int | None = None
    score: float | None = None
    contributions: Mapping[str, float] = field(default_factory=dict[str, float])
    reasons: Sequence[Reason] = ()
    evidence: Sequence[Evidence] = ()
    prediction: PredictedRating | None = None
    release: str | None = None
    history_size: int = 0
    fallback: Fallback | None = None
    degraded: Sequence[str] = ()


def explain_item(
    serving: Serving,
    user: KnownUser,
    item_id: str,
    request: ListRequest,
    scale: RatingScale,
    *,
    now: datetime,
    degraded: Sequence[str] = (),
) -> Explanation:
    """Why the item is, or is not, among the first ``request.limit`` of the user's list; NotFound for an unknown item."""
    catalogue = serving.catalogue
    row = catalogue.row_of(item_id)
    if row is None:
        raise NotFound("There is no such item.", code="unknown_item")
    scores = score_for(serving, user, signals=request.signals, popularity=request.popularity)
    ranking = scores.at(np.array([row]), explain=True)
    obstacles = obstacles_for(catalogue, user, row, request.filters, now, include_seen=request.include_seen)
    total = scores.scores.total  # of every row: the place among all is asked for
    allowed = allowed_rows(catalogue, user, request.filters, now, include_seen=request.include_seen)
    ranked: list[int] = rank_allowed(serving, scores.scores, allowed, request).tolist()
    shown = ranked[: request.limit]
    if row not in shown and not obstacles:
        obstacles.append(_outranked(total, allowed, row, ranked, shown))
    unseen = catalogue.shown(now).copy()
    unseen[user.seen] = False
    return Explanation(
        item_id=item_id,
        card=catalogue.card(row),
        listed=row in shown,
        as_of=now,
        obstacles=obstacles,
        list_rank=shown.index(row) + 1 if row in shown else None,
        rank=_place(total, unseen, row),
        out_of=int(np.count_nonzero(unseen)),
        score=float(ranking.scores[0]),
        contributions={name: float(parts[0]) for name, parts in ranking.contributions.items()},
        reasons=reasons_of(ranking, user, catalogue, scores.tastes, scores.groups)[0],
        evidence=_evidence(ranking, user, catalogue),
        prediction=predict_ratings(serving, user, [item_id], scale, now=now).predictions[0],
        release=serving.release,
        history_size=user.history_size,
        fallback=scores.fallback_for(user),
        degraded=degraded,
    )


def _place(total: FloatArray, allowed: BoolArray, row: int) -> int:
    """The rank that the row has, or would have, among the allowed ones: of equal scores the lower row is before."""
    before = total > total[row]
    before[:row] |= total[:row] == total[row]
    return int(np.count_nonzero(before & allowed)) + 1


def _outranked(total: FloatArray, allowed: BoolArray, row: int, ranked: list[int], shown: list[int]) -> Obstacle:
    rank = ranked.index(row) + 1 if row in ranked else _place(total, allowed, row)
    behind = float(total[shown[-1]] - total[row]) if shown else None
    text = "One other is before it." if rank == 2 else f"{rank - 1} others are before it."
    return Obstacle("outranked", text, rank=rank, behind=behind)


def _evidence(ranking: Ranking, user: KnownUser, catalogue: Catalogue) -> list[Evidence]:
    """The entries of the history that say most for the item or against it, of those that may be named."""
    parts = {name: part[:, 0] for name, part in ranking.evidence.items() if part.any()}
    if not parts:
        return []
    total = np.where(named_entries(catalogue, user), np.sum(list(parts.values()), axis=0), 0.0)
    strongest: list[int] = np.argsort(-np.abs(total), kind="stable")[:MOST_EVIDENCE].tolist()
    return [
        _entry(user, place, catalogue, float(total[place]), {name: float(part[place]) for name, part in parts.items()})
        for place in strongest
        if total[place] != 0
    ]


def _entry(user: KnownUser, place: int, catalogue: Catalogue, part: float, signals: Mapping[str, float]) -> Evidence:
    row = int(user.history.rows[place])
    title = str(orjson.loads(catalogue.card(row))["title"])
    cause = user.causes[place] if user.causes else None
    value = float(user.values[place])
    event = cause.kind if cause is not None and cause is not STATED else None
    return Evidence(catalogue.item_id(row), title, part, signals, None if np.isnan(value) else value, event)
