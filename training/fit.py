"""Fits every signal and gives the arrays that the engine is put together from."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from app.engine.arrays import AnyArray, FloatArray, RowArray
from app.engine.assembly import Configuration, build_engine
from app.engine.collaborative import FoldIn
from app.engine.content import Profile, unit_rows
from app.engine.engine import Engine
from app.engine.item_to_item import ItemToItemReading
from app.engine.next_item import NextItemReading
from app.engine.signals import SignalName, Spread
from app.services.opinions import VOTE_SCALE
from training.collaborative import AlsParameters, Factors, fit_factors
from training.content import ContentFit, ContentParameters, fit_content, fit_term_factors
from training.data import Feedback, Snapshot
from training.groups import GroupParameters, group_arrays
from training.item_to_item import EaseParameters, item_to_item_arrays
from training.lending import lend_to_unrated
from training.next_item import TransitionParameters, next_item_arrays
from training.parts import Parts
from training.popularity import COLUMNS, PopularityParameters, fit_popularity
from training.rating_model import RatingFit, RatingParameters

REFERENCE_ROWS = 20_000
"""At most how many rows the columns are centred and scaled over."""

Report = Callable[[str, float], None]
"""Told the name of a stage and how much of it is done, from 0 to 1."""


def report_nothing(stage: str, share: float) -> None:
    """For callers who do not want to know."""
    del stage, share


@dataclass(frozen=True, slots=True)
class Parameters:
    """Every hyper-parameter of the fits, kept in the manifest."""

    als: AlsParameters = field(default_factory=AlsParameters)
    fold_in: FoldIn = field(default_factory=FoldIn)
    ease: EaseParameters = field(default_factory=EaseParameters)
    item_to_item: ItemToItemReading = field(default_factory=ItemToItemReading)
    transitions: TransitionParameters = field(default_factory=TransitionParameters)
    next_item: NextItemReading = field(default_factory=NextItemReading)
    content: ContentParameters = field(default_factory=ContentParameters)
    profile: Profile = field(default_factory=Profile)
    popularity: PopularityParameters = field(default_factory=PopularityParameters)
    groups: GroupParameters = field(default_factory=GroupParameters)
    rating: RatingParameters = field(default_factory=RatingParameters)
    vote_scale: float = VOTE_SCALE
    seed: int = 20_261_121


FEW_ENTRIES = 300_000
"""Below so many entries the factors are held back less."""


def default_parameters(n_entries: int) -> Parameters:
    """What is known to do well on this many entries without a search: the regularisation of the factors is 40 where there are as
    many as in MovieLens 1M, and 10 on a tenth of it and less."""
    defaults = Parameters()
    if n_entries >= FEW_ENTRIES:
        return defaults
    return replace(defaults, als=replace(defaults.als, regularisation=10.0))


@dataclass(frozen=True, slots=True)
class Fit:
    """The arrays and the configuration of an engine whose blend is still to be learned.

    ``factors`` are what a fit on more feedback may start from; they are stored nowhere."""

    arrays: dict[str, AnyArray]
    configuration: Configuration
    factors: Factors

    def with_blend(self, sizes: tuple[int, ...], weights: FloatArray) -> "Fit":
        """The same with these blend weights, ``(len(sizes), c)``."""
        configuration = replace(self.configuration, blend_sizes=sizes)
        return Fit(self.arrays | {"blend.weights": weights}, configuration, self.factors)

    def with_rating(self, rating: RatingFit | None) -> "Fit":
        """The same with what predicts ratings, if there is any."""
        if rating is None:
            return self
        configuration = replace(self.configuration, rating=rating.reading)
        return Fit(self.arrays | rating.samples.arrays(), configuration, self.factors)

    def engine(self) -> Engine:
        """The engine that these arrays make: the very class that serves."""
        return build_engine(self.arrays, self.configuration)


def fit_signals(
    snapshot: Snapshot,
    feedback: Feedback,
    parameters: Parameters,
    scale_top: float,
    report: Report = report_nothing,
    content: ContentFit | None = None,
    start: Factors | None = None,
    parts: Parts | None = None,
) -> Fit:
    """Fit all signals on ``feedback`` (the snapshot's own, or a part of it), with equal weights for all columns.

    ``content`` may be handed over when it was fitted already: it does not depend on the feedback. ``start`` are the factors of a
    fit on a part of ``feedback``, from which a few iterations lead to those of the whole. ``parts`` keeps what other
    configurations on the same feedback, with no start or the same, have in common with this one.
    """
    n, seed = len(snapshot.items), parameters.seed
    shared = parts or Parts()
    content = content or fit_content([i.description for i in snapshot.items], parameters.content, seed)
    report("fit", 0.0)
    taken = feedback.positive
    counts = np.bincount(taken.items, minlength=n).astype(np.int64)
    learned = shared.get(
        "factors", (parameters.als, seed), lambda: fit_factors(feedback, n, parameters.als, seed, start)
    )
    report("fit", 0.4)
    reference = reference_rows(n)
    ease, transitions, boosts = parameters.ease, parameters.transitions, parameters.next_item.boosts
    vectors, tastes = _vector_arrays(learned.items, content, counts, parameters, reference)
    arrays: dict[str, AnyArray] = {
        **vectors,
        **shared.get("item_to_item", ease, lambda: item_to_item_arrays(taken, n, ease)),
        "reference": reference,
    }
    report("fit", 0.7)
    popularity = fit_popularity(feedback, snapshot.items, scale_top / parameters.vote_scale, parameters.popularity)
    columns = _columns(parameters)
    arrays |= {
        **shared.get(
            "next_item",
            (transitions, boosts, seed),
            lambda: next_item_arrays(taken, counts, boosts, transitions, seed),
        ),
        **_popularity_arrays(popularity, counts, reference),
        **group_arrays(taken, snapshot.groups, n, parameters.groups),
        "blend.weights": np.ones((1, len(columns)), np.float32),
    }
    arrays |= lend_to_unrated(arrays, tastes, counts)
    report("fit", 1.0)
    return Fit(arrays, _configuration(feedback.mean, parameters, columns), learned)


def _configuration(
    overall_mean: float, parameters: Parameters, columns: tuple[tuple[SignalName, str], ...]
) -> Configuration:
    return Configuration(
        overall_mean,
        parameters.fold_in,
        parameters.item_to_item,
        parameters.next_item,
        parameters.profile,
        COLUMNS,
        columns,
        (0,),
    )


def reference_rows(n_items: int) -> RowArray:
    """Evenly spread rows, all of them up to :data:`REFERENCE_ROWS`."""
    return np.unique(np.linspace(0, n_items - 1, min(n_items, REFERENCE_ROWS)).astype(np.int64))


def _vector_arrays(
    learned: FloatArray, content: ContentFit, counts: RowArray, parameters: Parameters, reference: RowArray
) -> tuple[dict[str, AnyArray], FloatArray]:
    """The item factors ``learned`` and the content, and the unit tastes ``(n, k)``. An item without feedback has the factors that
    its content maps to, and lends nothing to others."""
    term_factors, offset = fit_term_factors(content.weighted, learned, counts, parameters.content)
    tastes = np.asarray(content.weighted @ term_factors, np.float32)
    directions = unit_rows(tastes)
    unrated = counts == 0
    factors = learned.copy()
    factors[unrated] = tastes[unrated] + offset
    arrays = {
        **_collaborative_arrays(factors, counts, parameters, reference),
        **_content_arrays(content, reference),
        "content.term_factors": term_factors,
        "content.factor_offset": offset,
        "content.tastes": np.where(unrated[:, None], np.float32(0), directions),
    }
    return arrays, directions


def _popularity_arrays(scores: FloatArray, counts: RowArray, reference: RowArray) -> dict[str, AnyArray]:
    return {
        "popularity.scores": scores,
        "popularity.centres": scores[:, reference].mean(axis=1),
        "popularity.scales": scores[:, reference].std(axis=1),
        "popularity.counts": counts,
    }


def _collaborative_arrays(
    factors: FloatArray, counts: RowArray, parameters: Parameters, reference: RowArray
) -> dict[str, AnyArray]:
    spread = Spread.of(factors[reference])
    learned = factors[counts > 0].astype(np.float64)
    gram = learned.T @ learned + parameters.als.regularisation * np.eye(factors.shape[1])
    return {
        "collaborative.factors": factors,
        "collaborative.gram": gram.astype(np.float32),
        "collaborative.mean": spread.mean,
        "collaborative.covariance": spread.covariance,
    }


def _content_arrays(content: ContentFit, reference: RowArray) -> dict[str, AnyArray]:
    spread = Spread.of(content.vectors[reference])
    transform = content.transform
    return {
        "content.vectors": content.vectors,
        "content.mean": spread.mean,
        "content.covariance": spread.covariance,
        "content.terms.blob": transform.vocabulary.blob,
        "content.terms.offsets": transform.vocabulary.offsets,
        "content.term_weights": transform.term_weights,
        "content.projection": transform.projection,
    }


def _columns(parameters: Parameters) -> tuple[tuple[SignalName, str], ...]:
    collaborative: list[tuple[SignalName, str]] = [("collaborative", f"{s:g}") for s in parameters.fold_in.time_scales]
    item_to_item: list[tuple[SignalName, str]] = [
        ("item_to_item", f"{s:g}") for s in parameters.item_to_item.time_scales
    ]
    next_item: list[tuple[SignalName, str]] = [("next_item", name) for name in parameters.next_item.names]
    content: list[tuple[SignalName, str]] = [("content", f"{s:g}") for s in parameters.profile.time_scales]
    popularity: list[tuple[SignalName, str]] = [("popularity", name) for name in COLUMNS]
    return (*collaborative, *item_to_item, *next_item, *content, *popularity)
