"""Several workers: how much two can do more than one, and what a swap of the release costs readers."""

import http.client
import json
import shutil
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import quote

import psycopg

from app.db import driver_url
from benchmarks.figures import Figure, at_least, at_most, median_of, quantile
from benchmarks.load import Answers, Request, put_load
from benchmarks.processes import MeasurementFailed, Server, processor_seconds
from benchmarks.serving import CONNECTIONS, recommendation_requests
from benchmarks.workspace import Workspace

TWO_AGAINST_ONE = 1.6
SWAP_MS = 250
SWAP_SECONDS = 30
SWAP_CONNECTIONS = 4
CALM_SECONDS = 2.0


def measure_two_workers(workspace: Workspace) -> list[Figure]:
    """The same reads through one worker and through two, round about.

    On two processors, two workers, Postgres and the load generator cannot all run at once, so that rates say little about the
    workers: what is compared is processor time, which the others do not enter. If one worker takes T for a round and the
    busier of two takes t for as many reads, then two can do T / t times as much as one, each on a processor of its own and the
    load elsewhere. A part that only one worker at a time could do, or an uneven division of the connections, would lower it.
    """
    rounds, seconds = (2, 1.5) if workspace.quick else (5, 4.0)
    reads = recommendation_requests(workspace.user_ids())
    with workspace.service(workers=1) as one, workspace.service(workers=2) as two:
        for service in (one, two):
            put_load(service.port, reads, connections=CONNECTIONS, seconds=1.0)  # to warm up
        alone, together = list[_Round](), list[_Round]()
        for _ in range(rounds):
            alone.append(_measure_round(one, reads, seconds))
            together.append(_measure_round(two, reads, seconds))
    ratios = [single.busiest / double.busiest for single, double in zip(alone, together, strict=True)]
    rates = [double.rate / single.rate for single, double in zip(alone, together, strict=True)]
    note = f"by processor time, the load apart; {rounds} x {seconds:g} s, {CONNECTIONS} connections"
    return [
        median_of("two against one", ratios, "times", at_least(TWO_AGAINST_ONE), note=note),
        median_of("  requests/s, two against one", rates, "times", note="load and Postgres on the same two processors"),
        median_of("  one worker", [each.rate for each in alone], "requests/s"),
        median_of("  two workers", [each.rate for each in together], "requests/s"),
        median_of("  one worker's processor time", [each.busiest for each in alone], "us/request"),
        median_of("  the busier of two's", [each.busiest for each in together], "us/request"),
    ]


@dataclass(frozen=True, slots=True)
class _Round:
    """Requests a second, and the processor time of the busiest worker for each request of all, in microseconds."""

    rate: float
    busiest: float


def _measure_round(service: Server, reads: Sequence[Request], seconds: float) -> _Round:
    before = [processor_seconds([pid]) for pid in service.workers]
    answers = put_load(service.port, reads, connections=CONNECTIONS, seconds=seconds)
    spent = [processor_seconds([pid]) - was for pid, was in zip(service.workers, before, strict=True)]
    return _Round(answers.a_second, 1e6 * max(spent) / len(answers.microseconds))


def measure_swap(workspace: Workspace) -> list[Figure]:
    """Releases activated over HTTP, to and fro, while two workers are read from; the slowest read of all, and no error.

    The other release is a copy of the trained one under another name, so it is as large, verified and loaded as any new one.
    """
    swaps = 2 if workspace.quick else 10
    reads = recommendation_requests(workspace.user_ids())
    releases = [workspace.artifact.name, _copy_release(workspace)]
    with workspace.service(workers=2) as service, ThreadPoolExecutor() as pool:
        put_load(service.port, reads, connections=SWAP_CONNECTIONS, seconds=1.0)  # to warm up
        calm = put_load(service.port, reads, connections=SWAP_CONNECTIONS, seconds=CALM_SECONDS)
        taken, slowest, answered = list[float](), list[float](), 0
        for number in range(swaps):
            load = pool.submit(put_load, service.port, reads, connections=SWAP_CONNECTIONS, seconds=2 * CALM_SECONDS)
            time.sleep(CALM_SECONDS / 2)  # under way
            taken.append(_swap(service, releases[(number + 1) % 2]))
            answers: Answers = load.result()  # raises for an answer that is no success
            slowest.append(max(answers.microseconds) / 1_000)
            answered += len(answers.microseconds)
    return [
        Figure(
            "slowest request",
            max(slowest),
            "ms",
            at_most(SWAP_MS),
            note=f"{swaps} swaps, {answered:,} requests, no error",
        ),
        median_of("  slowest of a swap", slowest, "ms"),
        Figure(
            "  slowest without a swap",
            max(calm.microseconds) / 1_000,
            "ms",
            note=f"{len(calm.microseconds):,} requests",
        ),
        Figure("  p99 without a swap", quantile(calm.microseconds, 0.99) / 1_000, "ms"),
        median_of("until every worker serves it", taken, "s", at_most(2.0), note="from the request to activate"),
    ]


def _copy_release(workspace: Workspace) -> str:
    """A copy of the active release, entered into the registry under a name of its own."""
    active = workspace.artifact
    name = f"{active.name}-copy"
    shutil.copytree(active, active.with_name(name))
    manifest_file = active.with_name(name) / "manifest.json"
    manifest = json.loads(manifest_file.read_text()) | {"release": name}
    manifest_file.write_text(json.dumps(manifest))
    with psycopg.connect(driver_url(workspace.url)) as connection:
        connection.execute(
            "INSERT INTO releases (id, location, format, manifest, active)"
            " SELECT %s, %s, format, manifest, false FROM releases WHERE id = %s",
            (name, str(active.with_name(name)), active.name),
        )
    return name


def _swap(service: Server, release: str) -> float:
    """Activate a release; the seconds until every worker serves it."""
    began = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=SWAP_SECONDS)
    try:
        connection.request("POST", f"/v1/releases/{quote(release, safe='')}:activate")
        response = connection.getresponse()
        if response.status != 200:
            raise MeasurementFailed(f"activating is answered with {response.status}: {response.read()[:200]!r}")
    finally:
        connection.close()
    while service.serving(release) < len(service.workers):
        if time.monotonic() - began > SWAP_SECONDS:
            raise MeasurementFailed(f"{release} is not served by all workers after {SWAP_SECONDS} s")
        time.sleep(0.1)
    return time.monotonic() - began
