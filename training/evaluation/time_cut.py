"""Protocol ``time-cut``: how would the release of one moment have served what came after it?

Prequential evaluation (Dawid 1984): the fit is frozen at a moment; each later rating that says its item was liked is a target,
and the history is everything of that user before it. Users and items that are new in the period count. The weights are learned
in the same way on an earlier period, with signals frozen before that.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from app.engine.arrays import RowArray
from training.data import Feedback, history_of
from training.evaluation.figures import Figure
from training.evaluation.rankers import Chance, EngineRankers
from training.evaluation.setting import Lesson, Setting, cost_figures, prepare
from training.evaluation.summary import Questions, figures_of
from training.evaluation.trials import Trial, judge, together
from training.evaluation.user_neighbours import UserNeighbours
from training.period import Later, later_targets, moment
from training.split import examples_as_split

PROTOCOL = "time-cut"
PERIOD = 0.1
"""The share of all entries, the newest, that the period holds; and of the rest, the one that the weights are learned on."""


def evaluate_time_cut(setting: Setting) -> list[Figure]:
    """Every figure of the protocol; ``new user`` are targets of users who had nothing before the cut, ``known user`` the rest."""
    feedback = setting.snapshot.feedback
    cut = moment(feedback.times, PERIOD)
    known = feedback.take(feedback.times <= cut)
    earlier_cut = moment(known.times, PERIOD)
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


def _trials(feedback: Feedback, later: Later, overall_mean: float) -> Iterator[Trial]:
    for target, first, last in zip(later.targets.tolist(), later.first.tolist(), later.last.tolist(), strict=True):
        history = history_of(feedback, first, last, overall_mean)
        items = feedback.items
        yield Trial(int(feedback.users[target]), history, items[target : target + 1], items[first:last])
