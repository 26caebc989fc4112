"""The blend: learned weights that add the columns of all signals up, by how much history the user has."""

from bisect import bisect_right
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from app.engine.arrays import FloatArray
from app.engine.signals import SignalName

SMALLEST_SCALE = 1e-6
"""A column that varies less than this over the reference rows tells nothing and counts as 0."""


@dataclass(frozen=True, slots=True)
class Blend:
    """Weights of shape ``(len(history_sizes), c)``; row ``b`` is for histories of ``history_sizes[b]`` entries and more, up to
    the next. ``columns[c]`` names each column as (signal, column)."""

    columns: tuple[tuple[SignalName, str], ...]
    history_sizes: tuple[int, ...]
    weights: FloatArray

    def __post_init__(self) -> None:
        sizes = self.history_sizes
        if sizes[:1] != (0,) or list(sizes) != sorted(set(sizes)):
            raise ValueError(f"the blend's history sizes must ascend from 0, not be {sizes}")

    def weights_for(
        self, n_history: int, signals: Collection[SignalName] | None = None, *, popularity: float = 0.0
    ) -> FloatArray:
        """The weights for a history of this length, shape ``(c,)``; 0 for columns of signals that are not asked for. Where none
        of those asked for has a weight, their columns count alike: an order by nothing at all would help nobody.

        ``popularity``, from -1 to 1, is a dial that adds so much of all weights' sum to the first column of the popularity
        signal: at 1 what is popular counts as much again as everything else together, at -1 as much against an item.
        """
        weights = self.weights[bisect_right(self.history_sizes, n_history) - 1]
        if signals is not None:
            asked: FloatArray = np.fromiter((name in signals for name, _ in self.columns), np.float32, len(weights))
            weights = weights * asked if (weights * asked).any() else asked
        if popularity:
            place = next((i for i, (name, _) in enumerate(self.columns) if name == "popularity"), None)
            if place is not None:
                weights = weights.copy()
                weights[place] += np.float32(popularity) * np.abs(weights).sum()
        return weights


def standard_weights(weights: FloatArray, scales: FloatArray) -> FloatArray:
    """``weights / scales``, and 0 where the scale is 0 (or NaN): what multiplies the raw columns, shape ``(c,)``."""
    usable = scales > SMALLEST_SCALE
    return np.divide(weights, scales, out=np.zeros_like(weights), where=usable)
