"""What the service has acknowledged, to be held against what it stores."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from threading import Lock

Pair = tuple[str, str]
"""A user and an item, by their ids."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """How what is stored differs from what was acknowledged; each a list of pairs."""

    missing: list[Pair]
    different: list[Pair]
    unasked: list[Pair]

    @property
    def holds(self) -> bool:
        """Whether nothing differs."""
        return not (self.missing or self.different or self.unasked)


class Ledger:
    """The ratings by pair: their value as last acknowledged, None for a deletion. Several threads may write."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._values: dict[Pair, float | None] = {}
        self._unsettled: set[Pair] = set()

    def __len__(self) -> int:
        return len(self._values)

    def sending(self, pairs: Iterable[Pair]) -> None:
        """A write is on its way. Until it is acknowledged nobody knows which of its values is stored."""
        with self._lock:
            self._unsettled.update(pairs)

    def acknowledged(self, values: Iterable[tuple[Pair, float | None]]) -> None:
        """The service has said that these are stored."""
        with self._lock:
            for pair, value in values:
                self._values[pair] = value
                self._unsettled.discard(pair)

    def compare(self, stored: Mapping[Pair, float]) -> Comparison:
        """Hold the ledger against what is stored; pairs whose last write was never acknowledged are left out."""
        settled = {pair: value for pair, value in self._values.items() if pair not in self._unsettled}
        expected = {pair: value for pair, value in settled.items() if value is not None}
        return Comparison(
            missing=[pair for pair in expected if pair not in stored],
            different=[pair for pair, value in expected.items() if stored.get(pair, value) != value],
            unasked=[pair for pair in stored if pair not in expected and pair not in self._unsettled],
        )
