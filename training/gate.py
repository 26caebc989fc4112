"""The gate: whether a configuration may be published in the place of the one that serves.

Configurations are compared, never artifacts: the active release's was fitted on rows that a measurement would ask about. It is
fitted again on the same part of the data as the challenger's, both are asked the same questions, and a paired bootstrap over the
users says how far apart they may be.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from app.engine.arrays import DoubleArray
from training.candidate import Candidate
from training.evaluate import gains_at_10, mean_by_user
from training.evaluation.figures import bootstrap_intervals
from training.period import ENOUGH_USERS, HeldOut
from training.verdict import Gate, Interval, Verdict

TOLERANCE = 0.01
"""Which share of the active configuration's NDCG may be lost for sure before the gate closes."""


@dataclass(frozen=True, slots=True)
class Rivals:
    """Who is compared: the ``active`` release (None: there is none), the ``changes`` that the challenger makes to its
    configuration (None: this version cannot read it), and what trials of both found."""

    active: str | None
    changes: Mapping[str, tuple[Any, Any]] | None
    challenger: Candidate
    champion: Candidate | None = None


def judge(rivals: Rivals, held: HeldOut, seed: int, *, forced: bool) -> Gate:
    """The verdict. Without an active release it is ``first``; with too few users, or an active configuration that cannot be
    fitted again, ``insufficient``; ``failed`` where all of the difference's interval lies below what is tolerated."""
    challenger, champion = _gains(rivals.challenger), _gains(rivals.champion)
    users = 0 if challenger is None else len(challenger["ndcg_at_10"])
    own = _intervals(challenger, seed)
    other = _intervals(champion, seed)
    difference: dict[str, Interval] | None = None
    if challenger is not None and champion is not None:
        difference = _intervals({name: gains - champion[name] for name, gains in challenger.items()}, seed)
    return Gate(
        _verdict(rivals, users, other, difference),
        forced,
        rivals.active,
        rivals.changes is not None and not rivals.changes and rivals.active is not None,
        rivals.changes or {},
        users,
        len(rivals.challenger.users),
        None if held.cut is None else datetime.fromtimestamp(held.cut, UTC).isoformat(),
        TOLERANCE,
        own,
        other,
        difference,
    )


def needs_champion(active: str | None, changes: Mapping[str, Any] | None, held: HeldOut) -> bool:
    """Whether the verdict depends on a trial of the active release's configuration."""
    return active is not None and bool(changes) and held.n_users >= ENOUGH_USERS


def _verdict(
    rivals: Rivals,
    users: int,
    champion: Mapping[str, Interval] | None,
    difference: Mapping[str, Interval] | None,
) -> Verdict:
    if rivals.active is None:
        return "first"
    if rivals.changes is None or users < ENOUGH_USERS:
        return "insufficient"
    if not rivals.changes:
        return "passed"
    if champion is None or difference is None:
        return "insufficient"
    lost = difference["ndcg_at_10"].high < -TOLERANCE * champion["ndcg_at_10"].value
    return "failed" if lost else "passed"


def _gains(candidate: Candidate | None) -> dict[str, DoubleArray] | None:
    """The metrics of each user, None where nothing was measured."""
    if candidate is None or len(candidate.users) == 0:
        return None
    ranks = candidate.ranks["blend"]
    return {
        "ndcg_at_10": mean_by_user(gains_at_10(ranks), candidate.users),
        "hit_rate_at_10": mean_by_user((ranks < 10).astype(np.float64), candidate.users),
    }


def _intervals(gains: Mapping[str, DoubleArray] | None, seed: int) -> dict[str, Interval] | None:
    """Means over users with their bootstrap intervals; the same resamples for all that are given the same users."""
    if gains is None:
        return None
    table = np.stack(list(gains.values()), axis=1)
    found = bootstrap_intervals(table, np.ones(len(table)), np.arange(len(table)), seed)
    rows = zip(*(each.tolist() for each in found), strict=True)
    return {name: Interval(*row) for name, row in zip(gains, rows, strict=True)}
