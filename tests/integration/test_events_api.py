"""Events over HTTP, through the whole service."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
from event_calls import add_items, made_list, post_batch, problem_code, stored
from trained import address, problem

from app.config import Settings
from app.event_kinds import EventKinds

pytestmark = pytest.mark.anyio

AWKWARD = [
    "a/b",
    "..x",
    "with space",
    "\U0001f3ac/\U0001f600",
    "50%",
    "a%2Fb",
    "events",
    "?&#",
    "tab\there",
    "back\\slash",
    "\\N",
]
KINDS = ["play", "purchase", "like", "click", "view", "dislike", "dismiss", "impression"]


async def post(client: httpx.AsyncClient, **body: Any) -> httpx.Response:
    return await client.post("/v1/events", json={"user_id": "ada", "item_id": "film", "kind": "play"} | body)


async def test_an_event_is_stored_as_sent_and_a_retry_is_harmless(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    await add_items(client, "film")
    shown_by = made_list(settings)
    body = {"event_id": "e1", "value": 0.75, "session_id": "s1", "recommendation_id": shown_by, "position": 3}
    before = datetime.now(UTC)
    first = await post(client, **body)
    assert first.status_code == 201
    event = first.json()["event"]
    occurred_at = event["occurred_at"]
    assert before <= datetime.fromisoformat(occurred_at) <= datetime.now(UTC)
    said = body | {"user_id": "ada", "item_id": "film", "kind": "play", "occurred_at": occurred_at}
    assert first.json() == {"outcome": "created", "event": said}
    again = await post(client, **body)
    assert again.status_code == 200
    assert again.json() == {"outcome": "duplicate", "event": event}
    assert (await post(client, **body, occurred_at=occurred_at)).json()["outcome"] == "duplicate"
    [row] = stored(settings)
    assert row[:8] == ("e1", "ada", "film", "play", 0.75, "s1", shown_by, 3)


@pytest.mark.parametrize(
    "change",
    [{"user_id": "eve"}, {"item_id": "other"}, {"kind": "like"}, {"value": 0.4}, {"session_id": "s2"},
     {"recommendation_id": "another"}, {"position": 4}, {"occurred_at": "2026-01-01T00:00:00Z"}],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
async def test_the_same_id_with_another_body_is_refused_and_the_first_stands(
    client: httpx.AsyncClient, settings: Settings, change: dict[str, Any]
) -> None:
    await add_items(client, "film", "other")
    if "recommendation_id" in change:
        change = {"recommendation_id": made_list(settings)}
    assert (await post(client, event_id="e1", value=0.5)).status_code == 201
    before = stored(settings)
    assert problem(await post(client, **({"event_id": "e1", "value": 0.5} | change)), 409) == [
        ("/event_id", "event_id_reused")
    ]
    row = {"event_id": "e1", "user_id": "ada", "item_id": "film", "kind": "play", "value": 0.5} | change
    outcome = (await post_batch(client, row))["outcomes"][0]
    assert (outcome["outcome"], outcome["code"], outcome["event_id"]) == ("rejected", "event_id_reused", None)
    assert outcome["errors"][0]["pointer"] == "/events/0/event_id"
    assert stored(settings) == before


async def test_an_event_without_an_id_gets_one_to_be_undone_by(client: httpx.AsyncClient, settings: Settings) -> None:
    await add_items(client, "film")
    made = [(await post(client)).json()["event"]["event_id"] for _ in range(2)]
    assert len(set(made)) == 2
    assert {row[0] for row in stored(settings)} == set(made)
    for event_id in made:
        gone = await client.delete(address("events", event_id))
        assert (gone.status_code, gone.content) == (204, b"")
        assert problem_code(await client.delete(address("events", event_id))) == (404, "event_not_found")
    assert stored(settings) == []


async def test_a_deleted_id_may_be_used_again(client: httpx.AsyncClient) -> None:
    await add_items(client, "film")
    await post(client, event_id="e1")
    await client.delete(address("events", "e1"))
    assert (await post(client, event_id="e1", kind="like")).status_code == 201


@pytest.mark.parametrize("name", AWKWARD)
async def test_ids_may_hold_anything(client: httpx.AsyncClient, settings: Settings, name: str) -> None:
    await add_items(client, name)
    body = {"event_id": name, "user_id": name, "item_id": name, "session_id": name}
    assert (await post(client, **body)).status_code == 201
    other = {"event_id": f"{name}2", "kind": "view"}
    result = await post_batch(client, body | {"kind": "play"}, body | other)
    assert [each["outcome"] for each in result["outcomes"]] == ["duplicate", "created"]
    assert [each["event_id"] for each in result["outcomes"]] == [name, f"{name}2"]
    rows = stored(settings)
    assert [row[:4] for row in rows] == [(name, name, name, "play"), (f"{name}2", name, name, "view")]
    assert {row[5] for row in rows} == {name}
    assert (await client.delete(address("events", name))).status_code == 204
    assert len(stored(settings)) == 1


async def test_a_visitor_is_known_by_the_session_alone(client: httpx.AsyncClient, settings: Settings) -> None:
    await add_items(client, "film")
    answer = await client.post("/v1/events", json={"session_id": "s1", "item_id": "film", "kind": "click"})
    assert (answer.status_code, answer.json()["event"]["user_id"]) == (201, None)
    [row] = stored(settings)
    assert (row[1], row[5]) == (None, "s1")
    nobody = await client.post("/v1/events", json={"item_id": "film", "kind": "click"})
    assert problem(nobody) == [("/user_id", "required")]


REFUSED = [
    ({"kind": "stare"}, "/kind", "unknown_kind"),
    ({"kind": "PLAY"}, "/kind", "unknown_kind"),
    ({"kind": ""}, "/kind", "too_short"),
    ({"kind": None}, "/kind", "not_a_string"),
    ({"value": 1.01}, "/value", "off_scale"),
    ({"value": -0.01}, "/value", "off_scale"),
    ({"kind": "purchase", "value": 1e13}, "/value", "number_out_of_range"),
    ({"value": True}, "/value", "not_a_number"),
    ({"item_id": "nowhere"}, "/item_id", "unknown_item"),
    ({"item_id": ""}, "/item_id", "too_short"),
    ({"event_id": "."}, "/event_id", "reserved_id"),
    ({"event_id": "x" * 257}, "/event_id", "too_long"),
    ({"session_id": ""}, "/session_id", "too_short"),
    ({"position": 0}, "/position", None),
    ({"position": 1.5}, "/position", "not_an_integer"),
    ({"position": 2**40}, "/position", None),
    ({"recommendation_id": "x" * 1025}, "/recommendation_id", "too_long"),
    ({"recommendation_id": "rec_1"}, "/recommendation_id", "invalid_recommendation_id"),
    ({"occurred_at": "yesterday"}, "/occurred_at", "not_an_instant"),
    ({"occurred_at": "1899-12-31T23:59:59Z"}, "/occurred_at", "too_early"),
    ({"occurred_at": "2001-01-01T00:00:00Z"}, "/occurred_at", "too_early"),
    ({"occurred_at": "9999-12-31T23:59:59Z"}, "/occurred_at", "in_the_future"),
    ({"weight": 3}, "/weight", "unknown_field"),
]


@pytest.mark.parametrize(("change", "pointer", "code"), REFUSED, ids=[json.dumps(each[0])[:40] for each in REFUSED])
async def test_a_bad_event_is_refused_with_a_pointer_alone_and_in_a_batch(
    client: httpx.AsyncClient, settings: Settings, change: dict[str, Any], pointer: str, code: str | None
) -> None:
    await add_items(client, "film")
    [(found, found_code)] = problem(await post(client, **change))
    assert found == pointer
    assert code is None or found_code == code
    row = {"user_id": "ada", "item_id": "film", "kind": "play"}
    result = await post_batch(client, row | {"event_id": "good"}, row | change, row | {"event_id": "better"})
    assert [each["outcome"] for each in result["outcomes"]] == ["created", "rejected", "created"]
    assert result["counts"] == {"created": 2, "duplicate": 0, "rejected": 1}
    bad = result["outcomes"][1]
    assert (bad["code"], bad["event_id"], bad["position"]) == (found_code, None, 1)
    assert [each["pointer"] for each in bad["errors"]] == [f"/events/1{pointer}"]
    assert [row[0] for row in stored(settings)] == ["better", "good"]


async def test_an_unknown_kind_is_told_the_known_ones(client: httpx.AsyncClient) -> None:
    detail = (await post(client, kind="stare")).json()["errors"][0]["detail"]
    assert all(kind in detail for kind in KINDS)


async def test_every_kind_of_the_table_may_be_sent(client: httpx.AsyncClient, settings: Settings) -> None:
    await add_items(client, "film")
    for kind in KINDS:
        assert (await post(client, kind=kind)).status_code == 201
    assert sorted(row[3] for row in stored(settings)) == sorted(KINDS)


async def test_a_time_just_ahead_of_the_clock_is_taken_and_one_further_is_not(client: httpx.AsyncClient) -> None:
    await add_items(client, "film")
    now = datetime.now(UTC)
    soon = await post(client, occurred_at=(now + timedelta(minutes=4)).isoformat())
    assert soon.status_code == 201
    late = await post(client, occurred_at=(now + timedelta(minutes=6)).isoformat())
    assert problem(late) == [("/occurred_at", "in_the_future")]
    old = await post(client, occurred_at=(now - timedelta(days=729)).isoformat())
    assert old.status_code == 201


async def test_an_event_of_a_deleted_item_is_refused_but_a_retry_is_still_a_retry(client: httpx.AsyncClient) -> None:
    await add_items(client, "film")
    await post(client, event_id="e1")
    await client.delete(address("items", "film"))
    assert problem(await post(client, event_id="e2")) == [("/item_id", "unknown_item")]
    assert (await post(client, event_id="e1")).json()["outcome"] == "duplicate"
    row = {"user_id": "ada", "item_id": "film", "kind": "play"}
    result = await post_batch(client, row | {"event_id": "e1"}, row | {"event_id": "e2"})
    assert [(each["outcome"], each["code"]) for each in result["outcomes"]] == [
        ("duplicate", None), ("rejected", "unknown_item"),
    ]  # fmt: skip


async def test_a_refused_event_creates_no_user(client: httpx.AsyncClient, settings: Settings) -> None:
    await post(client, item_id="nowhere")
    await post_batch(client, {"user_id": "eve", "item_id": "nowhere", "kind": "play"})
    assert settings.database_url is not None
    with psycopg.connect(settings.database_url.get_secret_value()) as connection:
        assert connection.execute("SELECT count(*) FROM users").fetchone() == (0,)


async def test_another_table_of_kinds_replaces_the_first(settings: Settings, start_service: Any) -> None:
    table = EventKinds.model_validate({"listen": {"weight": 1.5, "verb": "listened to"}})
    async with start_service(settings.model_copy(update={"event_kinds": table})) as service:
        await add_items(service.client, "film")
        assert (await post(service.client, kind="listen", value=240.5)).status_code == 201
        assert problem(await post(service.client, kind="play")) == [("/kind", "unknown_kind")]
