"""Protocol ``cold-items``: who likes an item that nobody has rated?

Each tenth of the items in turn loses all its ratings, and those cold items are ranked for the users who liked some of them. Only
what was liked counts, and order in time is not used. The weights with which one tenth is ranked were learned on the cold items of
another.
"""

from dataclasses import replace
from itertools import pairwise

import numpy as np

from app.engine.arrays import BoolArray, RowArray
from training.data import Feedback, history_of
from training.evaluation.figures import Figure
from training.evaluation.likes import likes_of
from training.evaluation.prepared import Prepared
from training.evaluation.rankers import Chance, EngineRankers
from training.evaluation.setting import Lesson, Setting, cost_figures, fit_items, prepare
from training.evaluation.summary import Catalogue, Questions, figures_of
from training.evaluation.trials import Judged, Trial, joined, judge, together
from training.split import examples_as_split

PROTOCOL = "cold-items"
FOLDS = 10
USERS = 1_000
"""How many users, at the most, each tenth of the items is ranked for."""

LESSONS_A_USER = 2


def evaluate_cold_items(setting: Setting) -> list[Figure]:
    """Every figure of the protocol, each a mean over the folds; ``fold 1`` and so on are the slices of the single ones."""
    likes = likes_of(setting.snapshot.feedback, setting.liked_from)
    n_items = len(setting.snapshot.items)
    folds = np.random.default_rng(setting.seed).permutation(n_items) % FOLDS
    setting = replace(setting, content=fit_items(setting, setting.parameters_for(likes)))
    trials: list[Trial] = []
    judged: list[dict[str, Judged]] = []
    sizes: list[int] = []
    first = following = _prepare_fold(setting, likes, folds, 0)
    for fold in range(FOLDS):
        prepared = following
        following = _prepare_fold(setting, likes, folds, fold + 1) if fold + 1 < FOLDS else first
        engine = prepared.fit.engine()
        own = _trials(likes, folds == fold, setting.seed + fold)
        rankers = together((EngineRankers(engine, following.weights), Chance(engine.n_rows, setting.seed)))
        judged.append(judge(own, rankers, lambda share, done=fold: setting.report("rank", (done + share) / FOLDS)))
        trials += own
        sizes.append(len(own))
    which = np.repeat(np.arange(FOLDS), sizes)
    slices = {f"fold {fold + 1}": which == fold for fold in range(FOLDS)}
    weights = 1.0 / np.repeat(np.maximum(sizes, 1), sizes)
    questions = replace(Questions.of(trials, slices), weights=weights)
    counts = np.bincount(likes.items, minlength=n_items).astype(np.int64)
    catalogue = Catalogue(first.catalogue.vectors, counts, n_items)
    figures = figures_of(PROTOCOL, joined(judged), questions, catalogue, setting.seed, sampled=False)
    return figures + cost_figures(PROTOCOL, first.resources)


def _prepare_fold(setting: Setting, likes: Feedback, folds: RowArray, fold: int) -> Prepared:
    """Fitted without the ratings of the fold's items, and weights learned on who liked those."""
    cold = folds == fold
    fitted_on = likes.take(~cold[likes.items])
    rng = np.random.default_rng(setting.seed)
    targets = rng.permutation(np.flatnonzero(cold[likes.items]))
    targets = targets[np.argsort(likes.users[targets], kind="stable")]
    users = likes.users[targets]
    place = np.arange(len(users)) - np.searchsorted(users, users)
    targets = targets[place < LESSONS_A_USER]
    warm = _warm_entries(likes, ~cold)
    histories: list[RowArray] = [warm[user] for user in likes.users[targets].tolist()]
    trials = _trials(likes, cold, setting.seed)
    lesson = Lesson(fitted_on, examples_as_split(likes, histories, targets), cold, trials, k=20)
    return prepare(setting, fitted_on, lesson)


def _warm_entries(likes: Feedback, warm: BoolArray) -> list[RowArray]:
    """The positions of each user's entries for warm items."""
    places = np.flatnonzero(warm[likes.items]).astype(np.int64)
    ends = np.searchsorted(likes.users[places], np.arange(likes.n_users + 1)).tolist()
    return [places[first:last] for first, last in pairwise(ends)]


def _trials(likes: Feedback, cold: BoolArray, seed: int) -> list[Trial]:
    """One trial for each of some users who liked a cold item: all warm rows are out of the ranking."""
    wanted = likes.take(cold[likes.items])
    known = likes.take(~cold[likes.items])
    users = np.random.default_rng(seed).permutation(np.unique(wanted.users))[:USERS]
    starts, ends, mean = known.starts, wanted.starts, known.mean
    warm = np.flatnonzero(~cold)
    trials: list[Trial] = []
    for user in np.sort(users).tolist():
        history = history_of(known, int(starts[user]), int(starts[user + 1]), mean)
        trials.append(Trial(user, history, wanted.items[ends[user] : ends[user + 1]], warm))
    return trials
