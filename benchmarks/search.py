"""Search over HTTP in a large catalogue, as people type."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.data import Size
from benchmarks.figures import Figure, at_most, quantile
from benchmarks.library import KINDS, Asked, search_requests, stored_library
from benchmarks.load import Answers, put_load
from benchmarks.processes import Server, processor_seconds
from benchmarks.workspace import Workspace

SIZE = Size(users=1_000, items=100_000, ratings=60_000)
QUICK = Size(users=200, items=6_000, ratings=6_000)
SEARCHES, QUICK_SEARCHES = 2_000, 200
AT_ONCE = 4
P95_MS = 30
SEED = 5


def measure_search(workspace: Workspace) -> list[Figure]:
    """A mix of searches through one worker, one after the other and then four at once, on generated titles in a database of
    their own."""
    size, count = (QUICK, QUICK_SEARCHES) if workspace.quick else (SIZE, SEARCHES)
    with stored_library(workspace, "search", size) as (library, titles):
        users = titles.user_ids()
        rounds = [search_requests(library, users, count, seed=SEED + number) for number in range(3)]
        with titles.service() as service:
            _measure(titles, service, rounds[0][: count // 4], connections=1)  # to warm up
            alone = _measure(titles, service, rounds[1], connections=1)
            together = _measure(titles, service, rounds[2], connections=AT_ONCE)
    note = f"{titles.data.name}; {count:,} searches, one after the other"
    return [
        Figure("p95", alone.quantile(0.95), "ms", at_most(P95_MS), note=note),
        Figure("  p50", alone.quantile(0.5), "ms"),
        *_by_kind(alone, rounds[1]),
        Figure("  worker's processor time", alone.worker, "us/request"),
        Figure("  Postgres' processor time", alone.postgres, "us/request"),
        Figure("p95 of four at once", together.quantile(0.95), "ms", at_most(P95_MS)),
        Figure("  p50 of four at once", together.quantile(0.5), "ms"),
        Figure("  of four at once", together.answers.a_second, "requests/s"),
    ]


@dataclass(frozen=True, slots=True)
class _Round:
    """The answers, and the processor time of the worker and of Postgres in microseconds a request."""

    answers: Answers
    worker: float
    postgres: float

    def quantile(self, share: float) -> float:
        """In milliseconds."""
        return quantile(self.answers.microseconds, share) / 1_000


def _measure(workspace: Workspace, service: Server, asked: Sequence[Asked], *, connections: int) -> _Round:
    backends = workspace.backends()
    before = processor_seconds([service.pid]), processor_seconds(backends)
    requests = [each.request for each in asked]
    answers = put_load(service.port, requests, connections=connections, seconds=None)
    after = processor_seconds([service.pid]), processor_seconds(backends)
    worker, postgres = (1e6 * (late - early) / len(asked) for early, late in zip(before, after, strict=True))
    return _Round(answers, worker, postgres)


def _by_kind(alone: _Round, asked: Sequence[Asked]) -> list[Figure]:
    """The p95 of each kind of query: over one connection the answers come in the order of the requests."""
    figures: list[Figure] = []
    for kind in KINDS:
        taken = [taken for taken, each in zip(alone.answers.microseconds, asked, strict=True) if each.kind == kind]
        if taken:
            middle = quantile(taken, 0.5) / 1_000
            figures.append(Figure(f"  p95 of {kind}", quantile(taken, 0.95) / 1_000, "ms", note=f"p50 {middle:.1f} ms"))
    return figures
