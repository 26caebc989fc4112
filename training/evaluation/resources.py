"""What a piece of work costs: seconds, and the process's peak memory."""

import resource
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(slots=True)
class Resources:
    """``seconds`` by the clock, ``processor_seconds`` of all threads, ``peak_bytes`` the most memory the process has held."""

    seconds: float = 0.0
    processor_seconds: float = 0.0
    peak_bytes: int = 0

    def plus(self, other: "Resources") -> "Resources":
        """What both cost, one after the other."""
        return Resources(
            self.seconds + other.seconds,
            self.processor_seconds + other.processor_seconds,
            max(self.peak_bytes, other.peak_bytes),
        )

    def less(self, other: "Resources") -> "Resources":
        """What is left of the time without a part of it."""
        return Resources(
            self.seconds - other.seconds, self.processor_seconds - other.processor_seconds, self.peak_bytes
        )


@contextmanager
def measured() -> Generator[Resources]:
    """What the block costs, filled in when it is left."""
    spent = Resources()
    began, processor_began = time.perf_counter(), time.process_time()
    yield spent
    spent.seconds = time.perf_counter() - began
    spent.processor_seconds = time.process_time() - processor_began
    unit = 1 if sys.platform == "darwin" else 1_024
    spent.peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
