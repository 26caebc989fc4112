"""Protocol ``last-out``: what does each user take next?

The newest rating of each user is held out and ranked against everything the user has not rated. Equal times, of which MovieLens
has many, are broken by a seeded hash. The weights of the blend are learned on the newest rating of what then remains, never on
the held-out one.
"""

from dataclasses import replace

import numpy as np

from training.data import history_of
from training.evaluation.dials import figures_of_dials
from training.evaluation.figures import Figure
from training.evaluation.rankers import Chance, EngineRankers
from training.evaluation.setting import Lesson, Setting, cost_figures, prepare
from training.evaluation.summary import LENGTHS, Questions, figures_of
from training.evaluation.trials import Trial, judge, together
from training.evaluation.user_neighbours import UserNeighbours
from training.split import Split, hold_out_newest

PROTOCOL = "last-out"
CUT_USERS = 1_500
"""How many users, at the most, are asked again with a history cut to each range of shorter lengths."""


def evaluate_last_out(setting: Setting) -> list[Figure]:
    """Every figure of the protocol. The plain figures are against 99 sampled items, those of the full ranking say so.

    Beside everybody: targets rated 4 of 5 and more, and 2 of 5 and less; and the users by the length of the history, where
    shorter ones than people have are made by leaving out all but the newest entries. And some users with the dials turned.
    """
    test = hold_out_newest(setting.snapshot.feedback, setting.seed)
    validation = hold_out_newest(test.known, setting.seed + 1)
    prepared = prepare(setting, test.known, Lesson(validation.known, validation))
    engine = prepared.fit.engine()
    whole = trials_of(test)
    cut = _cut_trials(test, setting.seed)
    rankers = together(
        (
            EngineRankers(engine, prepared.weights),
            UserNeighbours(test.known, engine.n_rows),
            Chance(engine.n_rows, setting.seed),
        )
    )
    judged = judge([*whole, *cut], rankers, lambda share: setting.report("rank", share))
    values = np.r_[test.target_values, np.full(len(cut), np.nan, np.float32)]
    questions = replace(
        Questions.of(
            [*whole, *cut],
            {"target liked": values >= setting.liked_from, "target disliked": values <= setting.scale_top * 0.4},
        ),
        everybody=np.arange(len(values)) < len(whole),
    )
    figures = figures_of(PROTOCOL, judged, questions, prepared.catalogue, setting.seed, sampled=True)
    figures += figures_of_dials(PROTOCOL, prepared.serving_engine(), whole, prepared.catalogue, setting.seed)
    return figures + cost_figures(PROTOCOL, prepared.resources)


def trials_of(split: Split) -> list[Trial]:
    """One trial for each held-out entry, with all that is known of its user."""
    starts, mean = split.known.starts, split.known.mean
    trials: list[Trial] = []
    for user, target in zip(split.users.tolist(), split.targets, strict=True):
        first, last = int(starts[user]), int(starts[user + 1])
        known = split.known.items[first:last]
        trials.append(Trial(user, history_of(split.known, first, last, mean), np.array([target]), known))
    return trials


def _cut_trials(split: Split, seed: int) -> list[Trial]:
    """Trials of some users with the newest entries alone, for each range of lengths but the longest. What was cut off is left
    out of the ranking, as the rest of the history is."""
    starts, mean = split.known.starts, split.known.mean
    rng = np.random.default_rng(seed)
    trials: list[Trial] = []
    for shortest, longest in LENGTHS:
        if longest is None:
            continue
        lengths = starts[split.users + 1] - starts[split.users]
        fitting = rng.permutation(np.flatnonzero(lengths > longest))[:CUT_USERS]
        for place in fitting.tolist():
            first, last = int(starts[split.users[place]]), int(starts[split.users[place] + 1])
            length = int(rng.integers(shortest, longest + 1))
            history = history_of(split.known, last - length, last, mean)
            targets = split.targets[place : place + 1]
            trials.append(Trial(int(split.users[place]), history, targets, split.known.items[first:last]))
    return trials
