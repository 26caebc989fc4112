"""What Prometheus is told. No label holds what a client sent: methods are known ones, routes are templates.

With several workers each keeps its values in files of a directory that the parent makes (PROMETHEUS_MULTIPROC_DIR), and
whichever worker is asked adds them up. Alone, a process keeps them in memory.
"""

import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import (
    MultiProcessCollector,
    mark_process_dead,  # pyright: ignore[reportUnknownVariableType] - their function has no annotations
)

CONTENT_TYPE = CONTENT_TYPE_LATEST
DIRECTORY_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_PART_SECONDS = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5)


class Metrics:
    """The measures of one process. ``live`` modes leave out workers that have died."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Histogram(
            "medley_http_request_duration_seconds", "From the first byte of a request to the last of its answer.",
            ("route", "method", "status"), buckets=_REQUEST_SECONDS, registry=self.registry,
        )  # fmt: skip
        self._lists = Counter(
            "medley_lists", "Ranked lists served, by what stood in and what was missing.",
            ("fallback", "degraded"), registry=self.registry,
        )  # fmt: skip
        self._engine = Histogram(
            "medley_engine_duration_seconds", "Ranking of one list, filters and explanations included.",
            buckets=_PART_SECONDS, registry=self.registry,
        )  # fmt: skip
        self._history = Histogram(
            "medley_history_read_duration_seconds", "Reading of one history, the wait for a connection included.",
            ("outcome",), buckets=_PART_SECONDS, registry=self.registry,
        )  # fmt: skip
        self._pool_waits = Counter(
            "medley_database_pool_waits", "Requests that had to wait for a connection.", ("pool",),
            registry=self.registry,
        )  # fmt: skip
        self._pool_wait_seconds = Counter(
            "medley_database_pool_wait_seconds", "Time spent waiting for a connection.", ("pool",),
            registry=self.registry,
        )  # fmt: skip
        self.in_flight = 0  # a plain number, which costs nothing, written to its gauge with the others
        self._in_flight = self._gauge("medley_http_requests_in_flight", "Requests being answered.")
        self._connections = self._gauge("medley_database_pool_connections", "Connections held.", ("pool", "state"))
        self._workers = self._gauge("medley_release_workers", "Workers that serve a release.", ("release",))
        self._created = self._gauge(
            "medley_release_created_timestamp_seconds", "When the release was made; the newest of all workers'.",
            mode="livemax",
        )  # fmt: skip
        self._overlay = self._gauge(
            "medley_catalogue_overlay_items", "Items that changed since the release.", mode="livemax"
        )
        self._refused = self._gauge("medley_release_refused", "Workers that cannot load the active release.")
        self._breaker = self._gauge("medley_history_breaker_open", "Workers that ask for no history now.")
        self._request_children: dict[tuple[str, str, int], Histogram] = {}
        self._list_children: dict[tuple[str | None, tuple[str, ...]], Counter] = {}
        self._read, self._unread = self._history.labels("read"), self._history.labels("unavailable")
        self._release: str | None = None

    def _gauge(self, name: str, text: str, labels: tuple[str, ...] = (), *, mode: str = "livesum") -> Gauge:
        return Gauge(name, text, labels, multiprocess_mode=mode, registry=self.registry)  # pyright: ignore[reportArgumentType] - a Literal of their modes

    def request(self, route: str | None, method: str, status: int, seconds: float) -> None:
        """A request was answered. ``status`` 0 says that nothing was sent."""
        key = (route or "none", method if method in _METHODS else "other", status // 100)
        child = self._request_children.get(key)
        if child is None:
            child = self._requests.labels(key[0], key[1], f"{key[2]}xx" if key[2] else "none")
            self._request_children[key] = child
        child.observe(seconds)

    def list_served(self, fallback: str | None, degraded: Sequence[str]) -> None:
        """A list was made."""
        key = (fallback, tuple(degraded))
        child = self._list_children.get(key)
        if child is None:
            child = self._lists.labels(fallback or "none", "+".join(degraded) or "none")
            self._list_children[key] = child
        child.inc()

    @contextmanager
    def ranking(self) -> Generator[None]:
        """The engine ranks one list in the block."""
        began = perf_counter()
        yield
        self._engine.observe(perf_counter() - began)

    def history_read(self, seconds: float, *, available: bool) -> None:
        """A history was read, or could not be."""
        (self._read if available else self._unread).observe(seconds)

    def release_served(self, release: str | None, created: float, overlay: int) -> None:
        """This process serves ``release``, made at ``created`` (seconds since 1970), and so many items changed since."""
        if release != self._release:
            if self._release is not None:
                self._workers.labels(self._release).set(0)
            if release is not None:
                self._workers.labels(release).set(1)
            self._release = release
        if release is not None:
            self._created.set(created)
            self._overlay.set(overlay)

    def requests_in_flight(self) -> None:
        """Write down how many requests are being answered now."""
        self._in_flight.set(self.in_flight)

    def trouble(self, *, release_refused: bool, breaker_open: bool) -> None:
        """What is not as it should be."""
        self._refused.set(release_refused)
        self._breaker.set(breaker_open)

    def pool_state(self, pool: str, *, used: int, idle: int) -> None:
        """How many connections a pool holds."""
        self._connections.labels(pool, "used").set(used)
        self._connections.labels(pool, "idle").set(idle)

    def pool_waited(self, pool: str, waits: int, seconds: float) -> None:
        """How often, and how long altogether, requests waited for a connection since the last call."""
        self._pool_waits.labels(pool).inc(waits)
        self._pool_wait_seconds.labels(pool).inc(seconds)

    def render(self) -> bytes:
        """Everything in Prometheus' text format: of all workers, where there are several."""
        directory = os.environ.get(DIRECTORY_VARIABLE)
        if directory is None:
            return generate_latest(self.registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry, directory)
        return generate_latest(registry)


def forget_worker(directory: Path, pid: int) -> None:
    """Leave a dead worker out of the gauges; what it counted stays counted."""
    mark_process_dead(pid, str(directory))
