"""What every protocol is given, and how it comes by a fitted engine with learned weights."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from app.engine.arrays import BoolArray
from training.blend import BlendParameters
from training.collaborative import Factors, fit_factors
from training.content import ContentFit, fit_content
from training.data import Feedback, Snapshot
from training.evaluation.figures import Figure
from training.evaluation.prepared import KeptParts, Prepared, keep_content
from training.evaluation.rankers import BLEND, Weights, learn_weights
from training.evaluation.refine import refine_weights
from training.evaluation.resources import Resources, measured
from training.evaluation.store import Entry, Key, Store, digest, digest_of_feedback, digest_of_items, digest_of_snapshot
from training.evaluation.summary import EVERYBODY
from training.evaluation.trials import Trial
from training.fit import Fit, Parameters, Report, default_parameters, fit_signals, report_nothing
from training.split import Split
from training.threads import one_blas_thread

LIKED_SHARE = 0.8
"""From which share of the top of the scale a rating says that the item was liked: 4 of 5 stars."""


@dataclass(frozen=True, slots=True)
class Setting:
    """The data and how to treat it. ``given`` are the hyper-parameters, None for those that a training on as much begins with;
    ``scale_top`` is the highest rating, ``scale_bottom`` the lowest; ``store`` keeps what was fitted; ``source`` is the archive
    that the data came from, None for a database; ``content`` what is known of the items' content already."""

    snapshot: Snapshot
    given: Parameters | None
    scale_top: float
    store: Store
    report: Report = report_nothing
    source: Path | None = None
    content: ContentFit | None = None
    scale_bottom: float = 0.5

    @property
    def liked_from(self) -> float:
        """From which rating on an item was liked."""
        return LIKED_SHARE * self.scale_top

    @property
    def seed(self) -> int:
        """The seed of everything that is drawn."""
        return (self.given or Parameters()).seed

    def parameters_for(self, fitted_on: Feedback) -> Parameters:
        """What a fit on this part of the feedback is made with: as a training would choose it, by the size of the part."""
        return self.given or default_parameters(len(fitted_on))


Evaluate = Callable[[Setting], list[Figure]]
"""A protocol: every figure of it."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What the weights are learned on: signals fitted on ``fitted_on``, and held-out items of the histories in ``split``, ranked
    ``among`` some rows alone, or all. With ``trials`` the weights are then refined by the NDCG of those at ``k``."""

    fitted_on: Feedback
    split: Split
    among: BoolArray | None = None
    trials: Sequence[Trial] = ()
    k: int = 100


def prepare(setting: Setting, fitted_on: Feedback, lesson: Lesson, *, users: int = 1_000) -> Prepared:
    """The signals fitted on ``fitted_on``, with weights learned on the lesson, from as many as ``users`` a range of lengths; what
    was made before of the same is not made again.

    Where the lesson is fitted on less, the factors of the fit go on from those of the lesson's, as a release's do."""
    parameters = setting.parameters_for(fitted_on)
    setting = replace(setting, content=setting.content or fit_items(setting, parameters))
    blend = BlendParameters(users=users, liked_from=setting.liked_from)
    parts = kept_parts(setting, lesson.fitted_on)

    @cache
    def trial() -> tuple[Fit, Resources]:
        return _fit(setting, lesson.fitted_on, parameters, parts)

    def teach() -> Entry:
        fit, spent = trial()
        engine = fit.engine()
        with one_blas_thread():
            weights = learn_weights(engine, lesson.split, blend, setting.seed, lesson.among)
            if lesson.trials:
                weights[BLEND] = refine_weights(engine, lesson.trials, weights[BLEND], lesson.k)
        return Entry(weights, {"order": list(weights), "cost": asdict(spent)})

    key = {**_key(setting, lesson, parameters), "blend": asdict(blend)}
    learned = setting.store.get("weights", key, teach)
    arrays: Any = learned.arrays
    weights: Weights = {name: arrays[name] for name in learned.document["order"]}
    if fitted_on is lesson.fitted_on:
        fit, _ = trial()
    else:
        n, als = len(setting.snapshot.items), parameters.als
        start = parts.get("factors", (als, setting.seed), lambda: fit_factors(lesson.fitted_on, n, als, setting.seed))
        fit, _ = _fit(setting, fitted_on, parameters, kept_parts(setting, fitted_on, lesson.fitted_on), start)
    return Prepared(fit, weights, Resources(**learned.document["cost"]))


def kept_parts(setting: Setting, feedback: Feedback, begun_on: Feedback | None = None) -> KeptParts:
    """What is kept of fits on this feedback, whose factors go on from those of a fit on ``begun_on``, if there is any."""
    key = {"n_items": len(setting.snapshot.items), "feedback": digest_of_feedback(feedback)}
    return KeptParts(setting.store, key if begun_on is None else key | {"begun_on": digest_of_feedback(begun_on)})


def _fit(
    setting: Setting, feedback: Feedback, parameters: Parameters, parts: KeptParts, start: Factors | None = None
) -> tuple[Fit, Resources]:
    """A fit of all signals and what it cost, whenever its parts were made."""
    snapshot, scale_top = setting.snapshot, setting.scale_top
    with measured() as spent:
        fit = fit_signals(snapshot, feedback, parameters, scale_top, setting.report, setting.content, start, parts)
    return fit, spent.less(parts.here).plus(parts.cost)


def _key(setting: Setting, lesson: Lesson, parameters: Parameters) -> Key:
    """All that the weights of a lesson depend on."""
    histories = ((t.history.rows, t.history.preferences, t.history.ages, t.history.choices) for t in lesson.trials)
    asked = ((t.targets, t.known) for t in lesson.trials)
    return {
        "snapshot": digest_of_snapshot(setting.snapshot),
        "fitted_on": digest_of_feedback(lesson.fitted_on),
        "known": digest_of_feedback(lesson.split.known),
        "held out": digest(lesson.split.users, lesson.split.targets, lesson.split.target_values, lesson.among),
        "trials": [lesson.k, digest(*itertools.chain(*histories, *asked))],
        "parameters": asdict(parameters),
        "scale_top": setting.scale_top,
    }


def fit_items(setting: Setting, parameters: Parameters) -> ContentFit:
    """The content of the snapshot's items."""
    items = setting.snapshot.items
    key = {"items": digest_of_items(items), "parameters": asdict(parameters.content), "seed": setting.seed}
    return keep_content(
        setting.store, key, lambda: fit_content([item.description for item in items], parameters.content, setting.seed)
    )


def cost_figures(protocol: str, spent: Resources) -> list[Figure]:
    """What one fit of all signals cost, as figures of the blend."""
    costs = asdict(spent)
    named = {
        "fit seconds": costs["seconds"],
        "fit processor seconds": costs["processor_seconds"],
        "fit peak MB": costs["peak_bytes"] / 1e6,
    }
    return [Figure(protocol, "blend", EVERYBODY, metric, value) for metric, value in named.items()]
