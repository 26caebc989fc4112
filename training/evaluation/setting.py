"""What every protocol is given, and how it comes by a fitted engine with learned weights."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from app.engine.arrays import BoolArray
from training.blend import BlendParameters
from training.content import ContentFit, fit_content
from training.data import Feedback, Snapshot
from training.evaluation.figures import Figure
from training.evaluation.prepared import Prepared, PreparedParts, digest, digest_of_feedback, digest_of_items
from training.evaluation.rankers import BLEND, learn_weights
from training.evaluation.refine import refine_weights
from training.evaluation.resources import Resources, measured
from training.evaluation.summary import EVERYBODY
from training.evaluation.trials import Trial
from training.fit import Fit, Parameters, Report, fit_signals, report_nothing
from training.split import Split

LIKED_SHARE = 0.8
"""From which share of the top of the scale a rating says that the item was liked: 4 of 5 stars."""


@dataclass(frozen=True, slots=True)
class Setting:
    """The data and how to treat it. ``scale_top`` is the highest rating, ``scale_bottom`` the
    lowest; ``parts`` keeps what was fitted;
    ``source`` is the archive that the data came from, None for a database; ``content`` what is
    known of the items' content already."""

    snapshot: Snapshot
    parameters: Parameters
    scale_top: float
    parts: PreparedParts
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
        return self.parameters.seed


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
    was made before for the same is not made again."""
    blend = BlendParameters(users=users, liked_from=setting.liked_from)
    groups = setting.snapshot.groups
    key: Mapping[str, Any] = {
        "items": digest_of_items(setting.snapshot.items),
        "groups": [digest(groups.users, groups.groups), [name.decode() for name in groups.names]],
        "fitted_on": digest_of_feedback(fitted_on),
        "lesson_fitted_on": digest_of_feedback(lesson.fitted_on),
        "lesson_known": digest_of_feedback(lesson.split.known),
        "lesson": digest(lesson.split.users, lesson.split.targets, lesson.split.target_values, lesson.among),
        "trials": [lesson.k, digest(*(each for t in lesson.trials for each in (t.history.rows, t.targets, t.known)))],
        "parameters": asdict(setting.parameters) | {"blend": asdict(blend), "scale_top": setting.scale_top},
    }

    def make() -> Prepared:
        content = setting.content or fit_items(setting)
        with measured() as spent:
            fit = _fit(setting, fitted_on, content)
        trial = fit if fitted_on is lesson.fitted_on else _fit(setting, lesson.fitted_on, content)
        engine = trial.engine()
        weights = learn_weights(engine, lesson.split, blend, setting.seed, lesson.among)
        if lesson.trials:
            weights[BLEND] = refine_weights(engine, lesson.trials, weights[BLEND], lesson.k)
        return Prepared(fit, weights, spent)

    return setting.parts.get(key, make)


def fit_items(setting: Setting) -> ContentFit:
    """The content of the snapshot's items."""
    descriptions = [item.description for item in setting.snapshot.items]
    return fit_content(descriptions, setting.parameters.content, setting.seed)


def _fit(setting: Setting, feedback: Feedback, content: ContentFit) -> Fit:
    return fit_signals(setting.snapshot, feedback, setting.parameters, setting.scale_top, setting.report, content)


def cost_figures(protocol: str, spent: Resources) -> list[Figure]:
    """What one fit of all signals cost, as figures of the blend."""
    costs = asdict(spent)
    named = {
        "fit seconds": costs["seconds"],
        "fit processor seconds": costs["processor_seconds"],
        "fit peak MB": costs["peak_bytes"] / 1e6,
    }
    return [Figure(protocol, "blend", EVERYBODY, metric, value) for metric, value in named.items()]
