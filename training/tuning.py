"""Tuning: a search for better hyper-parameters within a budget of time.

From the configuration at hand one knob is turned after the other, a step at a time, and a step that helps is kept and repeated
(coordinate ascent). Only what a knob changes is fitted again, so that most trials take a fraction of a fit. A step helps when the
mean NDCG@10 of the same users rises by more than the standard error of the difference. All of it happens on what came before the
part that the gate asks about: the newest period of that is the validation.

After each trial the search is told to whoever wants to keep it. A search that is given what an earlier one kept goes on
from the best configuration of that one, without the trials that it made.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from time import monotonic
from typing import Any

import numpy as np

from app.engine.arrays import DoubleArray
from training.candidate import LIKED_SHARE, Candidate, Effort, Trials
from training.champion import changes_between, read_parameters
from training.content import ContentFit, fit_content
from training.data import Feedback, Snapshot
from training.evaluate import gains_at_10, mean_by_user
from training.fit import Parameters
from training.knobs import KNOBS, neighbours
from training.parts import Parts
from training.period import hold_out_period

EFFORT = Effort(teachers=250, questions=1_000)
PARTS_KEPT = 3
"""The best configuration's, and those of a step up and of one down."""

Keep = Callable[[Mapping[str, Any]], None]
"""Told all that a search found, after each trial, to be kept."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How long a search may take; ``trials`` at the most."""

    seconds: float
    trials: int = 1_000


@dataclass(frozen=True, slots=True)
class Trial:
    """One configuration that was tried: the ``changes`` from where the search began, the mean NDCG@10 over ``users`` users,
    whether it was ``kept`` as the best so far, and what it cost."""

    changes: Mapping[str, tuple[Any, Any]]
    ndcg_at_10: float
    users: int
    kept: bool
    seconds: float


@dataclass(slots=True)
class Search:
    """A search as far as it has come. ``start`` is where it began, ``best`` what it has found, ``done`` whether nothing is left
    to try."""

    start: Parameters
    best: Parameters
    trials: list[Trial] = field(default_factory=list[Trial])
    seconds: float = 0.0
    done: bool = False

    def as_document(self) -> dict[str, Any]:
        """As it is kept."""
        return {
            "start": asdict(self.start),
            "best": asdict(self.best),
            "trials": [asdict(trial) for trial in self.trials],
            "seconds": self.seconds,
            "done": self.done,
        }

    @classmethod
    def of(cls, document: Mapping[str, Any], start: Parameters) -> "Search":
        """What was kept, if that search began at ``start`` and is not done; else a new one."""
        if document and not document.get("done"):
            began, best = read_parameters(document["start"]), read_parameters(document["best"])
            if began == start and best is not None:
                trials = [Trial(**each) for each in document["trials"]]
                return cls(start, best, trials, document["seconds"])
        return cls(start, start)


@dataclass(frozen=True, slots=True)
class Tuner:
    """What a search works on: ``known`` feedback of the snapshot and how long it may take."""

    snapshot: Snapshot
    known: Feedback
    scale_top: float
    budget: Budget
    keep: Keep
    report: Callable[[float], None]
    clock: Callable[[], float] = monotonic

    def go_on(self, search: Search) -> Search:
        """Try configurations until the budget is used up or no single step helps any more."""
        held = hold_out_period(self.known, LIKED_SHARE * self.scale_top, search.start.seed + 1)
        parts = Parts(PARTS_KEPT)
        trials = Trials(self.snapshot, held, self.scale_top, search.start.seed, EFFORT, parts)
        climb = _Climb(self, search, trials)
        if held.n_users and len(held.known):
            climb.run()
        search.done = True
        return search


class _Climb:
    """The state of a climb in this process."""

    def __init__(self, tuner: Tuner, search: Search, trials: Trials) -> None:
        self._tuner = tuner
        self._search = search
        self._trials = trials
        self._contents = Parts()
        self._tried = {_key(trial.changes) for trial in search.trials}
        self._gains: DoubleArray = np.zeros(0)

    def run(self) -> None:
        """Measure the best configuration so far, then climb from there."""
        self._gains = self._measure(self._search.best)
        while self._rounds():
            pass

    def _rounds(self) -> bool:
        """Every knob once, in both directions; whether anything helped and there is time for more."""
        helped = False
        for knob in KNOBS:
            for step in (1, -1):
                moved = False
                for candidate in neighbours(self._search.best, knob, step):
                    if self._is_over():
                        return False
                    if _key(changes_between(self._search.start, candidate)) in self._tried or not self._try(candidate):
                        break
                    moved = True
                if moved:
                    helped = True
                    break
        return helped

    def _is_over(self) -> bool:
        budget, search = self._tuner.budget, self._search
        return search.seconds >= budget.seconds or len(search.trials) >= budget.trials

    def _try(self, candidate: Parameters) -> bool:
        """Measure a configuration and keep it if it helps."""
        best = self._search.best
        self._search.best = candidate
        gains = self._measure(candidate, against=best)
        if self._search.trials[-1].kept:
            self._gains = gains
            return True
        return False

    def _measure(self, parameters: Parameters, against: Parameters | None = None) -> DoubleArray:
        """Each user's NDCG; the trial is written down, and the best configuration is ``against`` unless this one is better."""
        search, tuner = self._search, self._tuner
        began = tuner.clock()
        candidate = self._trials.run(parameters, self._content(parameters), self._tick)
        gains = user_gains(candidate)
        kept = against is None or is_better(gains, self._gains)
        search.best = parameters if kept or against is None else against
        seconds = tuner.clock() - began
        search.seconds += seconds
        changes = changes_between(search.start, parameters)
        self._tried.add(_key(changes))
        search.trials.append(Trial(changes, float(gains.mean()) if len(gains) else 0.0, len(gains), kept, seconds))
        tuner.keep(search.as_document())
        tuner.report(min(search.seconds / tuner.budget.seconds, 1.0) if tuner.budget.seconds > 0 else 1.0)
        return gains

    def _tick(self, stage: str, share: float) -> None:
        """Within a trial the bar stands still, but a run that was given up hears of it."""
        del stage, share
        used = self._search.seconds / self._tuner.budget.seconds if self._tuner.budget.seconds > 0 else 1.0
        self._tuner.report(min(used, 1.0))

    def _content(self, parameters: Parameters) -> ContentFit:
        items = self._tuner.snapshot.items
        wanted = parameters.content
        return self._contents.get(
            "content",
            (wanted, parameters.seed),
            lambda: fit_content([item.description for item in items], wanted, parameters.seed),
        )


def user_gains(candidate: Candidate) -> DoubleArray:
    """NDCG@10 of each user, by ascending user."""
    return mean_by_user(gains_at_10(candidate.ranks["blend"]), candidate.users)


def is_better(gains: DoubleArray, than: DoubleArray) -> bool:
    """Whether the mean of the same users' gains rose by more than the standard error of the difference."""
    differences = gains - than
    if len(differences) < 2:
        return False
    return float(differences.mean()) > float(differences.std(ddof=1)) / len(differences) ** 0.5


def _key(changes: Mapping[str, Any]) -> str:
    """What tells two configurations of one search apart; the same whether it was stored in between or not."""
    return json.dumps({path: values[1] for path, values in changes.items()}, sort_keys=True)


def summary(trials: Sequence[Trial]) -> str:
    """One line for people."""
    kept = [trial for trial in trials if trial.kept]
    return f"{len(trials)} configurations tried: NDCG@10 {trials[0].ndcg_at_10:.4f} to {kept[-1].ndcg_at_10:.4f}"
