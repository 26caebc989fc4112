"""Readers that never pause, and what became of each of their reads."""

import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from urllib.parse import quote

import httpx

READ_SECONDS = 10.0


class Outcome(Enum):
    """How a read ended."""

    ANSWERED = "answered"
    REPEATED = "answered when repeated"
    """The connection broke, as it does when the process at its other end is killed; the same read then was answered."""
    ABSENT = "nobody there"
    """No connection, while no API process was there to take one."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Read:
    """One read: when it began (monotonic seconds), how long it took, and how it ended."""

    began: float
    seconds: float
    outcome: Outcome
    degraded: bool = False
    reason: str = ""


class Reader(threading.Thread):
    """Reads lists of known users without a pause, over one kept connection or over a new one each time.

    ``served`` is clear from the moment before the parent of all API processes is killed until another is ready: only
    then may a read find nobody.
    """

    def __init__(
        self, base: str, users: Sequence[str], served: threading.Event, *, keep_alive: bool, seed: int
    ) -> None:
        super().__init__(name=f"reader {seed}", daemon=True)
        self.reads: list[Read] = []
        self._base, self._users, self._served = base, users, served
        self._told_to_stop = threading.Event()
        self._rng = random.Random(seed)  # noqa: S311 - no secret
        kept = 1 if keep_alive else 0
        limits = httpx.Limits(max_connections=1, max_keepalive_connections=kept)
        self._client = httpx.Client(base_url=base, timeout=READ_SECONDS, limits=limits)

    def run(self) -> None:
        """Read until told to stop."""
        with self._client:
            while not self._told_to_stop.is_set():
                self.reads.append(self.read())
                if self.reads[-1].outcome is Outcome.ABSENT:
                    self._told_to_stop.wait(0.05)

    def stop(self) -> None:
        """End after the read under way."""
        self._told_to_stop.set()
        self.join(2 * READ_SECONDS + 5)

    def read(self) -> Read:
        """One read, repeated once where its connection broke."""
        path = f"/v1/users/{quote(self._rng.choice(self._users), safe='')}/recommendations?limit=10"
        began, served = time.monotonic(), self._served.is_set()
        outcome = Outcome.ANSWERED
        try:
            try:
                answer = self._client.get(path)
            except httpx.TransportError:
                outcome = Outcome.REPEATED
                answer = httpx.get(self._base + path, timeout=READ_SECONDS)
        except httpx.TransportError as error:
            gone = not (served and self._served.is_set())
            outcome = Outcome.ABSENT if gone else Outcome.FAILED
            return Read(began, time.monotonic() - began, outcome, reason=repr(error))
        seconds = time.monotonic() - began
        if answer.status_code != 200:
            return Read(began, seconds, Outcome.FAILED, reason=f"{answer.status_code}: {answer.text[:200]}")
        return Read(began, seconds, outcome, degraded=bool(answer.json()["degraded"]))


@dataclass(frozen=True, slots=True)
class ReadSummary:
    """The reads of a stretch of time."""

    counts: dict[Outcome, int]
    degraded: int
    slowest_seconds: float
    reasons: list[str]


def summarise(readers: Sequence[Reader], began: float, ended: float) -> ReadSummary:
    """What became of the reads that began between these times."""
    reads = [read for reader in readers for read in tuple(reader.reads) if began <= read.began < ended]
    return ReadSummary(
        counts={outcome: sum(read.outcome is outcome for read in reads) for outcome in Outcome},
        degraded=sum(read.degraded for read in reads),
        slowest_seconds=max((read.seconds for read in reads), default=0.0),
        reasons=[read.reason for read in reads if read.outcome is Outcome.FAILED],
    )
