"""Users: attributes, what is known of one, neighbours, erasure; and what a posted history may state."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import numpy as np
import psycopg
import pytest
from psycopg import sql
from trained import Service, address, checked, ids, item_id, problem, share_of

pytestmark = pytest.mark.anyio


async def get(service: Service, *path: str, **query: Any) -> dict[str, Any]:
    answer = await service.client.get(address("users", *path), params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def write(service: Service, method: str, user: str, **attributes: Any) -> httpx.Response:
    return await service.client.request(method, address("users", user), json={"attributes": attributes})


async def test_attributes_are_replaced_and_patched(service: Service) -> None:
    answer = await write(service, "PUT", "a/b", country="DE", age_group="18-24", nested={"a": [1]})
    assert (answer.status_code, answer.json()["outcome"]) == (201, "created")
    answer = await write(service, "PATCH", "a/b", age_group=None, country="FR", vip=True)
    assert (answer.status_code, answer.json()["outcome"]) == (200, "updated")
    stored = {"country": "FR", "nested": {"a": [1]}, "vip": True}
    assert answer.json()["attributes"] == (await get(service, "a/b"))["attributes"] == stored
    assert (await write(service, "PUT", "a/b")).json()["attributes"] == {}
    assert (await write(service, "PATCH", "new by patch", country="FR")).status_code == 201


async def test_attributes_are_bounded(reading_service: Service) -> None:
    assert problem(await write(reading_service, "PUT", "big", text="x" * 8_192)) == [("/attributes", "too_long")]
    assert (await write(reading_service, "PUT", "big", text="x" * 8_000)).status_code == 201
    assert problem(await write(reading_service, "PATCH", "big", more="x" * 200)) == [("/attributes", "too_long")]
    missing = await reading_service.client.put(address("users", "big"), json={})
    assert problem(missing) == [("/attributes", "required")]


async def test_what_is_known_of_a_user(reading_service: Service) -> None:
    unknown = await reading_service.client.get(address("users", "unheard of"))
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_user")
    await reading_service.like("known", "Horror", range(4))
    await reading_service.rate("known", item_id("Comedy", 0), value=1.0)
    await reading_service.rate("known", item_id("Comedy", 1), value=1.0)
    await reading_service.client.delete(address("users", "known", "ratings", item_id("Comedy", 1)))
    early = datetime.now(UTC) - timedelta(days=30)
    for kind in ("play", "impression"):
        event = {"user_id": "known", "kind": kind, "item_id": item_id("Western", 0), "occurred_at": early.isoformat()}
        assert (await reading_service.client.post("/v1/events", json=event)).status_code == 201
    found = await get(reading_service, "known")
    assert (found["rating_count"], found["rating_mean"], found["event_count"]) == (5, 4.2, 1)
    assert [each["name"] for each in found["favourite_categories"]] == ["Film", "Horror"]
    assert datetime.fromisoformat(found["first_active_at"]) == early
    assert found["first_active_at"] < found["last_active_at"]
    assert (found["has_preferences"], found["has_limits"], found["attributes"]) == (False, False, {})
    limits = {"limits": {"max_duration": 100}}
    assert (await reading_service.client.put(address("users", "known", "preferences"), json=limits)).status_code == 200
    found = await get(reading_service, "known")
    assert (found["has_preferences"], found["has_limits"]) == (True, True)


async def test_neighbours_share_rare_items_and_rate_them_alike(service: Service) -> None:
    rare = [item_id("Horror", number) for number in (36, 37, 38, 39)]
    await service.rate("me", *rare)
    await service.rate("twin", *rare)
    await service.rate("opposite", *rare, value=0.5)
    await service.rate("half", *rare[:2], item_id("Comedy", 0))
    found = (await get(service, "me", "neighbours", limit=100))["neighbours"]
    similarity = {each["user_id"]: each["similarity"] for each in found}
    assert "me" not in similarity
    assert found[0]["user_id"] == "twin"
    assert (found[0]["similarity"], found[0]["common_items"], set(found[0]["item_ids"])) == (1.0, 4, set(rare))
    assert similarity["twin"] > similarity["half"] > similarity.get("opposite", 0)
    assert [each["similarity"] for each in found] == sorted((each["similarity"] for each in found), reverse=True)
    assert len((await get(service, "me", "neighbours", limit=1))["neighbours"]) == 1
    assert await get(service, "nobody at all", "neighbours") == {"neighbours": []}


async def test_who_has_rated_what_one_other_has_finds_that_one(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The release counts one rating of the item, of the other user: that of who asks has come since."""
    lonely = item_id("Horror", 39)
    with psycopg.connect(service.database_url) as connection:
        connection.execute("DELETE FROM ratings WHERE item_key = (SELECT key FROM items WHERE id = %s)", [lonely])
    await service.rate("the other", lonely)
    await service.rate("who asks", lonely)
    assert service.live.serving is not None
    ones = np.ones(len(service.live.serving.catalogue.rating_counts), np.int64)
    monkeypatch.setattr(type(service.live.serving.catalogue), "rating_counts", ones)
    (found,) = (await get(service, "who asks", "neighbours"))["neighbours"]
    assert (found["user_id"], found["item_ids"]) == ("the other", [lonely])


