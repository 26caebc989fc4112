"""Batches of items over HTTP: an outcome for every row, and nothing half-written."""

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import psycopg
import pytest
from keyless import note_no_keys

from app.config import Settings
from app.db import driver_url
from app.main import create_app

pytestmark = pytest.mark.anyio


def row(item_id: str, title: str = "x", **more: Any) -> dict[str, Any]:
    return {"item_id": item_id, "title": title, **more}


async def post(client: httpx.AsyncClient, *rows: Any) -> dict[str, Any]:
    answer = await client.post("/v1/items:batch", json={"items": list(rows)})
    assert answer.status_code == 200, answer.text
    return answer.json()


def outcomes(result: dict[str, Any]) -> list[str]:
    assert [each["position"] for each in result["outcomes"]] == list(range(len(result["outcomes"])))
    found = [each["outcome"] for each in result["outcomes"]]
    assert result["counts"] == {name: found.count(name) for name in result["counts"]}
    return found


async def titles(client: httpx.AsyncClient) -> dict[str, str]:
    return {item["item_id"]: item["title"] for item in (await client.get("/v1/items?limit=100")).json()["items"]}


async def test_every_row_has_its_outcome(client: httpx.AsyncClient) -> None:
    await post(client, row("same"), row("old"), row("gone"))
    await client.delete("/v1/items/gone")
    result = await post(
        client, row("new"), row("same"), row("old", "y"), row("gone"), {"item_id": "bad"}, row("new", "z")
    )
    assert outcomes(result) == ["superseded", "unchanged", "updated", "created", "rejected", "created"]
    assert await titles(client) == {"new": "z", "same": "x", "old": "y", "gone": "x"}


async def test_a_batch_stores_what_a_put_stores(client: httpx.AsyncClient) -> None:
    full = {
        "title": 'Tab\there, \\N there, "quotes", newline\n, \U0001f3ac',
        "description": "\\",
        "categories": ["a,b", "{c}", 'd"e', "\\", " "],
        "tags": ["NULL"],
        "people": [{"name": "A\\B", "role": "x"}],
        "released_on": "0001-01-01",
        "vote_mean": 0.1 + 0.2,
        "votes": 2**53,
        "available_from": "0001-01-01T00:00:00Z",
        "available_until": "9999-12-31T23:59:59.999999Z",
        "attributes": {"a\\b": ["\t", 1e-7, {"": None}]},
        "hidden": False,
    }
    await post(client, {"item_id": "tab\t\\N/1", **full})
    assert (await client.put("/v1/items/tab%09%5CN%2F1", json=full)).json()["outcome"] == "unchanged"
    stored = (await client.get("/v1/items/tab%09%5CN%2F1")).json()
    assert {name: stored[name] for name in full} == full | {"people": [{"name": "A\\B", "role": "x"}]}


async def test_rejected_rows_say_why_and_where(client: httpx.AsyncClient) -> None:
    bad: list[Any] = [
        {"title": "no id"},
        row("."),
        row("a", title=7),
        row("b", tags=["ok", ""]),
        "text",
        None,
        row("c", more=1),
        row(""),
    ]
    result = await post(client, row("good"), *bad)
    assert outcomes(result) == ["created"] + ["rejected"] * len(bad)
    expected = [
        (None, "/items/1/item_id", "required"),
        (".", "/items/2/item_id", "reserved_id"),
        ("a", "/items/3/title", "not_a_string"),
        ("b", "/items/4/tags/1", "too_short"),
        (None, "/items/5", "not_an_object"),
        (None, "/items/6", "not_an_object"),
        ("c", "/items/7/more", "unknown_field"),
        ("", "/items/8/item_id", "too_short"),
    ]
    found = [(each["item_id"], each["errors"][0]["pointer"], each["code"]) for each in result["outcomes"][1:]]
    assert found == expected
    assert all(each["detail"] for each in result["outcomes"][1:])
    assert await titles(client) == {"good": "x"}


