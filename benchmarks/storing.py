"""Import and batch: how fast ratings come in."""

import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from benchmarks.figures import Figure, at_least, at_most
from benchmarks.load import Request, put_load
from benchmarks.workspace import Workspace

IMPORT_SECONDS = 60
BATCH_ROWS_A_SECOND = 50_000
ROWS_A_BATCH = 10_000
RATINGS_A_USER = 100
SEED = 1


def measure_import(workspace: Workspace) -> list[Figure]:
    """``medley import movielens`` from start to end, the database and its tables being there."""
    run = workspace.imported
    ratings = int(workspace.strings("SELECT count(*) FROM ratings")[0])
    return [
        Figure("time", run.seconds, "s", at_most(IMPORT_SECONDS), note=f"{ratings:,} ratings"),
        Figure("rows", ratings / run.seconds, "ratings/s"),
        Figure("peak memory", run.peak_bytes / 1e6, "MB"),
    ]


def measure_batch(workspace: Workspace) -> list[Figure]:
    """Batches of ratings, then of events, one after the other over one connection: of new users, then the same rows again."""
    items, count = workspace.item_ids(), 3 if workspace.quick else 10
    bound = at_least(BATCH_ROWS_A_SECOND)
    note = f"{count} batches of {ROWS_A_BATCH:,}"
    figures: list[Figure] = []
    with workspace.service() as service:
        for unit, batches in (("ratings", _rating_batches(items, count)), ("events", _event_batches(items, count))):
            for name in (f"new {unit}", f"the same {unit} again"):
                seconds = put_load(service.port, batches, connections=1, seconds=None).seconds
                figures.append(Figure(name, count * ROWS_A_BATCH / seconds, f"{unit}/s", bound, note=note))
    return figures


def _rating_batches(items: Sequence[str], count: int) -> list[Request]:
    """Batches of users whom nobody knows yet, each of whom rates a hundred items."""
    rng = random.Random(SEED)  # noqa: S311 - no secret
    users_a_batch = ROWS_A_BATCH // RATINGS_A_USER
    return [
        Request("POST", "/v1/ratings:batch", json.dumps({"ratings": rows}))
        for rows in (
            [
                {
                    "user_id": f"bench-{user}",
                    "item_id": item,
                    "value": float(rng.randint(1, 5)),
                    "rated_at": _instant(rng),
                }
                for user in range(first, first + users_a_batch)
                for item in rng.sample(items, RATINGS_A_USER)
            ]
            for first in range(0, count * users_a_batch, users_a_batch)
        )
    ]


def _event_batches(items: Sequence[str], count: int) -> list[Request]:
    """Batches of what users whom nobody knows yet did with a hundred items each."""
    rng = random.Random(SEED)  # noqa: S311 - no secret
    users_a_batch = ROWS_A_BATCH // RATINGS_A_USER
    now = datetime.now(UTC)
    return [
        Request("POST", "/v1/events:batch", json.dumps({"events": rows}))
        for rows in (
            [
                {
                    "event_id": f"{rng.getrandbits(96):024x}",
                    "user_id": f"bench-{user}",
                    "item_id": item,
                    "kind": rng.choice(("play", "view", "impression")),
                    "occurred_at": (now - timedelta(seconds=rng.randrange(30 * 86_400))).isoformat(),
                }
                for user in range(first, first + users_a_batch)
                for item in rng.sample(items, RATINGS_A_USER)
            ]
            for first in range(0, count * users_a_batch, users_a_batch)
        )
    ]


def _instant(rng: random.Random) -> str:
    return f"2020-01-{rng.randint(1, 28):02}T{rng.randint(0, 23):02}:{rng.randint(0, 59):02}:{rng.randint(0, 59):02}Z"
