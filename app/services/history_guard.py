"""Guards the reading of histories: a deadline that holds, and no reading at all while it fails again and again."""

from collections.abc import Callable, Coroutine
from time import perf_counter
from typing import Any, TypeVar

from app.errors import Unavailable
from app.services.breaker import CircuitBreaker
from app.services.deadlines import run_within
from app.telemetry.metrics import Metrics

T = TypeVar("T")


class HistoryGuard:
    """One for a process: its breaker is about the database, not about a user."""

    def __init__(self, seconds: float, breaker: CircuitBreaker, metrics: Metrics) -> None:
        self._seconds = seconds
        self._metrics = metrics
        self.breaker = breaker

    async def run(self, read: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What ``read`` gives; raises :class:`Unavailable` at the deadline, or at once while the breaker is open."""
        began = perf_counter()
        try:
            with self.breaker.guard():
                found = await self._in_time(read)
        except Unavailable:
            self._metrics.history_read(perf_counter() - began, available=False)
            raise
        self._metrics.history_read(perf_counter() - began, available=True)
        return found

    async def _in_time(self, read: Callable[[], Coroutine[Any, Any, T]]) -> T:
        try:
            return await run_within(self._seconds, read())
        except TimeoutError:
            raise Unavailable("The history was not read in time.") from None
