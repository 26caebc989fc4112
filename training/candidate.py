"""A configuration on trial: fitted on what came before the held-out part, with weights learned and measured there."""

from dataclasses import dataclass

import numpy as np

from app.engine.arrays import FloatArray, RowArray
from app.engine.blend import Blend
from app.engine.engine import Engine
from training.blend import HISTORY_SIZES, BlendParameters, learn_blend
from training.collaborative import Factors
from training.content import ContentFit
from training.data import Snapshot
from training.evaluate import Ranks, rank_next_items
from training.fit import Parameters, Report, fit_signals, report_nothing
from training.parts import Parts
from training.period import HeldOut
from training.threads import one_blas_thread

LIKED_SHARE = 0.8
"""From which share of the top of the scale a rating says that the item was liked: 4 of 5 stars."""

MOST_SCORES = 40_000_000
"""How many items may be scored in all to measure one configuration: in a large catalogue fewer users are asked about."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How thoroughly a configuration is tried: as many as ``teachers`` of each half of the users teach the weights for one range
    of history lengths, and as many as ``questions`` are asked."""

    teachers: int = 500
    questions: int = 2_000


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a trial found: the blend's weights, and the ``ranks`` of held-out items, whose ``users`` are ``(n,)``. ``factors`` are
    what a fit on more feedback may start from."""

    parameters: Parameters
    weights: FloatArray
    ranks: Ranks
    users: RowArray
    factors: Factors | None


@dataclass(frozen=True, slots=True)
class Trials:
    """What trials of several configurations on the same held-out part have in common; ``parts`` keeps what they share."""

    snapshot: Snapshot
    held: HeldOut
    scale_top: float
    seed: int
    effort: Effort = Effort()
    parts: Parts | None = None

    def run(self, parameters: Parameters, content: ContentFit, report: Report = report_nothing) -> Candidate:
        """Fit, learn and measure.

        The weights are learned twice, from one half of the users each, and each half is ranked with the weights of the other: so
        everybody is measured and nobody by weights that they taught. What serves is the mean of both.
        """
        fit = fit_signals(self.snapshot, self.held.known, parameters, self.scale_top, report, content, parts=self.parts)
        engine = fit.engine()
        with one_blas_thread():
            taught = [
                learn_blend(
                    engine,
                    self.held.lesson(self.seed, other=other),
                    blend_parameters(self.scale_top, self.effort),
                    self.seed,
                    lambda stage, share, other=other: report(stage, (other + share) / 2),
                )
                for other in (False, True)
            ]
            report("evaluate", 0.0)
            most = min(self.effort.questions, MOST_SCORES // max(engine.n_rows, 1))
            asked = self.held.questions(most, self.seed)
            found = [
                rank_next_items(_with_weights(engine, weights), self.held.asked, chosen)
                for weights, chosen in zip(reversed(taught), asked, strict=True)
            ]
            report("evaluate", 1.0)
        ranks = {name: np.concatenate([each[name] for each in found]) for name in found[0]}
        weights = np.stack(taught).mean(axis=0)
        return Candidate(parameters, weights, ranks, self.held.users[np.concatenate(asked)], fit.factors)


def blend_parameters(scale_top: float, effort: Effort) -> BlendParameters:
    """How the weights of each half are learned."""
    return BlendParameters(users=effort.teachers, liked_from=LIKED_SHARE * scale_top)


def _with_weights(engine: Engine, weights: FloatArray) -> Engine:
    """The same signals under another blend."""
    return Engine(engine.signals, Blend(engine.blend.columns, HISTORY_SIZES, weights), engine.similarity, engine.n_rows)
