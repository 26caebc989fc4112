"""What every protocol has in common: trials, each a history and what should come next, put to rankers and judged."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from app.engine.arrays import BoolArray, FloatArray, RowArray
from app.engine.history import History
from app.engine.ranking import top_rows
from training.evaluation.metrics import hits_of, target_ranks
from training.threads import one_blas_thread

DEPTH = 100
"""How far down the lists are judged."""

LIST_LENGTH = 20
"""How much of a list counts for what it is like: its coverage, novelty, diversity and popularity."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One question: for the ``user`` with this ``history``, where do the ``targets`` stand among all rows but the ``known``?"""

    user: int
    history: History
    targets: RowArray
    known: RowArray


Rankers = Callable[[Trial], Mapping[str, FloatArray]]
"""Scores of all rows by each of several rankers that share their work, by the rankers' names."""


@dataclass(frozen=True, slots=True)
class Judged:
    """How one ranker did: ``hits`` ``(n_trials, DEPTH)``, ``first_ranks`` and ``others`` ``(n_trials,)`` (the rank of the first
    target, and how many rows were no target), ``lists`` ``(n_trials, LIST_LENGTH)``, -1 where a list is shorter."""

    hits: BoolArray
    first_ranks: RowArray
    others: RowArray
    lists: RowArray


def judge(trials: Sequence[Trial], rankers: Rankers, tick: Callable[[float], None]) -> dict[str, Judged]:
    """Put every trial to the rankers; ``tick`` is told the share that is done."""
    with one_blas_thread():
        judged = _judge(trials, rankers, tick)
    tick(1.0)
    return judged


def _judge(trials: Sequence[Trial], rankers: Rankers, tick: Callable[[float], None]) -> dict[str, Judged]:
    judged: dict[str, Judged] = {}
    n = len(trials)
    for place, trial in enumerate(trials):
        allowed: BoolArray | None = None
        for name, scores in rankers(trial).items():
            if allowed is None:
                allowed = np.ones(len(scores), np.bool_)
                allowed[trial.known] = False
            if name not in judged:
                judged[name] = _nothing_judged(n)
            into = judged[name]
            ranks, others = target_ranks(scores, trial.targets, trial.known)
            into.hits[place] = hits_of(ranks, DEPTH)
            into.first_ranks[place], into.others[place] = ranks[0], others
            best = top_rows(scores, allowed, LIST_LENGTH)
            into.lists[place, : len(best)] = best
        if place % 100 == 0:
            tick(place / n)
    return judged


def _nothing_judged(n: int) -> Judged:
    none = np.zeros(n, np.int64)
    return Judged(np.zeros((n, DEPTH), np.bool_), none, none.copy(), np.full((n, LIST_LENGTH), -1, np.int64))


def together(rankers: Iterable[Rankers]) -> Rankers:
    """Several groups of rankers as one."""
    groups = tuple(rankers)
    return lambda trial: {name: scores for group in groups for name, scores in group(trial).items()}


def joined(parts: Sequence[Mapping[str, Judged]]) -> dict[str, Judged]:
    """What was judged in several parts, one after the other, of the rankers that all have; a part without trials has none."""
    parts = [part for part in parts if part] or [{}]
    names = [name for name in parts[0] if all(name in part for part in parts)]
    return {
        name: Judged(
            np.concatenate([part[name].hits for part in parts]),
            np.concatenate([part[name].first_ranks for part in parts]),
            np.concatenate([part[name].others for part in parts]),
            np.concatenate([part[name].lists for part in parts]),
        )
        for name in names
    }
