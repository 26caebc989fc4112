"""The rankers that an evaluation compares: the engine's blend, each of its signals alone, and chance."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from app.engine.arrays import BoolArray, FloatArray
from app.engine.blend import Blend, standard_weights
from app.engine.engine import Engine, Scores
from app.engine.signals import SIGNALS
from training.blend import HISTORY_SIZES, BlendParameters, blend_examples, weigh_columns
from training.evaluation.trials import Trial
from training.split import Split

BLEND = "blend"
RANDOM = "random"

Weights = Mapping[str, FloatArray]
"""The blend's weights ``(len(HISTORY_SIZES), c)`` and those of each signal alone, which are 0 for the other signals' columns."""


def learn_weights(
    engine: Engine, validation: Split, parameters: BlendParameters, seed: int, among: BoolArray | None = None
) -> dict[str, FloatArray]:
    """The weights of the blend and of each signal alone, learned on the validation items, ``among`` some rows alone or all.

    A signal with one column needs no learning. Where there are too few examples, the columns of a signal weigh the same.
    """
    examples = list(blend_examples(engine, validation, parameters, seed, among))
    weights = {BLEND: weigh_columns(engine, examples, parameters)}
    for signal in SIGNALS:
        own = np.array([name == signal for name, _ in engine.blend.columns])
        alone = np.broadcast_to(own.astype(np.float32), weights[BLEND].shape)
        if own.sum() > 1:
            learned = weigh_columns(engine, examples, parameters, only=signal) * own
            alone = np.where(learned.any(axis=1, keepdims=True), learned, alone)
        weights[signal] = np.ascontiguousarray(alone)
    return weights


@dataclass(frozen=True, slots=True)
class EngineRankers:
    """The blend as the engine serves it, and each signal alone by the same columns with weights of its own."""

    engine: Engine
    weights: Weights

    def __call__(self, trial: Trial) -> Mapping[str, FloatArray]:
        """Scores of all rows by the blend and by each signal."""
        history, columns = trial.history, self.engine.blend.columns
        now = {
            name: Blend(columns, HISTORY_SIZES, weights).weights_for(len(history))
            for name, weights in self.weights.items()
        }
        readings = [signal.read(history) for signal in self.engine.signals]
        scores = {BLEND: Scores(self.engine.signals, readings, now[BLEND], self.engine.n_rows).total}
        start = 0
        for signal, reading in zip(self.engine.signals, readings, strict=True):
            own = slice(start, start + len(signal.columns))
            start = own.stop
            scores[signal.name] = np.zeros(self.engine.n_rows, np.float32)
            reading.add_to(scores[signal.name], standard_weights(now[signal.name][own], reading.scales))
        return scores


@dataclass(frozen=True, slots=True)
class Chance:
    """Scores drawn anew for every user, the same in every run."""

    n_rows: int
    seed: int

    def __call__(self, trial: Trial) -> Mapping[str, FloatArray]:
        """Scores of all rows."""
        return {RANDOM: np.random.default_rng((self.seed, trial.user)).random(self.n_rows, np.float32)}
