"""Lists that are the same for everybody, and every list before the first release."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from anyio import to_thread
from structlog.testing import capture_logs
from trained import (
    Service,
    ServiceStarter,
    address,
    checked,
    fill_database,
    ids,
    item_id,
    problem,
    share_of,
    train_small,
)

from app.config import Settings

pytestmark = pytest.mark.anyio


async def test_the_most_taken_and_liked_are_popular(reading_service: Service) -> None:
    listed = await reading_service.popular(limit=100)
    assert (listed["fallback"], listed["history_size"], listed["degraded"]) == (None, 0, [])
    assert {item_id(taste, 0) for taste in ("Comedy", "Horror", "Western")} <= set(ids(listed)[:10])
    explained = await reading_service.popular(limit=100, explain="true")
    assert ids(explained) == ids(listed)
    for each in explained["items"]:
        assert [reason["kind"] for reason in each["reasons"]] == ["popular"]
        assert sum(each["contributions"].values()) == pytest.approx(each["score"], rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("by", ["hybrid", "content", "collaborative"])
async def test_similar_items_are_alike_and_not_the_item_itself(reading_service: Service, by: str) -> None:
    for taste in ("Comedy", "Horror", "Western"):
        listed = await reading_service.similar(item_id(taste, 1), by=by, limit=10)
        assert share_of(listed, taste) >= (0.5 if by == "collaborative" else 0.9)
        assert item_id(taste, 1) not in ids(await reading_service.similar(item_id(taste, 1), by=by, limit=100))


async def test_similar_in_another_way_is_refused(reading_service: Service) -> None:
    answer = await reading_service.client.get(address("items", item_id("Horror", 1), "similar"), params={"by": "luck"})
    assert problem(answer) == [("/query/by", "not_allowed")]
    longest = await reading_service.client.get(address("items", "x" * 257, "similar"))
    assert problem(longest) == [("/path/item_id", "too_long")]


async def test_head_answers_as_get_without_a_body(reading_service: Service) -> None:
    for url in (address("popular"), address("items", item_id("Horror", 1), "similar")):
        got, head = await reading_service.client.get(url), await reading_service.client.head(url)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-type"] == got.headers["content-type"] == "application/json"
    unknown = await reading_service.client.head(address("items", "nowhere", "similar"))
    assert (unknown.status_code, unknown.content) == (404, b"")


@pytest.fixture
async def before_training(new_service: Service) -> Service:
    """A service with the small catalogue and its ratings, and no release."""
    await to_thread.run_sync(fill_database, new_service.database_url)
    return new_service


async def test_without_anything_lists_are_empty(new_service: Service) -> None:
    for listed in (
        await new_service.recommend("anybody"),
        await new_service.popular(),
        await new_service.recommend_for([{"item_id": "x", "value": 3}]),
    ):
        assert (listed["items"], listed["release"], listed["degraded"]) == ([], None, ["no_release"])


async def test_without_a_release_what_is_popular_comes_from_the_database(before_training: Service) -> None:
    service = before_training
    everything = await service.popular(limit=100)
    assert (everything["release"], everything["degraded"]) == (None, ["no_release"])
    assert {item_id(taste, 0) for taste in ("Comedy", "Horror", "Western")} <= set(ids(everything)[:10])
    rated = await service.like("newcomer", "Horror")
    mine = await service.recommend("newcomer", limit=100)
    assert (mine["fallback"], mine["degraded"]) == ("popularity", ["no_release"])
    assert not set(rated) & set(ids(mine))
    assert set(rated) <= set(ids(await service.recommend("newcomer", limit=100, include_seen="true")))
    await service.client.delete(address("users", "newcomer", "ratings", rated[0]))
    assert set(rated) & set(ids(await service.recommend("newcomer", limit=100))) == {rated[0]}
    posted = await service.recommend_for([{"item_id": rated[1], "value": 5.0}], limit=100)
    assert (posted["fallback"], posted["degraded"]) == ("popularity", ["no_release"])
    assert rated[1] not in ids(posted)
    assert not any("reasons" in each for listed in (everything, mine, posted) for each in listed["items"])


async def test_without_a_release_what_events_say_was_seen_is_left_out(before_training: Service) -> None:
    service = before_training
    bought, disliked, dismissed, expired, played, begun, liked = (item_id("Horror", number) for number in range(7))
    long_ago = (datetime.now(UTC) - timedelta(days=91)).isoformat()
    events: list[dict[str, Any]] = [
        {"kind": "purchase", "item_id": bought},
        {"kind": "dislike", "item_id": disliked},
        {"kind": "dismiss", "item_id": dismissed},
        {"kind": "dismiss", "item_id": expired, "occurred_at": long_ago},
        {"kind": "play", "item_id": played, "value": 0.51},
        {"kind": "play", "item_id": begun, "value": 0.5},
        {"kind": "like", "item_id": liked},
        {"kind": "impression", "item_id": liked},
    ]
    rows = [event | {"user_id": "newcomer"} for event in events]
    answer = await service.client.post("/v1/events:batch", json={"events": rows})
    assert answer.json()["counts"]["created"] == len(rows), answer.text
    everything = ids(await service.recommend("newcomer", limit=100, category="Horror", include_seen="true"))
    mine = ids(await service.recommend("newcomer", limit=100, category="Horror"))
    assert set(everything) - set(mine) == {bought, disliked, dismissed, played}
    assert ids(await service.recommend("another", limit=100, category="Horror")) == everything


async def test_without_a_release_filters_and_explanations_hold(before_training: Service) -> None:
    service = before_training
    every = {each["item_id"]: each["score"] for each in (await service.popular(limit=100))["items"]}

    async def asked(**query: Any) -> list[dict[str, Any]]:
        for listed in (
            await service.recommend("anybody", limit=100, **query),
            await service.popular(limit=100, **query),
        ):
            assert all(each["score"] == every.get(each["item_id"], each["score"]) for each in listed["items"])
        return listed["items"]

    comedies = await asked(category="Comedy")
    assert len(comedies) == 40
    assert all("Comedy" in each["item"]["categories"] for each in comedies)
    assert await asked(category=["Comedy", "Western"], exclude_category="Western") == [
        {**each, "rank": rank} for rank, each in enumerate(comedies, 1)
    ]
    assert await asked(category="Nothing of the kind") == []
    rest = await asked(category="Comedy", exclude_item=[comedies[0]["item_id"], "nowhere"])
    assert [each["item_id"] for each in rest] == [each["item_id"] for each in comedies[1:]]
    days = [each["item"]["released_on"] for each in await asked(released_from="1990-06-15", released_to="1995-06-15")]
    assert {date.fromisoformat(day).year for day in days} == set(range(1990, 1996)) - {1989}
    for each in await asked(explain="true"):
        assert [reason["kind"] for reason in each["reasons"]] == ["popular"]
        assert each["contributions"] == {"popularity": each["score"]}


async def test_without_a_release_items_come_and_go_at_once(before_training: Service) -> None:
    service = before_training
    await service.put_item("a/b \U0001f3ac", title="New", categories=["New"])
    assert ids(await service.popular(category="New")) == ["a/b \U0001f3ac"]
    await service.put_item("a/b \U0001f3ac", title="New", categories=["New"], hidden=True)
    assert ids(await service.popular(category="New")) == []
    await service.put_item("a/b \U0001f3ac", title="New", categories=["New"])
    await service.delete_item("a/b \U0001f3ac")
    assert ids(await service.popular(category="New")) == []


async def test_without_a_release_what_is_popular_in_its_categories_is_like_an_item(before_training: Service) -> None:
    service, item = before_training, item_id("Horror", 0)
    await service.put_item(item, title="Alike", categories=["Horror"])
    listed = await service.similar(item, limit=30, explain="true")
    assert (listed["fallback"], listed["degraded"], listed["release"]) == ("popularity", ["no_release"], None)
    horror = ids(await service.popular(category="Horror", limit=40))
    assert ids(listed) == [each for each in horror if each != item][:30]
    later = await service.similar(item, limit=30, cursor=listed["next_cursor"])
    assert ids(listed) + ids(later) == [each for each in horror if each != item]
    assert set(ids(await service.similar(item, released_from="2000-01-01"))) < set(horror)
    assert ids(await service.similar(item, exclude_category="Horror")) == []
    await service.put_item("bare", title="No category")
    assert ids(await service.similar("bare")) == []
    await service.delete_item("bare")
    for unknown in ("nobody-knows", "bare"):
        answer = await service.client.get(address("items", unknown, "similar"))
        assert (problem(answer, 404), answer.json()["code"]) == ([], "unknown_item")


async def test_the_first_release_is_taken_when_it_comes_even_after_a_broken_one(before_training: Service) -> None:
    service = before_training
    artifacts: Path = service.settings.data_dir / "artifacts"
    broken = await to_thread.run_sync(train_small, service.database_url, artifacts)
    (broken.location / "manifest.json").write_text("{}")
    with capture_logs() as logs:
        await service.live.look()
    assert [each["release"] for each in logs if each["event"] == "live_engine.release_refused"] == [broken.release]
    listed = await service.recommend("anybody")
    assert (listed["release"], listed["degraded"], listed["fallback"]) == (None, ["no_release"], "popularity")
    assert (await service.client.get("/health/ready")).status_code == 200

    good = await to_thread.run_sync(train_small, service.database_url, artifacts)
    await service.live.look()
    listed = await service.recommend("anybody")
    assert (listed["release"], listed["degraded"]) == (good.release, [])


async def test_a_service_that_starts_with_a_broken_release_serves_what_is_popular(
    trained_settings: Settings, start_service: ServiceStarter
) -> None:
    assert trained_settings.database_url is not None
    with psycopg.connect(trained_settings.database_url.get_secret_value(), autocommit=True) as connection:
        connection.execute("UPDATE releases SET location = location || '-that-is-gone'")
    async with start_service(trained_settings) as service:
        for listed in (await service.recommend("anybody"), await service.popular()):
            assert (listed["release"], listed["degraded"], len(listed["items"])) == (None, ["no_release"], 20)


async def test_every_list_is_described_as_a_ranked_list(reading_service: Service) -> None:
    document = (await reading_service.client.get("/openapi.json")).json()
    answers: list[httpx.Response] = []
    for path, method in (
        ("/v1/users/{user_id}/recommendations", "get"),
        ("/v1/recommendations", "post"),
        ("/v1/items/{item_id}/similar", "get"),
        ("/v1/popular", "get"),
    ):
        schema = document["paths"][path][method]["responses"]["200"]["content"]["application/json"]["schema"]
        assert schema == {"$ref": "#/components/schemas/RankedList"}
        url = "http://medley.test" + path.format(user_id="any", item_id=item_id("Horror", 1))
        answers.append(
            await reading_service.client.request(method, url, json={"history": []} if method == "post" else None)
        )
    required = set(document["components"]["schemas"]["RankedList"]["required"])
    for answer in answers:
        assert set(checked(answer)) == required
