"""Protocol ``time-cut``: how would the release of one moment have served what came after it?

Prequential evaluation (Dawid 1984): the fit is frozen at a moment; each later rating that says its item was liked is a target,
and the history is everything of that user before it. Users and items that are new in the period count. The weights are learned
in the same way on an earlier period, with signals frozen before that.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from app.engine.arrays import DoubleArray, RowArray
from training.data import Feedback, history_of
from training.evaluation.figures import Figure
from training.evaluation.likes import examples_as_split
from training.evaluation.rankers import Chance, EngineRankers
from training.evaluation.setting import Lesson, Setting, cost_figures, prepare
from training.evaluation.summary import LENGTHS, Questions, figures_of
from training.evaluation.trials import Trial, judge, together
from training.evaluation.user_neighbours import UserNeighbours

PROTOCOL = "time-cut"
PERIOD = 0.1
"""The share of all entries, the newest, that the period holds; and of the rest, the one that the weights are learned on."""

TARGETS_OF_ONE = 5
"""How many targets of one user in one range of history lengths are put to the rankers; each stands for the others too."""


@dataclass(frozen=True, slots=True)
class Later:
    """The targets of a period: positions in the feedback, where the user's entries begin and where the history before the target
    ends, and for how many targets each stands; all ``(n,)``."""

    targets: RowArray
    first: RowArray
    last: RowArray
    weights: DoubleArray


def evaluate_time_cut(setting: Setting) -> list[Figure]:
    """Every figure of the protocol; ``new user`` are targets of users who had nothing before the cut, ``known user`` the rest."""
    feedback = setting.snapshot.feedback
    cut = _moment(feedback.times)
    known = feedback.take(feedback.times <= cut)
    earlier_cut = _moment(known.times)
    earlier = later_targets(known, earlier_cut, setting.liked_from, setting.seed)
    ends = zip(earlier.first.tolist(), earlier.last.tolist(), strict=True)
    histories: list[RowArray] = [np.arange(first, last) for first, last in ends]
    lesson = Lesson(known.take(known.times <= earlier_cut), examples_as_split(known, histories, earlier.targets))
    prepared = prepare(setting, known, lesson)
    engine = prepared.fit.engine()
    later = later_targets(feedback, cut, setting.liked_from, setting.seed)
    trials = list(_trials(feedback, later, known.mean))
    rankers = together(
        (
            EngineRankers(engine, prepared.weights),
            UserNeighbours(known, engine.n_rows),
            Chance(engine.n_rows, setting.seed),
        )
    )
    judged = judge(trials, rankers, lambda share: setting.report("rank", share))
    questions = Questions.of(trials)
    new = np.bincount(known.users, minlength=known.n_users)[questions.users] == 0
    questions = replace(questions, weights=later.weights, slices={"new user": new, "known user": ~new})
    figures = figures_of(PROTOCOL, judged, questions, prepared.catalogue, setting.seed, sampled=False)
    return figures + cost_figures(PROTOCOL, prepared.resources)


def _moment(times: DoubleArray) -> float:
    """The time up to which all but the newest :data:`PERIOD` of the entries lie; 0 for no entries."""
    return float(np.quantile(times, 1 - PERIOD, method="lower")) if len(times) else 0.0


def later_targets(feedback: Feedback, cut: float, liked_from: float, seed: int) -> Later:
    """The targets after the cut, at most :data:`TARGETS_OF_ONE` of each user and range of history lengths, drawn by the seed.
    What a user did in the same second is not before it."""
    liked = ~(feedback.values < liked_from) & (feedback.strengths > 0)
    targets = np.flatnonzero(liked & (feedback.times > cut))
    users = feedback.users[targets]
    first = feedback.starts[users]
    new_second = np.r_[True, (np.diff(feedback.times) != 0) | (np.diff(feedback.users) != 0)][: len(feedback)]
    last = np.maximum.accumulate(np.where(new_second, np.arange(len(feedback)), 0))[targets]
    shortest = np.array([length for length, _ in LENGTHS])
    groups = users * len(LENGTHS) + np.searchsorted(shortest, last - first, side="right")
    order = np.random.default_rng(seed).permutation(len(targets))
    order = order[np.argsort(groups[order], kind="stable")]
    _, begins, sizes = np.unique(groups[order], return_index=True, return_counts=True)
    place = np.arange(len(order)) - np.repeat(begins, sizes)
    size = np.repeat(sizes, sizes)
    taken = place < TARGETS_OF_ONE
    chosen = order[taken]
    weights = size[taken] / np.minimum(size[taken], TARGETS_OF_ONE)
    back = np.argsort(chosen)
    chosen = chosen[back]
    return Later(targets[chosen], first[chosen], last[chosen], weights[back])


def _trials(feedback: Feedback, later: Later, overall_mean: float) -> Iterator[Trial]:
    for target, first, last in zip(later.targets.tolist(), later.first.tolist(), later.last.tolist(), strict=True):
        history = history_of(feedback, first, last, overall_mean)
        items = feedback.items
        yield Trial(int(feedback.users[target]), history, items[target : target + 1], items[first:last])
