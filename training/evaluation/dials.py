"""What the dials of a request do to lists: accuracy paid for variety, for the obscure or for the popular."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from app.engine.arrays import BoolArray, FloatArray, RowArray
from app.engine.diversity import ranked_list
from app.engine.engine import Engine
from app.engine.ranking import GivenScores
from training.evaluation.figures import Figure, bootstrap_intervals
from training.evaluation.metrics import coverage, diversity, hit_rate, ndcg, novelty, popularity_bias
from training.evaluation.rankers import BLEND
from training.evaluation.summary import Catalogue
from training.evaluation.trials import LIST_LENGTH, Trial
from training.threads import one_blas_thread

DIVERSITIES = (0.0, 0.3, 0.6, 0.9)
POPULARITIES = (-1.0, -0.5, 0.0, 0.5, 1.0)
USERS = 1_500
"""How many of the trials, evenly spread, are asked again with each dial turned."""

METRICS = ("full HR@10", "full NDCG@10", "Coverage@20", "Novelty@20", "Diversity@20", "Popularity bias@20")


@dataclass(frozen=True, slots=True)
class Dials:
    """One position of both dials, of which at least one stays at 0."""

    name: str
    diversity: float = 0.0
    popularity: float = 0.0

    def listed(self, engine: Engine, scores: FloatArray, allowed: BoolArray) -> RowArray:
        """The rows of one list by the scores at this popularity, made by the very function that serves."""
        given = GivenScores(scores)
        return ranked_list(given, allowed, LIST_LENGTH, self.diversity, engine.similarity.content_of)[:LIST_LENGTH]


POSITIONS = (
    *(Dials(f"diversity={value:g}", diversity=value) for value in DIVERSITIES),
    *(Dials(f"popularity={value:g}", popularity=value) for value in POPULARITIES),
)
"""The positions that are tried; their names are the slices of the figures."""


def figures_of_dials(
    protocol: str, engine: Engine, trials: Sequence[Trial], catalogue: Catalogue, seed: int
) -> Iterator[Figure]:
    """The figures of the blend at every position, for trials with one target each; ``engine`` has the learned weights."""
    if not trials:
        return
    places: list[int] = np.unique(np.linspace(0, len(trials) - 1, min(len(trials), USERS)).astype(np.int64)).tolist()
    asked = [trials[place] for place in places]
    users = np.array([trial.user for trial in asked], np.int64)
    targets = np.array([trial.targets[0] for trial in asked], np.int64)
    lists = {position.name: np.full((len(asked), LIST_LENGTH), -1, np.int64) for position in POSITIONS}
    with one_blas_thread():
        for place, trial in enumerate(asked):
            allowed = np.ones(engine.n_rows, np.bool_)
            allowed[trial.known] = False
            scores = {value: engine.score(trial.history, popularity=value).total for value in POPULARITIES}
            for position in POSITIONS:
                rows = position.listed(engine, scores[position.popularity], allowed)
                lists[position.name][place, : len(rows)] = rows
    for name, found in lists.items():
        yield from _figures(protocol, name, found, found == targets[:, None], users, catalogue, seed)


def _figures(
    protocol: str, part: str, lists: RowArray, hits: BoolArray, users: RowArray, catalogue: Catalogue, seed: int
) -> Iterator[Figure]:
    one = np.ones(len(lists), np.int64)
    values = {
        "full HR@10": hit_rate(hits, 10),
        "full NDCG@10": ndcg(hits, one, 10),
        "Novelty@20": novelty(lists, catalogue.counts),
        "Diversity@20": diversity(lists, catalogue.vectors),
        "Popularity bias@20": popularity_bias(lists, catalogue.counts),
    }
    means, lows, highs = bootstrap_intervals(np.stack(list(values.values()), axis=1), np.ones(len(lists)), users, seed)
    for metric, mean, low, high in zip(values, means, lows, highs, strict=True):
        yield Figure(protocol, BLEND, part, metric, float(mean), float(low), float(high))
    yield Figure(protocol, BLEND, part, "Coverage@20", coverage(lists, catalogue.n_candidates))
