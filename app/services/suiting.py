"""How well items suit somebody, as a number that can stand beside how well a text matches."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from app.engine.arrays import FloatArray

PERSONAL_WEIGHT, COMMON_WEIGHT = 0.9, 0.6
"""What the engine's score of a user, or else what popularity counts beside the text, whose kinds of match lie about 1 apart."""
NEARLY = 0.3
"""The share of these weights where a text matches nearly: there it is the text that decides."""


@dataclass(frozen=True, slots=True)
class Suiting:
    """How well each row suits the user, or everybody: ``values`` ``(n_rows,)`` from 0 to 1, which count as much as ``weight``.
    ``source`` is what they come from."""

    values: FloatArray
    weight: float
    source: Literal["personal", "popularity"]

    @classmethod
    def of(cls, scores: FloatArray, *, personal: bool) -> "Suiting":
        """From the engine's scores ``(n_rows,)``: their distance from the mean in standard deviations, bent to lie
        between 0 and 1."""
        scale = float(scores.std()) if len(scores) else 0.0
        source = "personal" if personal else "popularity"
        if not scale > 0:
            return cls(np.full(len(scores), 0.5, np.float32), 0.0, source)
        standard = (scores - scores.mean()) / scale
        values = 0.5 + 0.5 * standard / (np.abs(standard) + 2.0)
        return cls(values.astype(np.float32), PERSONAL_WEIGHT if personal else COMMON_WEIGHT, source)
