"""What workers take in memory: one artifact for all of them, and for each what no other process shares."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.figures import Figure, at_most
from benchmarks.load import put_load
from benchmarks.processes import MemoryMapping, mappings_of
from benchmarks.serving import CONNECTIONS, SEED, rating_requests, recommendation_requests
from benchmarks.workspace import Workspace

WORKERS = (1, 2, 4)
MEMORY_MB = 300
REQUESTS_A_WORKER = 1_000


@dataclass(frozen=True, slots=True)
class _Share:
    """Bytes of one process: its parts of the artifact and of what else it shares, and what is its alone."""

    artifact: float
    private: float
    shared: float

    @property
    def whole(self) -> float:
        return self.artifact + self.private + self.shared


def measure_memory(workspace: Workspace) -> list[Figure]:
    """1, 2 and 4 workers, after a thousand requests for each of them, nine in ten for recommendations.

    A page that several processes map counts for each by its part (Pss of /proc/PID/smaps), so that sums are what the machine
    has to hold. All of N workers may take one artifact and N times what one worker takes beside it.
    """
    size = sum(file.stat().st_size for file in workspace.artifact.iterdir())
    figures: list[Figure] = []
    beside = 0.0
    for count in WORKERS:
        shares = _measure(workspace, count)
        artifact, whole = (sum(getattr(share, name) for share in shares) for name in ("artifact", "whole"))
        private = max(share.private for share in shares)
        beside = beside or whole - artifact  # of the one worker
        note = f"bound: one artifact ({size / 1e6:.0f} MB) and {count} x {beside / 1e6:.0f} MB"
        figures += [
            Figure(
                f"{count} workers" if count > 1 else "1 worker",
                whole / 1e6,
                "MB",
                at_most((size + count * beside) / 1e6),
                note=note,
            ),
            Figure("  artifact, of all together", artifact / 1e6, "MB", at_most(size / 1e6)),
            Figure("  private, the largest", private / 1e6, "MB", at_most(MEMORY_MB)),
        ]
    return figures


def _measure(workspace: Workspace, count: int) -> list[_Share]:
    users = workspace.user_ids()
    total = count * REQUESTS_A_WORKER
    writes = rating_requests(users, workspace.item_ids(), seed=SEED)[: total // 10]
    reads = recommendation_requests(users)
    requests = [*writes, *(reads[place % len(reads)] for place in range(total - len(writes)))]
    with workspace.service(workers=count) as service:
        put_load(service.port, requests, connections=CONNECTIONS * count, seconds=None)
        return [_share(workspace, mappings_of(pid)) for pid in service.workers]


def _share(workspace: Workspace, mappings: Sequence[MemoryMapping]) -> _Share:
    folder = str(workspace.artifact) + "/"
    ours = [each for each in mappings if each.path.startswith(folder)]
    rest = [each for each in mappings if not each.path.startswith(folder)]
    private = sum(each.private for each in rest)
    return _Share(sum(each.part for each in ours), private, sum(each.part for each in rest) - private)
