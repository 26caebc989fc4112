"""Protocol ``new-users``: what do users like whom the fit has never seen (strong generalisation; Liang et al. 2018)?

Only what was liked counts, and order in time is not used. Test and validation users are absent from the fit; most of what a test
user liked is the history, the rest is to be found among everything else. The weights are learned on the validation users, and
refined by their NDCG. Three seeded splits.
"""

from dataclasses import dataclass, replace

import numpy as np

from app.engine.arrays import BoolArray, FloatArray, RowArray
from training.data import Feedback, history_of
from training.evaluation.figures import Figure
from training.evaluation.likes import likes_of
from training.evaluation.rankers import Chance, EngineRankers
from training.evaluation.setting import Lesson, Setting, cost_figures, prepare
from training.evaluation.summary import Catalogue, Questions, figures_of
from training.evaluation.trials import Judged, Trial, joined, judge, together
from training.evaluation.user_neighbours import UserNeighbours
from training.split import Split, examples_as_split

PROTOCOL = "new-users"
SPLITS = 3
USERS = 1_000
"""How many users test, and as many teach the weights; a fifth of those there are at the most."""

FEWEST_LIKES = 5
HELD_OUT = 0.2
LESSONS_A_USER = 4


@dataclass(frozen=True, slots=True)
class _Divided:
    """The positions in the feedback of what each of some users has: the history, and what is held out; both ascending."""

    users: RowArray
    histories: list[RowArray]
    targets: list[RowArray]


def evaluate_new_users(setting: Setting) -> list[Figure]:
    """Every figure of the protocol; the slices ``split 1`` and so on are those of the single splits."""
    likes = likes_of(setting.snapshot.feedback, setting.liked_from)
    trials: list[Trial] = []
    judged: list[dict[str, Judged]] = []
    places: list[int] = []
    vectors: FloatArray = np.zeros((0, 0), np.float32)
    costs: list[Figure] = []
    for number in range(SPLITS):
        fitted_on, validation, test = _split(likes, setting.seed + number)
        examples = _lesson(likes, validation, setting.seed)
        lesson = Lesson(fitted_on, examples, trials=_trials(likes, validation, fitted_on.mean))
        prepared = prepare(setting, fitted_on, lesson)
        engine = prepared.fit.engine()
        own = _trials(likes, test, fitted_on.mean)
        rankers = together(
            (
                EngineRankers(engine, prepared.weights),
                UserNeighbours(fitted_on, engine.n_rows),
                Chance(engine.n_rows, setting.seed),
            )
        )
        judged.append(judge(own, rankers, lambda share, done=number: setting.report("rank", (done + share) / SPLITS)))
        trials += own
        places += [number] * len(own)
        costs = costs or cost_figures(PROTOCOL, prepared.resources)
        vectors = prepared.catalogue.vectors
    which = np.array(places)
    slices = {f"split {number + 1}": which == number for number in range(SPLITS)}
    questions = Questions.of(trials, slices)
    questions = replace(questions, users=questions.users + which * likes.n_users)
    catalogue = Catalogue(vectors, np.bincount(likes.items, minlength=len(vectors)).astype(np.int64), len(vectors))
    return figures_of(PROTOCOL, joined(judged), questions, catalogue, setting.seed, sampled=False) + costs


def _split(likes: Feedback, seed: int) -> tuple[Feedback, _Divided, _Divided]:
    """What is fitted on, and the validation and the test users."""
    rng = np.random.default_rng(seed)
    counts = np.bincount(likes.users, minlength=likes.n_users)
    eligible = rng.permutation(np.flatnonzero(counts >= FEWEST_LIKES))
    size = min(USERS, len(eligible) // 5)
    test, validation = np.sort(eligible[:size]), np.sort(eligible[size : 2 * size])
    absent: BoolArray = np.isin(likes.users, eligible[: 2 * size])
    return likes.take(~absent), _divide(likes, validation, rng), _divide(likes, test, rng)


def _divide(likes: Feedback, users: RowArray, rng: np.random.Generator) -> _Divided:
    starts = likes.starts.tolist()
    histories: list[RowArray] = []
    targets: list[RowArray] = []
    for user in users.tolist():
        places = rng.permutation(np.arange(int(starts[user]), int(starts[user + 1])))
        held_out = max(1, round(HELD_OUT * len(places)))
        targets.append(np.sort(places[:held_out]))
        histories.append(np.sort(places[held_out:]))
    return _Divided(users, histories, targets)


def _lesson(likes: Feedback, validation: _Divided, seed: int) -> Split:
    """Some of the held-out items of each validation user, each an example with all of the user's history."""
    rng = np.random.default_rng(seed)
    histories: list[RowArray] = []
    targets: list[int] = []
    for history, held_out in zip(validation.histories, validation.targets, strict=True):
        chosen = rng.permutation(held_out)[:LESSONS_A_USER]
        histories += [history] * len(chosen)
        targets += chosen.tolist()
    return examples_as_split(likes, histories, np.array(targets, np.int64))


def _trials(likes: Feedback, test: _Divided, overall_mean: float) -> list[Trial]:
    trials: list[Trial] = []
    for user, history, held_out in zip(test.users.tolist(), test.histories, test.targets, strict=True):
        known = examples_as_split(likes, [history], held_out[:1]).known
        rows = likes.items[history]
        trials.append(Trial(user, history_of(known, 0, len(rows), overall_mean), likes.items[held_out], rows))
    return trials
