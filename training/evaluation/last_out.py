"""Protocol ``last-out``: what does each user take next?

The newest rating of each user is held out and ranked against everything the user has not rated. Equal times, of which MovieLens
has many, are broken by a seeded hash. The weights of the blend are learned on the newest rating of what then remains, never on
the held-out one.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from app.engine.arrays import BoolArray, DoubleArray, FloatArray, RowArray
from app.engine.blend import Blend
from app.engine.engine import Engine
from app.engine.history import History
from app.engine.ranking import top_rows
from app.engine.signals import SIGNALS, SignalName
from training.blend import HISTORY_SIZES, BlendParameters, learn_blend
from training.content import fit_content
from training.data import Snapshot, history_of
from training.evaluation.figures import Figure, bootstrap_interval
from training.evaluation.metrics import (
    coverage,
    diversity,
    expected_sampled,
    full_rank,
    hit_rate,
    ndcg,
    novelty,
    reciprocal_rank,
)
from training.fit import Parameters, Report, fit_signals, report_nothing
from training.split import Split, hold_out_newest

PROTOCOL = "last-out"
LIST_LENGTH = 20
NEGATIVES = 99
LENGTHS = ((1, 4), (5, 19), (20, None))

Ranker = Callable[[History, int], FloatArray]
"""Scores of all rows for a history; the number is the user's, for rankers that draw lots."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """How one ranker ranked the held-out items: ``ranks`` and ``candidates`` ``(n_users,)``, ``lists`` ``(n_users, k)``."""

    ranks: RowArray
    candidates: RowArray
    lists: RowArray


def evaluate_last_out(
    snapshot: Snapshot, parameters: Parameters, scale_top: float, report: Report = report_nothing
) -> list[Figure]:
    """Every figure of the protocol, for the blend, each signal alone, popularity and chance."""
    content = fit_content([item.description for item in snapshot.items], parameters.content, parameters.seed)
    test = hold_out_newest(snapshot.feedback, parameters.seed)
    validation = hold_out_newest(test.known, parameters.seed + 1)
    trial = fit_signals(snapshot, validation.known, parameters, scale_top, content=content).engine()
    report("fit", 0.5)
    engine = fit_signals(snapshot, test.known, parameters, scale_top, content=content).engine()
    report("fit", 1.0)
    figures: list[Figure] = []
    counts = np.bincount(test.known.items, minlength=len(snapshot.items)).astype(np.int64)
    for place, name in enumerate(("blend", *SIGNALS, "random")):
        if name == "random":
            ranker = _random_ranker(engine.n_rows, parameters.seed)
        else:
            ranker = _learned_ranker(trial, engine, validation, parameters, None if name == "blend" else name)
        ranked = _rank_all(ranker, test)
        figures += _figures(name, ranked, test, counts, content.vectors, parameters.seed)
        report("rank", (place + 1) / (len(SIGNALS) + 2))
    return figures


def _learned_ranker(
    trial: Engine, engine: Engine, validation: Split, parameters: Parameters, signal: SignalName | None
) -> Ranker:
    """The engine with weights that were learned on the validation items, for one signal's columns or for all."""
    weights = learn_blend(trial, validation, BlendParameters(), parameters.seed, only=signal)
    blend = Blend(engine.blend.columns, HISTORY_SIZES, weights)
    return lambda history, _: engine.score(history, weights=blend.weights_for(len(history))).total


def _random_ranker(n_rows: int, seed: int) -> Ranker:
    return lambda _, user: np.random.default_rng((seed, user)).random(n_rows, np.float32)


def _rank_all(ranker: Ranker, test: Split) -> Ranked:
    starts = test.known.starts
    overall_mean = test.known.mean
    n = len(test.users)
    ranks, candidates = np.empty(n, np.int64), np.empty(n, np.int64)
    lists = np.empty((n, LIST_LENGTH), np.int64)
    for place, user in enumerate(test.users.tolist()):
        first, last = int(starts[user]), int(starts[user + 1])
        scores = ranker(history_of(test.known, first, last, overall_mean), user)
        seen = np.zeros(len(scores), np.bool_)
        seen[test.known.items[first:last]] = True
        ranks[place], candidates[place] = full_rank(scores, int(test.targets[place]), seen)
        lists[place] = top_rows(scores, ~seen, LIST_LENGTH)
    return Ranked(ranks, candidates, lists)


def _figures(
    name: str, ranked: Ranked, test: Split, counts: RowArray, vectors: FloatArray, seed: int
) -> Iterator[Figure]:
    sampled_hits, sampled_gains = expected_sampled(ranked.ranks, ranked.candidates, NEGATIVES, 10)
    by_user: dict[str, DoubleArray] = {
        "HR@10 of 99": sampled_hits,
        "NDCG@10 of 99": sampled_gains,
        "HR@10": hit_rate(ranked.ranks, 10),
        "NDCG@10": ndcg(ranked.ranks, 10),
        "Recall@20": hit_rate(ranked.ranks, 20),
        "MRR": reciprocal_rank(ranked.ranks),
        "novelty@20": novelty(ranked.lists, counts),
        "diversity@20": diversity(ranked.lists, vectors),
    }
    for part, chosen in _slices(test).items():
        for metric, values in by_user.items():
            if chosen.any():
                low, high = bootstrap_interval(values[chosen], seed)
                yield Figure(PROTOCOL, name, part, metric, float(values[chosen].mean()), low, high)
    yield Figure(PROTOCOL, name, "all", "coverage@20", coverage(ranked.lists, len(counts)))


def _slices(test: Split) -> dict[str, BoolArray]:
    """Everybody, by what the held-out item was worth to the user, and by how long the history is."""
    starts = test.known.starts
    lengths = starts[test.users + 1] - starts[test.users]
    slices: dict[str, BoolArray] = {
        "all": np.ones(len(test.users), np.bool_),
        "liked (4 and more)": test.target_values >= 4,
        "disliked (2 and less)": test.target_values <= 2,
    }
    for shortest, longest in LENGTHS:
        inside = (lengths >= shortest) & (lengths <= (longest or lengths.max(initial=0)))
        slices[f"history of {shortest} to {longest}" if longest else f"history of {shortest} and more"] = inside
    return slices
