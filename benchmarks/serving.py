"""Serving: requests a second against a bare route, and latencies."""

import http.client
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from benchmarks.figures import RATIO, Bound, Figure, at_least, median_of, quantile
from benchmarks.load import Answers, Request, put_load
from benchmarks.processes import MeasurementFailed, Server, processor_seconds
from benchmarks.workspace import Workspace

CONNECTIONS = 16
READ_RATIO = 1 / 12
WRITE_RATIO = 1 / 10
WRITES_A_ROUND = 20_000
SEED = 2

Requests = Callable[[int], Sequence[Request]]
"""The requests of a round, by its number."""


HIGH_LIMIT = "1000000000/minute"
LIMITED = {"MEDLEY_RATE_LIMIT_PER_ADDRESS": HIGH_LIMIT, "MEDLEY_RATE_LIMIT_PER_KEY": HIGH_LIMIT}


def measure_serving(workspace: Workspace) -> list[Figure]:
    """GET recommendations and POST one rating through one worker; load, worker and Postgres share the processors.

    The ceiling is a bare route that returns the bytes of a real answer and looks at nothing of the request. Rounds of
    ceiling and service alternate, so that what else the machine does weighs on both. The bounds are those of a service as it
    stands in production, with keys and rate limits; metrics and request ids are always there. Then the same without keys, to
    show what they cost.
    """
    users, items = workspace.user_ids(), workspace.item_ids()

    def read_round(_: int) -> Sequence[Request]:
        return reads

    def write_round(number: int) -> Sequence[Request]:
        return rating_requests(users, items, seed=SEED + number, key=key)

    with workspace.api_key() as key, workspace.service(options=LIMITED, key=key) as service:
        reads = recommendation_requests(users, key=key)
        figures = _against_ceiling(workspace, service, "GET recommendations", read_round, at_least(READ_RATIO))
        figures += _against_ceiling(workspace, service, "POST rating", write_round, at_least(WRITE_RATIO))
    key = ""
    with workspace.service() as service:
        reads = recommendation_requests(users)
        open_figures = _against_ceiling(workspace, service, "GET without keys and limits", read_round, None)
        open_figures += _against_ceiling(workspace, service, "POST without keys and limits", write_round, None)
    told = ("without keys", "worker's processor time")
    return [*figures, *(figure for figure in open_figures if any(part in figure.name for part in told))]


def recommendation_requests(users: Sequence[str], *, key: str = "") -> list[Request]:
    """One for each user, in a random order."""
    shuffled = random.Random(SEED).sample(users, len(users))  # noqa: S311 - no secret
    return [Request("GET", f"/v1/users/{quote(user, safe='')}/recommendations?limit=20", key=key) for user in shuffled]


def rating_requests(users: Sequence[str], items: Sequence[str], *, seed: int, key: str = "") -> list[Request]:
    """Ratings of random items by random users: nearly all new, some replacing what is stored."""
    rng = random.Random(seed)  # noqa: S311 - no secret
    return [
        Request(
            "POST",
            "/v1/ratings",
            json.dumps({"user_id": rng.choice(users), "item_id": rng.choice(items), "value": rng.randint(1, 5)}),
            key,
        )
        for _ in range(WRITES_A_ROUND)
    ]


def _against_ceiling(
    workspace: Workspace, service: Server, name: str, requests_of: Requests, bound: Bound | None
) -> list[Figure]:
    rounds, seconds = (2, 1.0) if workspace.quick else (7, 3.0)
    example = requests_of(0)[0]
    bare: list[_Round] = []
    real: list[_Round] = []
    with workspace.bare_route(_answer_to(service, example)) as ceiling:
        same = [Request(example.method, "/", example.body, example.key)]
        put_load(service.port, requests_of(0), connections=CONNECTIONS, seconds=1.0)  # to warm up
        for number in range(1, rounds + 1):
            bare.append(_measure_round(workspace, ceiling, same, seconds))
            real.append(_measure_round(workspace, service, requests_of(number), seconds))
    ratios = [one.answers.a_second / other.answers.a_second for one, other in zip(real, bare, strict=True)]
    latencies = [microseconds / 1000 for each in real for microseconds in each.answers.microseconds]
    note = f"{rounds} x {seconds:g} s, {CONNECTIONS} connections"
    return [
        median_of(name, ratios, RATIO, bound, note=note),
        median_of("  service", [each.answers.a_second for each in real], "requests/s"),
        median_of("  bare route", [each.answers.a_second for each in bare], "requests/s"),
        *(Figure(f"  p{share}", quantile(latencies, share / 100), "ms") for share in (50, 95, 99)),
        median_of("  worker's processor time", [each.worker for each in real], "us/request"),
        median_of("  Postgres' processor time", [each.postgres for each in real], "us/request"),
        median_of("  bare route's processor time", [each.worker for each in bare], "us/request"),
        median_of("  the load's processor time", [each.answers.generator_microseconds for each in bare], "us/request"),
    ]


@dataclass(frozen=True, slots=True)
class _Round:
    """What one round gave, and the processor time it took of the worker and of Postgres, in microseconds a request.

    Unlike rates and latencies, processor times hardly move with what else the machine does.
    """

    answers: Answers
    worker: float
    postgres: float


def _measure_round(workspace: Workspace, server: Server, requests: Sequence[Request], seconds: float) -> _Round:
    backends = workspace.backends()
    before = processor_seconds([server.pid]), processor_seconds(backends)
    answers = put_load(server.port, requests, connections=CONNECTIONS, seconds=seconds)
    after = processor_seconds([server.pid]), processor_seconds(backends)
    worker, postgres = (
        1e6 * (late - early) / len(answers.microseconds) for early, late in zip(before, after, strict=True)
    )
    return _Round(answers, worker, postgres)


def _answer_to(service: Server, request: Request) -> bytes:
    """The body that the service answers with."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=10)
    try:
        headers = {"content-type": "application/json"} if request.body else {}
        if request.key:
            headers["authorization"] = f"Bearer {request.key}"
        connection.request(request.method, request.path, request.body or None, headers)
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()
    if response.status not in {200, 201}:
        raise MeasurementFailed(f"{request.method} {request.path} is answered with {response.status}")
    return body
