"""A visitor logs in: what they did goes to the user, and the former id stands for that user."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
from anyio import to_thread
from trained import Service, address, ids, item_id, problem

from app.db import open_sync_engine
from app.services.limited_users import LimitedUsers
from training.retention import delete_old_aliases

pytestmark = pytest.mark.anyio


def of(user: str, rest: str) -> httpx.URL:
    """An address of a user with an action behind the id."""
    url = address("users", user)
    return url.copy_with(raw_path=url.raw_path + rest.encode())


async def merge(service: Service, user: str, former: str) -> httpx.Response:
    return await service.client.post(of(user, ":merge"), json={"from_user_id": former})


async def merged(service: Service, user: str, former: str) -> dict[str, Any]:
    answer = await merge(service, user, former)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def get(service: Service, user: str, rest: str = "", **query: Any) -> dict[str, Any]:
    answer = await service.client.get(of(user, rest), params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def put_rating(service: Service, user: str, item: str, value: float, day: int) -> None:
    body = {"value": value, "rated_at": f"2026-05-{day:02}T00:00:00Z"}
    answer = await service.client.put(address("users", user, "ratings", item), json=body)
    assert answer.status_code in {200, 201}, answer.text


async def send_event(service: Service, user: str, item: str, event_id: str, **fields: Any) -> httpx.Response:
    body = {"user_id": user, "item_id": item, "kind": "play", "value": 0.9, "event_id": event_id} | fields
    return await service.client.post("/v1/events", json=body)


async def test_everything_goes_to_the_user(reading_service: Service) -> None:
    user, former = "merged/user", "visitor é 1"
    shared, newer, undone, alone = (item_id("Horror", n) for n in range(4))
    await put_rating(reading_service, user, shared, 1.0, day=3)
    await put_rating(reading_service, former, shared, 5.0, day=2)
    await put_rating(reading_service, user, newer, 1.0, day=2)
    await put_rating(reading_service, former, newer, 5.0, day=3)
    await put_rating(reading_service, user, undone, 4.0, day=2)
    await put_rating(reading_service, former, undone, 5.0, day=3)
    assert (await reading_service.client.delete(address("users", former, "ratings", undone))).status_code == 204
    await put_rating(reading_service, former, alone, 4.5, day=1)
    shown = await reading_service.recommend(former, limit=1)
    seen = {"recommendation_id": shown["recommendation_id"], "position": 1, "kind": "impression", "value": None}
    assert (await send_event(reading_service, former, ids(shown)[0], "merge-seen", **seen)).status_code == 201
    assert (await send_event(reading_service, former, item_id("Comedy", 5), "merge-play")).status_code == 201
    await reading_service.client.put(address("users", former), json={"attributes": {"club": "Horror", "of": "visitor"}})
    await reading_service.client.put(address("users", user), json={"attributes": {"of": "user"}})
    for name, days in (("Film", None), ("Western", 5)):
        path = address("users", former, "suppressions", "categories", name)
        await reading_service.client.put(path, json={"days": days} if days else {})
        await reading_service.client.put(address("users", user, "suppressions", "categories", name), json={"days": 3})
    limits = {"limits": {"max_duration": 100}}
    await reading_service.client.put(address("users", former, "preferences"), json=limits)

    done = await merged(reading_service, user, former)
    assert {name: done[name] for name in ("outcome", "user_id", "from_user_id", "event_count")} == {
        "outcome": "merged", "user_id": user, "from_user_id": former, "event_count": 2,
    }  # fmt: skip
    assert timedelta(days=89) < datetime.fromisoformat(done["alias_until"]) - datetime.now(UTC) < timedelta(days=91)
    for name in (user, former):
        ratings = {each["item_id"]: each["value"] for each in (await get(reading_service, name, "/ratings"))["ratings"]}
        assert ratings == {shared: 1.0, newer: 5.0, alone: 4.5}
        found = await get(reading_service, name)
        assert (found["user_id"], found["rating_count"], found["event_count"]) == (user, 3, 1)
        assert (found["attributes"], found["has_limits"]) == ({"club": "Horror", "of": "user"}, True)
        assert (await get(reading_service, name, "/preferences"))["limits"]["max_duration"] == 100
        suppressed = (await get(reading_service, name, "/suppressions"))["suppressions"]
        ends = {each["id"]: each["expires_at"] for each in suppressed}
        assert ends["Film"] is None
        assert timedelta(days=4) < datetime.fromisoformat(ends["Western"]) - datetime.now(UTC)
    one, other = await reading_service.recommend(user), await reading_service.recommend(former)
    assert (one["items"], one["history_size"]) == (other["items"], 4)
    with psycopg.connect(reading_service.database_url) as connection:
        viewers = connection.execute(
            "SELECT users.id FROM exposures JOIN users ON users.key = viewer WHERE users.id = ANY (%s)",
            [[user, former]],
        ).fetchall()
        assert viewers == [(user,)]


async def test_writes_to_the_former_id_go_to_the_user(reading_service: Service) -> None:
    user, former = "writes to", "writes of"
    await reading_service.rate(user, item_id("Horror", 0))
    assert (await send_event(reading_service, former, item_id("Horror", 9), "alias-1")).status_code == 201
    await merged(reading_service, user, former)
    again = await send_event(reading_service, former, item_id("Horror", 9), "alias-1")
    assert (again.status_code, again.json()["outcome"]) == (200, "duplicate")
    batch = {
        "events": [
            {"user_id": former, "item_id": item_id("Horror", 9), "kind": "play", "value": 0.9, "event_id": "alias-1"}
        ]
    }
    assert (await reading_service.client.post("/v1/events:batch", json=batch)).json()["counts"]["duplicate"] == 1
    await reading_service.rate(former, item_id("Horror", 1))
    rows = [
        {"user_id": name, "item_id": item_id("Horror", 2), "value": value} for name, value in ((former, 2), (user, 3))
    ]
    answer = (await reading_service.client.post("/v1/ratings:batch", json={"ratings": rows})).json()["counts"]
    assert (answer["created"], answer["superseded"]) == (1, 1)
    assert (await send_event(reading_service, former, item_id("Horror", 3), "alias-2")).status_code == 201
    await reading_service.client.patch(address("users", former), json={"attributes": {"late": True}})
    path = address("users", former, "suppressions", "items", item_id("Horror", 4))
    assert (await reading_service.client.put(path, json={})).status_code == 200
    found = await get(reading_service, user)
    assert (found["rating_count"], found["event_count"], found["attributes"]) == (3, 2, {"late": True})
    assert len((await get(reading_service, user, "/suppressions"))["suppressions"]) == 1
    assert (await reading_service.client.delete(path)).status_code == 204
    assert (
        await reading_service.client.delete(address("users", former, "ratings", item_id("Horror", 1)))
    ).status_code == 204
    assert (await get(reading_service, user))["rating_count"] == 2
    with psycopg.connect(reading_service.database_url) as connection:
        assert connection.execute("SELECT count(*) FROM users WHERE id = %s", [former]).fetchone() == (0,)


async def test_merging_again_in_chains_and_in_circles(reading_service: Service) -> None:
    await reading_service.rate("chain-1", item_id("Horror", 0))
    first = await merged(reading_service, "chain-2", "chain-1")
    again = await merged(reading_service, "chain-2", "chain-1")
    assert again == first | {"outcome": "unchanged", "rating_count": 0}
    await merged(reading_service, "chain-3", "chain-2")
    assert (await merged(reading_service, "chain-1", "chain-2"))["outcome"] == "unchanged"
    circle = await merged(reading_service, "chain-1", "chain-3")
    assert (circle["outcome"], circle["user_id"], circle["alias_until"]) == ("unchanged", "chain-3", None)
    for name in ("chain-1", "chain-2", "chain-3"):
        assert (await get(reading_service, name))["user_id"] == "chain-3"
    stolen = await merge(reading_service, "somebody else", "chain-1")
    assert problem(stolen, 409) == [("/from_user_id", "already_merged")]
    assert (await get(reading_service, "chain-1"))["rating_count"] == 1
    assert problem(await merge(reading_service, "chain-3", "chain-3")) == [("/from_user_id", "same_user")]
    onto = await merged(reading_service, "chain-2", "chain-0")
    assert (onto["user_id"], onto["rating_count"]) == ("chain-3", 0)
    await reading_service.rate("chain-0", item_id("Horror", 5))
    assert (await get(reading_service, "chain-3"))["rating_count"] == 2
    refused = await reading_service.client.delete(address("users", "chain-1"))
    assert (refused.status_code, refused.json()["code"]) == (409, "merged_user")
    assert (await get(reading_service, "chain-3"))["rating_count"] == 2
    assert (await reading_service.client.delete(address("users", "chain-3"))).status_code == 204
    for name in ("chain-0", "chain-1", "chain-2", "chain-3"):
        assert (await reading_service.client.get(address("users", name))).status_code == 404
    await reading_service.rate("chain-1", item_id("Horror", 5))
    assert (await get(reading_service, "chain-1"))["user_id"] == "chain-1", "erasure takes the aliases along"


async def test_an_alias_runs_out(reading_service: Service) -> None:
    await reading_service.rate("out of", item_id("Horror", 0))
    await merged(reading_service, "run out", "out of")
    with psycopg.connect(reading_service.database_url, autocommit=True) as connection:
        connection.execute("UPDATE user_aliases SET expires_at = now() - interval '1 second' WHERE id = 'out of'")
    assert (await reading_service.client.get(address("users", "out of"))).status_code == 404
    assert (await reading_service.recommend("out of"))["history_size"] == 0
    await reading_service.rate("out of", item_id("Horror", 1))
    assert (await get(reading_service, "run out"))["rating_count"] == 1
    await _state_limits(reading_service, "run out", limits={})
    await _state_limits(reading_service, "out of", limits={"max_duration": 100})
    limited = LimitedUsers(reading_service.app.state.services.database.sessions, 60)
    await limited.refresh()
    assert [limited.may_be_limited(name) for name in ("run out", "out of")] == [False, True]
    again = await merged(reading_service, "run out", "out of")
    assert (again["outcome"], again["rating_count"]) == ("merged", 1)

    def clean_up() -> tuple[int, int]:
        with open_sync_engine(reading_service.database_url) as engine:
            none = delete_old_aliases(engine, now=datetime.now(UTC))
            return none, delete_old_aliases(engine, now=datetime.now(UTC) + timedelta(days=91), rows=1)

    with psycopg.connect(reading_service.database_url) as connection:
        (there,) = connection.execute("SELECT count(*) FROM user_aliases").fetchone() or (0,)
    assert await to_thread.run_sync(clean_up) == (0, there)


async def _state_limits(service: Service, user: str, limits: dict[str, Any]) -> None:
    answer = await service.client.put(address("users", user, "preferences"), json={"limits": limits})
    assert answer.status_code == 200, answer.text


async def test_nothing_is_lost_while_a_visitor_logs_in(reading_service: Service) -> None:
    """Writes to the former id, before, during and after the merge: each that was acknowledged is the user's."""
    user, former = "busy user", "busy visitor"
    await reading_service.rate(former, item_id("Western", 39))
    items = [item_id("Western", number) for number in range(12)]
    writes = [reading_service.rate(former, item) for item in items[:6]]
    writes += [_sent(reading_service, former, item) for item in items[6:]]
    await asyncio.gather(*writes[::2], _merge_soon(reading_service, user, former), *writes[1::2])
    found = await get(reading_service, user)
    assert (found["rating_count"], found["event_count"]) == (7, 6)
    with psycopg.connect(reading_service.database_url) as connection:
        assert connection.execute("SELECT count(*) FROM users WHERE id = %s", [former]).fetchone() == (0,)


async def _sent(service: Service, user: str, item: str) -> None:
    answer = await send_event(service, user, item, f"busy {item}")
    assert answer.status_code == 201, answer.text


async def _merge_soon(service: Service, user: str, former: str) -> None:
    assert (await merged(service, user, former))["outcome"] == "merged"
