"""Batches of events over HTTP: bounds, ids that come twice, and others who write at the same time."""

import asyncio

import httpx
import pytest
from event_calls import add_items, post_batch, problem_code, stored
from trained import problem

from app.config import Settings

pytestmark = pytest.mark.anyio


async def test_of_a_batch_with_one_id_twice_the_first_is_stored(client: httpx.AsyncClient, settings: Settings) -> None:
    await add_items(client, "film")
    row = {"event_id": "e1", "user_id": "ada", "item_id": "film", "kind": "play"}
    unknown = row | {"item_id": "nowhere"}
    result = await post_batch(client, unknown, row, row, row | {"kind": "like"}, row)
    assert [(each["outcome"], each["code"]) for each in result["outcomes"]] == [
        ("rejected", "event_id_reused"), ("created", None), ("duplicate", None), ("rejected", "event_id_reused"),
        ("duplicate", None),
    ]  # fmt: skip
    assert [each[:4] for each in stored(settings)] == [("e1", "ada", "film", "play")]


async def test_half_of_a_large_batch_fails_and_the_other_half_is_stored(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    await add_items(client, "film")
    rows = [
        {"event_id": f"e{n:05}", "user_id": f"u{n % 700}", "item_id": "film" if n % 2 else "nowhere", "kind": "view"}
        for n in range(10_000)
    ]
    result = await post_batch(client, *rows)
    assert result["counts"] == {"created": 5_000, "duplicate": 0, "rejected": 5_000}
    assert [each["position"] for each in result["outcomes"]] == list(range(10_000))
    assert all((each["code"] is None) == bool(n % 2) for n, each in enumerate(result["outcomes"]))
    assert len(stored(settings)) == 5_000
    again = await post_batch(client, *rows)
    assert again["counts"] == {"created": 0, "duplicate": 5_000, "rejected": 5_000}


async def test_a_batch_has_its_bounds(client: httpx.AsyncClient) -> None:
    assert problem(await client.post("/v1/events:batch", json={"events": []})) == [("/events", "too_short")]
    row = {"user_id": "ada", "item_id": "film", "kind": "view"}
    answer = await client.post("/v1/events:batch", json={"events": [row] * 10_001})
    assert problem_code(answer) == (413, "batch_too_large")


async def test_of_identical_events_at_once_one_is_created(client: httpx.AsyncClient, settings: Settings) -> None:
    await add_items(client, "film")
    for turn in range(10):
        event = {"event_id": f"e{turn}", "user_id": f"u{turn}", "item_id": "film", "kind": "like"}
        singles = [client.post("/v1/events", json=event) for _ in range(4)]
        batches = [client.post("/v1/events:batch", json={"events": [event]}) for _ in range(3)]
        answers = await asyncio.wait_for(asyncio.gather(*singles, *batches), 60)
        assert {answer.status_code for answer in answers} <= {200, 201}
        bodies = [answer.json() for answer in answers]
        outcomes = [body["outcome"] if "outcome" in body else body["outcomes"][0]["outcome"] for body in bodies]
        assert sorted(outcomes) == ["created", *["duplicate"] * 6]
    assert len(stored(settings)) == 10


async def test_batches_that_overlap_in_opposite_orders_do_not_deadlock(client: httpx.AsyncClient) -> None:
    await add_items(client, "film")
    for turn in range(6):
        rows = [
            {"event_id": f"{turn}-{n}", "user_id": f"{turn}-{n % 17}", "item_id": "film", "kind": "view"}
            for n in range(60)
        ]
        results = await asyncio.wait_for(
            asyncio.gather(post_batch(client, *rows), post_batch(client, *rows[::-1]), post_batch(client, *rows)), 60
        )
        assert sum(result["counts"]["created"] for result in results) == 60
        assert sum(result["counts"]["duplicate"] for result in results) == 120
