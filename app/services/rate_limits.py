"""Rate limits, counted by each worker in its own memory: fixed windows, written as the library `limits` reads them.

Its storage in memory is not used: up to a hundred times a second it walks over all counters in a new thread, which at 100,000
addresses takes a millisecond and more of each request. Here what has expired goes when the number of counters has doubled.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil
from time import time

_FEW_COUNTERS = 10_000
_IPV6_SITE = 64


class _Windows:
    """How many requests each caller has made in a window that began with the first of them."""

    def __init__(self, amount: int, seconds: int, clock: Callable[[], float]) -> None:
        self.amount = amount
        self.seconds = seconds
        self._clock = clock
        self._counters: dict[str, list[float]] = {}
        self._sweep_at = _FEW_COUNTERS

    def count(self, identity: str) -> tuple[int, int]:
        """Count one request: how many are left, below zero if this was one too many, and after how many seconds it is over."""
        now = self._clock()
        counter = self._counters.get(identity)
        if counter is None or counter[1] <= now:
            if len(self._counters) >= self._sweep_at:
                self._sweep(now)
            counter = self._counters[identity] = [0, now + self.seconds]
        counter[0] += 1
        return int(self.amount - counter[0]), ceil(counter[1] - now)

    def __len__(self) -> int:
        return len(self._counters)

    def _sweep(self, now: float) -> None:
        self._counters = {identity: counter for identity, counter in self._counters.items() if counter[1] > now}
        self._sweep_at = max(_FEW_COUNTERS, 2 * len(self._counters))


@dataclass(frozen=True, slots=True)
class Taken:
    """What is left after one request: the value of the ``RateLimit`` header, and after how many seconds to come again if that
    request was one too many."""

    left: str
    retry_after: int | None


class RateLimiter:
    """The limits of one kind of caller, such as ``100/minute;2000/hour``.

    ``policy`` is the value of the ``RateLimit-Policy`` header.
    """

    def __init__(self, kind: str, rates: str, clock: Callable[[], float] = time) -> None:
        windows = [_Windows(amount, seconds, clock) for amount, seconds in read_rates(rates)]
        self._windows = [(f'"{kind}-{each.seconds}"', each) for each in windows]
        self.policy = ", ".join(f"{name};q={each.amount};w={each.seconds}" for name, each in self._windows)

    def take(self, identity: str) -> Taken:
        """Count one request of this caller. One that is refused counts too."""
        parts: list[str] = []
        retry_after: int | None = None
        for name, windows in self._windows:
            left, seconds = windows.count(identity)
            if left < 0:
                retry_after = max(seconds, retry_after or 0)
            parts.append(f"{name};r={max(left, 0)};t={seconds}")
        return Taken(", ".join(parts), retry_after)

    @property
    def counters(self) -> int:
        """How many callers are remembered."""
        return sum(len(windows) for _, windows in self._windows)


def read_rates(rates: str) -> list[tuple[int, int]]:
    """Requests and seconds of each limit in ``rates``; raises ValueError for what is none."""
    from limits import parse_many  # noqa: PLC0415 - slow to import, and most services limit nothing

    return [(item.amount, item.get_expiry()) for item in parse_many(rates)]


@lru_cache(maxsize=10_000)
def identity_of(address: str) -> str:
    """Whom an address stands for: of IPv6, where everybody has more addresses than can be counted, the site."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ip_network((int(parsed), _IPV6_SITE), strict=False))
    return str(parsed)
