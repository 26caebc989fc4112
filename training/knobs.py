"""The hyper-parameters that a search may turn, and the steps in which it does."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from app.engine.next_item import NextItemColumn
from training.fit import Parameters


@dataclass(frozen=True, slots=True)
class Knob:
    """One field of one part of the parameters, and its values in ascending order."""

    part: str
    field: str
    values: tuple[Any, ...]

    @property
    def name(self) -> str:
        """How the field is called in a manifest."""
        return f"{self.part}.{self.field}"

    def turned(self, parameters: Parameters, steps: int) -> Parameters | None:
        """The parameters with the value that lies ``steps`` further on; None past the last. From a value that is not among the
        knob's own, the first step leads to the next one that is."""
        part: Any = getattr(parameters, self.part)
        now = getattr(part, self.field)
        if now in self.values:
            place = self.values.index(now) + steps
        else:
            below = sum(_order(value) < _order(now) for value in self.values)
            place = below + steps - (1 if steps > 0 else 0)
        if not 0 <= place < len(self.values):
            return None
        changed: Any = replace(part, **{self.field: self.values[place]})
        return replace(parameters, **{self.part: changed})


KNOBS = (
    Knob("als", "regularisation", (1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0)),
    Knob("fold_in", "time_scales", ((3.0, 30.0), (5.0, 50.0), (10.0, 100.0), (20.0, 200.0), (50.0, 500.0))),
    Knob(
        "next_item",
        "columns",
        tuple(
            (NextItemColumn(300.0, scale), NextItemColumn(20_000.0, scale))
            for scale in (1.0, 2.0, 4.0, 8.0, 16.0, 50.0)
        ),
    ),
    Knob("item_to_item", "time_scales", ((3.0,), (5.0,), (10.0,), (20.0,), (50.0,), (200.0,))),
    Knob("ease", "penalty", (50.0, 100.0, 200.0, 400.0, 800.0, 1_600.0, 3_200.0)),
    Knob("als", "factors", (16, 32, 64, 96, 128)),
    Knob("als", "alpha", (2.5, 5.0, 10.0, 20.0, 40.0)),
    Knob("fold_in", "confidence", (5.0, 10.0, 20.0, 40.0, 80.0)),
    Knob("transitions", "gap_decay", (2.0, 4.0, 8.0, 16.0)),
    Knob("transitions", "window", (6, 12, 24, 48)),
    Knob("popularity", "half_life_days", (15.0, 60.0, 180.0, 365.0, 1_095.0, 3_650.0)),
    Knob("profile", "time_scales", ((5.0,), (10.0,), (20.0,), (50.0,), (200.0,))),
    Knob("content", "ridge", (0.3, 1.0, 3.0, 10.0)),
    Knob("content", "width", (32, 64, 128)),
    Knob("item_to_item", "dislike_weight", (0.0, 0.3, 1.0)),
)
"""Those that matter most first. No value makes an engine slower than the default does by more than a wider product."""


def neighbours(parameters: Parameters, knob: Knob, step: int) -> Iterator[Parameters]:
    """What lies in one direction, nearest first."""
    found = knob.turned(parameters, step)
    while found is not None:
        yield found
        found = knob.turned(found, step)


def _order(value: Any) -> Any:
    """What values of one knob are ordered by."""
    if isinstance(value, tuple):
        return tuple(_order(each) for each in value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return (value.boost, value.time_scale) if isinstance(value, NextItemColumn) else value