async def test_erasure_leaves_nothing(reading_service: Service) -> None:
    await reading_service.like("gone", "Horror")
    await write(reading_service, "PUT", "gone", country="DE")
    event = {"user_id": "gone", "kind": "like", "item_id": item_id("Western", 0)}
    assert (await reading_service.client.post("/v1/events", json=event)).status_code == 201
    preferences = {"liked": {"categories": ["Horror"]}}
    assert (
        await reading_service.client.put(address("users", "gone", "preferences"), json=preferences)
    ).status_code == 200
    with psycopg.connect(reading_service.database_url) as connection:
        key = connection.execute("SELECT key FROM users WHERE id = 'gone'").fetchone()
        for _ in range(2):
            assert (await reading_service.client.delete(address("users", "gone"))).status_code == 204
        for table in ("ratings", "events", "user_wishes"):
            query = sql.SQL("SELECT count(*) FROM {} WHERE user_key = %s").format(sql.Identifier(table))
            assert connection.execute(query, key).fetchone() == (0,)
    assert (await reading_service.client.get(address("users", "gone"))).status_code == 404
    assert (await reading_service.recommend("gone"))["fallback"] == "popularity"
    await reading_service.like("gone", "Comedy")
    assert (await get(reading_service, "gone"))["rating_count"] == 3


async def test_a_visitor_may_state_preferences_with_a_posted_history(reading_service: Service) -> None:
    async def post(history: list[dict[str, Any]], **preferences: Any) -> dict[str, Any]:
        body = {"history": history, "preferences": preferences}
        answer = await reading_service.client.post("/v1/recommendations", json=body, params={"limit": 10})
        return checked(answer)

    liked = await post([], liked={"categories": ["Western"]}, limits={"exclude_categories": ["Comedy"]})
    assert (liked["fallback"], liked["history_size"]) == ("preferences", 0)
    assert share_of(liked, "Western") >= 0.8
    both = await post([{"item_id": item_id("Horror", 0), "value": 5.0}], limits={"exclude_categories": ["Horror"]})
    assert (both["fallback"], both["history_size"], share_of(both, "Horror")) == (None, 1, 0)
    unknown = await post([], liked={"items": ["no-such", item_id("Horror", 1)]})
    assert share_of(unknown, "Horror") >= 0.8
    assert item_id("Horror", 1) not in ids(unknown)
    refused = await reading_service.client.post("/v1/recommendations", json={"history": [], "preferences": {"x": 1}})
    assert problem(refused) == [("/preferences/x", "unknown_field")]
