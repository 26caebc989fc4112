"""From judged lists to figures: every metric, for everybody and for each slice, with its interval."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from app.engine.arrays import BoolArray, DoubleArray, FloatArray, RowArray
from app.errors import InvalidInput
from training.evaluation.figures import Figure, bootstrap_intervals
from training.evaluation.metrics import (
    average_precision,
    coverage,
    diversity,
    expected_sampled,
    hit_rate,
    ndcg,
    novelty,
    popularity_bias,
    precision,
    recall,
    reciprocal_rank,
)
from training.evaluation.trials import LIST_LENGTH, Judged, Trial

CUTS = (10, 20, 50, 100)
NEGATIVES = 99
EVERYBODY = "all"
LENGTHS = ((0, 0), (1, 4), (5, 19), (20, None))


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What the metrics of lists need to know of the items: ``vectors`` ``(n_rows, d)``, how often each was taken in what was
    fitted, ``counts`` ``(n_rows,)``, and how many of them could be recommended at all."""

    vectors: FloatArray
    counts: RowArray
    n_candidates: int


@dataclass(frozen=True, slots=True)
class Questions:
    """The trials as the figures need them, all ``(n_trials,)``: whose each is, how long the history was, how many targets there
    were, what each weighs in a mean, which of them make up ``everybody`` (None: all), and ``slices`` of them beside that and
    those by the length of the history."""

    users: RowArray
    lengths: RowArray
    relevant: RowArray
    weights: DoubleArray
    slices: Mapping[str, BoolArray] = field(default_factory=dict[str, BoolArray])
    everybody: BoolArray | None = None

    @classmethod
    def of(cls, trials: Sequence[Trial], slices: Mapping[str, BoolArray] | None = None) -> "Questions":
        """Of trials that weigh the same."""
        return cls(
            np.array([trial.user for trial in trials], np.int64),
            np.array([len(trial.history) for trial in trials], np.int64),
            np.array([len(trial.targets) for trial in trials], np.int64),
            np.ones(len(trials)),
            slices or {},
        )

    @property
    def whole(self) -> BoolArray:
        """The trials that count for everybody."""
        return np.ones(len(self.users), np.bool_) if self.everybody is None else self.everybody

    def all_slices(self) -> Iterator[tuple[str, BoolArray]]:
        """Everybody, the protocol's own slices, then those by the length of the history; none is empty."""
        yield EVERYBODY, self.whole
        for name, chosen in self.slices.items():
            if chosen.any():
                yield name, chosen
        for shortest, longest in LENGTHS:
            inside = (self.lengths >= shortest) & (self.lengths <= (longest if longest is not None else np.inf))
            if inside.any():
                yield length_slice(shortest, longest), inside


def length_slice(shortest: int, longest: int | None) -> str:
    """The name of the slice of histories between these lengths."""
    if longest is None:
        return f"history {shortest}+"
    return f"history {shortest}" if shortest == longest else f"history {shortest}-{longest}"


def figures_of(
    protocol: str, judged: Mapping[str, Judged], questions: Questions, catalogue: Catalogue, seed: int, *, sampled: bool
) -> list[Figure]:
    """Every figure of every ranker; raises InvalidInput where there is no trial at all. With ``sampled`` the figures against
    :data:`NEGATIVES` drawn items are there too, under the plain names, and those of the full ranking are called so."""
    if not len(questions.users):
        raise InvalidInput(f"There is too little data for {protocol}: nobody has anything that could be held out.")
    values = {name: _values(one, questions.relevant, catalogue, sampled=sampled) for name, one in judged.items()}
    names = [(ranker, metric) for ranker, metrics in values.items() for metric in metrics]
    table = np.stack([values[ranker][metric] for ranker, metric in names], axis=1)
    figures: list[Figure] = []
    for part, chosen in questions.all_slices():
        means, lows, highs = bootstrap_intervals(
            table[chosen], questions.weights[chosen], questions.users[chosen], seed
        )
        figures += [
            Figure(protocol, ranker, part, metric, float(mean), float(low), float(high))
            for (ranker, metric), mean, low, high in zip(names, means, lows, highs, strict=True)
        ]
    for name, one in judged.items():
        share = coverage(one.lists[questions.whole], catalogue.n_candidates)
        figures.append(Figure(protocol, name, EVERYBODY, f"Coverage@{LIST_LENGTH}", share))
    return figures


def _values(one: Judged, relevant: RowArray, catalogue: Catalogue, *, sampled: bool) -> dict[str, DoubleArray]:
    full = "full " if sampled else ""
    values: dict[str, DoubleArray] = {}
    if sampled:
        hits, gains = expected_sampled(one.first_ranks, one.others, NEGATIVES, 10)
        values |= {"HR@10": hits, "NDCG@10": gains}
    for k in CUTS:
        values |= {
            f"{full}HR@{k}": hit_rate(one.hits, k),
            f"{full}Precision@{k}": precision(one.hits, k),
            f"{full}Recall@{k}": recall(one.hits, relevant, k),
            f"{full}NDCG@{k}": ndcg(one.hits, relevant, k),
            f"{full}MAP@{k}": average_precision(one.hits, relevant, k),
        }
    return values | {
        f"{full}MRR": reciprocal_rank(one.first_ranks),
        f"Novelty@{LIST_LENGTH}": novelty(one.lists, catalogue.counts),
        f"Diversity@{LIST_LENGTH}": diversity(one.lists, catalogue.vectors),
        f"Popularity bias@{LIST_LENGTH}": popularity_bias(one.lists, catalogue.counts),
    }
