"""A circuit breaker: what has failed again and again is not asked for a while, so that nobody waits for it."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from app.errors import Unavailable


class CircuitBreaker:
    """Guards calls that fail with :class:`Unavailable`.

    Closed, every call goes through. ``failures`` failures in a row open it: calls are refused at once. When it has been
    open for ``pause_seconds``, one call at a time is let through as a probe: success closes it, failure starts the next
    pause. A call that ends in any other way (cancelled, say) tells nothing about what is guarded.
    """

    def __init__(self, failures: int, pause_seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = failures
        self._pause = pause_seconds
        self._clock = clock
        self._failures = 0
        self._opened_at: float | None = None
        self._probing = False

    @property
    def is_open(self) -> bool:
        """Whether calls are refused now, apart from a probe."""
        return self._opened_at is not None

    @contextmanager
    def guard(self) -> Generator[None]:
        """Run the block and learn from how it ends; raises :class:`Unavailable` without running it while open."""
        probe = self._enter()
        try:
            yield
        except Unavailable:
            self._fail(probe=probe)
            raise
        else:
            self._failures = 0
            self._opened_at = None
        finally:
            if probe:
                self._probing = False

    def _enter(self) -> bool:
        """Whether the call is a probe; raises if it must not be made."""
        if self._opened_at is None:
            return False
        if self._probing or self._clock() - self._opened_at < self._pause:
            raise Unavailable("It has failed again and again and is not asked for a moment.", code="circuit_open")
        self._probing = True
        return True

    def _fail(self, *, probe: bool) -> None:
        self._failures += 1
        # A call that began before the breaker opened and fails late says nothing new: it must not prolong the pause.
        if probe or (self._opened_at is None and self._failures >= self._limit):
            self._opened_at = self._clock()
