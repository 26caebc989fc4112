"""Protocol ``cold-users``: what do users like of whom little is known but their attributes?

A fifth of the users is absent from everything that is fitted, another fifth teaches the weights. Each test user is asked about
twice: without a history, when all that they liked is to be found, and with the oldest one to four ratings of theirs.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from app.engine.arrays import FloatArray, RowArray
from app.engine.assembly import build_groups
from app.engine.engine import Engine
from app.engine.group_popularity import GroupPopularity
from app.engine.history import EMPTY
from app.errors import InvalidInput
from training.data import Feedback, UserGroups, history_of
from training.evaluation.figures import Figure
from training.evaluation.rankers import BLEND, Chance
from training.evaluation.setting import Lesson, Setting, cost_figures, prepare
from training.evaluation.summary import Questions, figures_of
from training.evaluation.trials import Trial, judge, together
from training.split import hold_out_newest

PROTOCOL = "cold-users"
WITHOUT_GROUPS = "without groups"
SHARE = 0.2
MOST_KNOWN = 4
FEWEST_LIKES = 5


def evaluate_cold_users(setting: Setting) -> list[Figure]:
    """Every figure of the protocol. ``blend`` is what the service gives, ``without groups`` the same without the popularity by
    group. Raises InvalidInput where no attributes of users are known."""
    feedback, groups = setting.snapshot.feedback, setting.snapshot.groups
    rng = np.random.default_rng(setting.seed)
    users = rng.permutation(feedback.n_users)
    size = int(SHARE * len(users))
    test, validation = np.sort(users[:size]), users[size : 2 * size]
    fitted_on = feedback.take(~np.isin(feedback.users, users[: 2 * size]))
    split = hold_out_newest(feedback.take(np.isin(feedback.users, validation)), setting.seed)
    prepared = prepare(setting, fitted_on, Lesson(fitted_on, split))
    engine = prepared.serving_engine()
    popularity = build_groups(prepared.fit.arrays, engine.n_rows)
    if popularity is None:
        raise InvalidInput("No attributes of users are known, or of too few to make groups.")
    trials = [trial for user in test.tolist() for trial in _trials(feedback, user, setting, fitted_on.mean, rng)]
    rankers = together((ColdRankers(engine, popularity, groups), Chance(engine.n_rows, setting.seed)))
    judged = judge(trials, rankers, lambda share: setting.report("rank", share))
    figures = figures_of(PROTOCOL, judged, Questions.of(trials), prepared.catalogue, setting.seed, sampled=False)
    return figures + cost_figures(PROTOCOL, prepared.resources)


def _trials(
    feedback: Feedback, user: int, setting: Setting, overall_mean: float, rng: np.random.Generator
) -> list[Trial]:
    """The two questions about a user; none of one who liked too little."""
    first, last = np.searchsorted(feedback.users, [user, user + 1]).tolist()
    known = int(rng.integers(1, MOST_KNOWN + 1))
    rows, liked = feedback.items[first:last], ~(feedback.values[first:last] < setting.liked_from)
    if np.count_nonzero(liked[known:]) < FEWEST_LIKES:
        return []
    nothing: RowArray = rows[:0]
    return [
        Trial(user, EMPTY, rows[liked], nothing),
        Trial(
            user,
            history_of(feedback, first, first + known, overall_mean),
            rows[known:][liked[known:]],
            rows[:known],
        ),
    ]


@dataclass(frozen=True, slots=True)
class ColdRankers:
    """The engine as it serves users of a short history, and the same without the popularity of their groups."""

    engine: Engine
    popularity: GroupPopularity
    groups: UserGroups

    def __call__(self, trial: Trial) -> Mapping[str, FloatArray]:
        """Scores of all rows by each."""
        plain = self.engine.score(trial.history)
        lifted = self.engine.score(trial.history)
        places = self.popularity.places([self.groups.names[group] for group in self.groups.of_user(trial.user)])
        if places:
            lifted.lift(self.popularity.lift(places))
        return {BLEND: lifted.total, WITHOUT_GROUPS: plain.total}
