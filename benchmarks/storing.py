"""Import and batch: how fast ratings come in."""

import json
import random
from collections.abc import Sequence

from benchmarks.figures import Figure, at_least, at_most
from benchmarks.load import Request, put_load
from benchmarks.workspace import Workspace

IMPORT_SECONDS = 60
BATCH_RATINGS_A_SECOND = 50_000
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
    """POST /v1/ratings:batch, one batch after the other over one connection: of new users, then the same rows again."""
    batches = _batches(workspace.item_ids(), 3 if workspace.quick else 10)
    ratings = len(batches) * ROWS_A_BATCH
    with workspace.service() as service:
        fresh = put_load(service.port, batches, connections=1, seconds=None)
        repeated = put_load(service.port, batches, connections=1, seconds=None)
    bound = at_least(BATCH_RATINGS_A_SECOND)
    note = f"{len(batches)} batches of {ROWS_A_BATCH:,}"
    return [
        Figure("new rows", ratings / fresh.seconds, "ratings/s", bound, note=note),
        Figure("the same rows again", ratings / repeated.seconds, "ratings/s", bound, note=note),
    ]


def _batches(items: Sequence[str], count: int) -> list[Request]:
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


def _instant(rng: random.Random) -> str:
    return f"2020-01-{rng.randint(1, 28):02}T{rng.randint(0, 23):02}:{rng.randint(0, 59):02}:{rng.randint(0, 59):02}Z"
