"""Guards the reading of histories: none at all while it fails again and again."""

from collections.abc import Callable, Coroutine
from time import perf_counter
from typing import Any, TypeVar

from app.errors import Unavailable
from app.services.breaker import CircuitBreaker
from app.telemetry.metrics import Metrics

T = TypeVar("T")


class HistoryGuard:
    """One for a process: its breaker is about the database, not about a user."""

    def __init__(self, breaker: CircuitBreaker, metrics: Metrics) -> None:
        self._metrics = metrics
        self.breaker = breaker

    async def run(self, read: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What ``read`` gives; raises :class:`Unavailable` as it does, or at once while the breaker is open."""
        began = perf_counter()
        try:
            with self.breaker.guard():
                found = await read()
        except Unavailable:
            self._metrics.history_read(perf_counter() - began, available=False)
            raise
        self._metrics.history_read(perf_counter() - began, available=True)
        return found
