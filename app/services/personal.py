"""What every personal list has in common: what may be shown to a user, and how each item scores for them."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

import numpy as np

from app.engine.arrays import BoolArray, RowArray
from app.engine.engine import Ranking, Scores
from app.engine.signals import SignalName
from app.services.catalogue import Catalogue, Filters
from app.services.groups import OwnGroups, own_groups
from app.services.history import KnownUser
from app.services.live_engine import Serving
from app.services.tastes import TasteScores, fading, taste_scores

Fallback = Literal["popularity", "preferences"]

_EVERYTHING = Filters()
FEW_ENTRIES = 5
"""From so many ratings and events on, what users do tells all that their attributes could."""


def allowed_rows(
    catalogue: Catalogue, user: KnownUser, filters: Filters, now: datetime, *, include_seen: bool = False
) -> BoolArray:
    """Which rows may be shown to a user, shape ``(n_rows,)``: those that pass the filters and the user's hard limits, are not
    suppressed and, unless asked for, not seen. Every personal list takes its rows from here."""
    allowed = catalogue.allowed(user.stated.narrow(filters), now)
    allowed[user.suppressed] = False
    if not include_seen:
        allowed[user.seen] = False
    return allowed


def named_entries(catalogue: Catalogue, user: KnownUser) -> BoolArray:
    """Which entries of the history may be named to the user, ``(len(history),)``: not those whose items were hidden or deleted
    since, nor what they must not or do not want to see."""
    rows = user.history.rows
    named = np.fromiter(map(catalogue.is_listed, rows.tolist()), np.bool_, len(rows))
    limits = user.stated.narrow(_EVERYTHING)
    if limits is not _EVERYTHING:
        named &= catalogue.passing(limits)[rows]
    return named & ~np.isin(rows, user.suppressed) if len(user.suppressed) else named


@dataclass(frozen=True, slots=True)
class PersonalScores:
    """All rows scored for one user; ``tastes`` are what stated categories and people have added to it, and ``groups`` those whose
    popularity counts, if any."""

    scores: Scores
    tastes: TasteScores | None = None
    groups: OwnGroups | None = None

    def rank(self, allowed: BoolArray, limit: int, *, explain: bool = False) -> Ranking:
        """As :meth:`Scores.rank`, with a contribution of the tastes."""
        return self._with_tastes(self.scores.rank(allowed, limit, explain=explain), explain=explain)

    def at(self, rows: RowArray, *, explain: bool = False) -> Ranking:
        """As :meth:`Scores.at`, with a contribution of the tastes."""
        return self._with_tastes(self.scores.at(rows, explain=explain), explain=explain)

    def fallback_for(self, user: KnownUser) -> Fallback | None:
        """What stood in for the history of a user who has none."""
        if user.history_size:
            return None
        return "popularity" if user.n_stated == 0 and self.tastes is None else "preferences"

    def _with_tastes(self, ranking: Ranking, *, explain: bool) -> Ranking:
        if not explain or self.tastes is None:
            return ranking
        added = {"preferences": self.tastes.added[ranking.rows]}
        return replace(ranking, contributions={**ranking.contributions, **added})


def score_for(
    serving: Serving, user: KnownUser, *, signals: Collection[SignalName] | None = None, popularity: float = 0.0
) -> PersonalScores:
    """Score every row for a user: by the history, and by the categories and people they have stated to like, the less the longer
    the history is. Who has no history takes what is popular, whatever the ``signals``. For who has little, popular is what
    their groups take."""
    asked = signals if len(user.history) else None
    scores = serving.engine.score(user.history, signals=asked, popularity=popularity)
    groups = own_groups(serving.groups, user.stated.attributes) if user.history_size < FEW_ENTRIES else None
    if groups is not None:
        scores.lift(groups.lift)
    preferences = user.stated.preferences
    weight = fading(user.history_size)
    if not weight or not (preferences.liked or preferences.disliked):
        return PersonalScores(scores, groups=groups)
    tastes = taste_scores(preferences, serving.catalogue, float(scores.total.std()), weight)
    if tastes is not None:
        scores.add(tastes.added)
    return PersonalScores(scores, tastes, groups)