async def test_a_batch_of_bad_rows_only_is_answered_too(client: httpx.AsyncClient) -> None:
    assert outcomes(await post(client, {}, 1)) == ["rejected", "rejected"]


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({}, 422, "/items"),
        ({"items": []}, 422, "/items"),
        ({"items": {}}, 422, "/items"),
        ({"items": [], "more": 1}, 422, "/more"),
        ({"items": [row("a")] * 10_001}, 413, None),
    ],
)
async def test_what_is_no_batch_is_refused_whole(
    client: httpx.AsyncClient, body: Any, status: int, pointer: str | None
) -> None:
    answer = await client.post("/v1/items:batch", json=body)
    assert answer.status_code == status
    assert [each["pointer"] for each in answer.json()["errors"]] == ([pointer] if pointer else [])
    assert await titles(client) == {}


async def test_a_key_that_is_repeated_in_one_row_refuses_the_batch(client: httpx.AsyncClient) -> None:
    body = b'{"items": [{"item_id": "a", "title": "x"}, {"item_id": "b", "title": "x", "title": "y"}]}'
    answer = await client.post("/v1/items:batch", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/items/1/title")
    assert await titles(client) == {}


async def test_the_largest_batch_is_stored_and_repeated_without_a_write(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    rows = [row(f"item-{number}", f"Title {number}", categories=["a", "b"]) for number in range(10_000)]
    assert (await post(client, *rows))["counts"]["created"] == 10_000
    assert settings.database_url is not None
    with psycopg.connect(driver_url(settings.database_url.get_secret_value())) as connection:
        query = "SELECT max(changed_in::text::bigint), max(updated_at) FROM items"
        before = connection.execute(query).fetchone()
        connection.commit()
        assert (await post(client, *rows))["counts"]["unchanged"] == 10_000
        assert connection.execute(query).fetchone() == before


async def test_batches_that_overlap_wait_for_each_other(client: httpx.AsyncClient) -> None:
    ids = [f"item-{number}" for number in range(300)]

    async def store(title: str, order: list[str]) -> list[str]:
        return outcomes(await post(client, *(row(each, title) for each in order)))

    results = await asyncio.gather(*(store(f"t{i}", ids if i % 2 else ids[::-1]) for i in range(6)))
    assert sum(each.count("created") for each in results) == 300
    assert sum(each.count("updated") for each in results) == 1_500
    assert len(set((await titles(client)).values())) == 1


async def test_a_batch_over_the_limit_of_a_body_is_refused_while_it_arrives(client: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b'{"items": ['
        while True:
            chunk = orjson.dumps(row("a", "x" * 500)) * 100
            sent += len(chunk)
            yield chunk

    answer = await client.post("/v1/items:batch", content=endless(), headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (413, "content_too_large")
    assert sent < 9_000_000
    assert await titles(client) == {}


async def test_changed_items_are_told_after_the_commit_and_only_those(settings: Settings) -> None:
    app = create_app(settings)
    told: list[list[str]] = []
    async with app.router.lifespan_context(app):
        assert settings.database_url is not None
        url = driver_url(settings.database_url.get_secret_value())

        async def listen(keys: Any) -> None:
            # On a connection of its own: it sees what is committed.
            async with await psycopg.AsyncConnection.connect(url) as connection:
                found = await connection.execute("SELECT id FROM items WHERE key = ANY(%s) ORDER BY id", [list(keys)])
                told.append([item_id for (item_id,) in await found.fetchall()])

        app.state.services = dataclasses.replace(app.state.services, on_items_written=listen)
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://medley.test", timeout=30) as client:
            await client.put("/v1/items/a", json={"title": "x"})
            await client.put("/v1/items/a", json={"title": "x"})
            await post(client, row("a"), row("b"), row("c"), {})
            await client.delete("/v1/items/b")
            await client.delete("/v1/items/b")
            await client.put("/v1/items/c", json={"title": 1})
    assert told == [["a"], ["b", "c"], ["b"]]


async def test_readiness_and_writes_without_a_database(settings: Settings) -> None:
    gone = settings.model_copy(
        update={"database_url": type(settings.database_url)("postgresql://nobody@127.0.0.1:9/none")}
    )
    note_no_keys(gone.data_dir)
    app = create_app(gone)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://medley.test", timeout=30) as client:
            began = time.monotonic()
            for answer in (await client.get("/v1/items"), await client.put("/v1/items/1", json={"title": "x"})):
                assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
                assert answer.headers["retry-after"] == "2"
                assert "127.0.0.1" not in answer.text
            assert (await client.get("/health/ready")).json()["code"] == "not_ready"
            assert (await client.get("/health/live")).status_code == 200
            assert time.monotonic() - began < 30
