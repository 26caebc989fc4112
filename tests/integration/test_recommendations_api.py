"""Recommendations over HTTP, by a service that was really trained."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
from trained import Service, address, checked, ids, item_id, share_of

from app.engine.signals import SIGNALS

pytestmark = pytest.mark.anyio

ODD_IDS = ["a/b", "/", "a b", "%2F", "100%", "popular", "recommendations", "\U0001f3ac", "x" * 256, "\U0001f3ac" * 256,
           "a?b#c", "recommendations:batch", "...", "a\\b", "e\u0301", "a+b&c=d", "a\tb"]  # fmt: skip


def scores(listed: dict[str, Any]) -> dict[str, float]:
    return {each["item_id"]: each["score"] for each in listed["items"]}


async def test_three_ratings_make_the_next_list_personal(reading_service: Service) -> None:
    before = await reading_service.recommend("newcomer", limit=100)
    assert (before["fallback"], before["history_size"], before["degraded"]) == ("popularity", 0, [])

    rated = await reading_service.like("newcomer", "Horror")
    after = await reading_service.recommend("newcomer", limit=10)

    assert share_of(before, "Horror") < 0.5
    assert share_of(after, "Horror") >= 0.9
    assert not set(rated) & set(ids(after))
    assert (after["fallback"], after["history_size"], after["degraded"]) == (None, 3, [])
    assert after["release"] == before["release"] is not None


async def test_two_tastes_get_different_lists(reading_service: Service) -> None:
    lists = {}
    for taste in ("Comedy", "Western"):
        await reading_service.like(f"lover of {taste}", taste)
        lists[taste] = await reading_service.recommend(f"lover of {taste}", limit=10)
        assert share_of(lists[taste], taste) >= 0.9
    assert not set(ids(lists["Comedy"])[:5]) & set(ids(lists["Western"])[:5])


async def test_a_user_who_dislikes_what_was_liked_gets_another_list(reading_service: Service) -> None:
    await reading_service.like("fickle", "Horror")
    liking = await reading_service.recommend("fickle", limit=10)
    await reading_service.rate("fickle", *(item_id("Horror", n) for n in range(3)), value=0.5)
    await reading_service.like("fickle", "Comedy")
    disliking = await reading_service.recommend("fickle", limit=10)
    assert share_of(disliking, "Comedy") > share_of(liking, "Comedy")
    assert share_of(disliking, "Horror") < share_of(liking, "Horror")


async def test_one_rating_speaks_for_its_kind_or_against_it(reading_service: Service) -> None:
    nobody = await reading_service.recommend("no ratings at all", limit=40)
    lists: dict[float, dict[str, Any]] = {}
    for value in (5.0, 0.5):
        await reading_service.rate(f"gave {value:g} once", item_id("Horror", 3), value=value)
        lists[value] = await reading_service.recommend(f"gave {value:g} once", limit=40, explain="true")
    assert share_of(lists[0.5], "Horror") < share_of(nobody, "Horror") < share_of(lists[5.0], "Horror")
    horror = [each for each in lists[0.5]["items"] if "Horror" in each["item"]["categories"]]
    assert all(each["contributions"].get(name, 0) <= 0 for each in horror for name in ("item_to_item", "next_item"))


async def test_a_rated_item_is_out_until_asked_for_or_taken_back(reading_service: Service) -> None:
    rated = await reading_service.like("collector", "Western")
    assert not set(rated) & set(ids(await reading_service.recommend("collector", limit=100)))
    assert set(rated) <= set(ids(await reading_service.recommend("collector", limit=100, include_seen="true")))

    answer = await reading_service.client.delete(address("users", "collector", "ratings", rated[0]))
    assert answer.status_code == 204
    listed = await reading_service.recommend("collector", limit=100)
    assert set(rated) & set(ids(listed)) == {rated[0]}
    assert listed["history_size"] == 2

    for item in rated[1:]:
        await reading_service.client.delete(address("users", "collector", "ratings", item))
    assert (await reading_service.recommend("collector"))["fallback"] == "popularity"


async def test_a_batch_of_ratings_counts_at_once(reading_service: Service) -> None:
    batch = [{"user_id": "batched", "item_id": item_id("Comedy", n), "value": 4.5} for n in range(5)]
    answer = await reading_service.client.post("/v1/ratings:batch", json={"ratings": batch})
    assert answer.json()["counts"]["created"] == 5
    listed = await reading_service.recommend("batched", limit=10)
    assert listed["history_size"] == 5
    assert share_of(listed, "Comedy") >= 0.9
    assert not {row["item_id"] for row in batch} & set(ids(listed))


async def test_what_is_seen_has_no_limit_but_the_history_has(service: Service) -> None:
    items = [{"item_id": f"many-{n:03}", "title": f"Many {n}", "categories": ["Horror"]} for n in range(520)]
    assert (await service.client.post("/v1/items:batch", json={"items": items})).json()["counts"]["created"] == 520
    first = datetime(2020, 1, 1, tzinfo=UTC)
    batch = [
        {"user_id": "fan", "item_id": each["item_id"], "value": 4.0, "rated_at": (first + timedelta(n)).isoformat()}
        for n, each in enumerate(items)
    ]
    assert (await service.client.post("/v1/ratings:batch", json={"ratings": batch})).status_code == 200
    listed = await service.recommend("fan", limit=100)
    assert listed["history_size"] == 500
    assert not [item for item in ids(listed) if item.startswith("many-")]
    assert len(ids(listed)) == 100


async def test_times_and_headers(reading_service: Service) -> None:
    before = datetime.now(UTC)
    answer = await reading_service.client.get(address("users", "timed", "recommendations"))
    listed = checked(answer)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    for name in ("as_of", "generated_at"):
        assert listed[name].endswith("Z")
        assert before <= datetime.fromisoformat(listed[name]) <= datetime.now(UTC)
    assert len(listed["items"]) == 20
    head = await reading_service.client.head(address("users", "timed", "recommendations"))
    assert (head.status_code, head.content, head.headers["cache-control"]) == (200, b"", "no-store")
    posted = await reading_service.client.post("/v1/recommendations", json={"history": []})
    assert posted.headers["cache-control"] == "no-store"


async def test_contributions_add_up_and_reasons_name_what_was_liked(reading_service: Service) -> None:
    liked = await reading_service.like("curious", "Horror", range(4))
    await reading_service.rate("curious", item_id("Comedy", 1), value=1.0)
    listed = await reading_service.recommend("curious", limit=60, explain="true")
    kinds = set()
    for each in listed["items"]:
        total = sum(each["contributions"].values())
        assert total == pytest.approx(each["score"], rel=1e-4, abs=1e-5)
        assert 1 <= len(each["reasons"]) <= 2
        for reason in each["reasons"]:
            kinds.add(reason["kind"])
            if reason["kind"] == "because_you_rated":
                assert reason["item_id"] in liked
                assert reason["value"] == 5.0
                assert reason["text"] == f"Because you rated {reason['title']} 5 stars"
    assert "because_you_rated" in kinds
    named = {name for each in listed["items"] for name in each["contributions"]}
    assert {"collaborative", "next_item"} <= named <= set(SIGNALS)
    plain = await reading_service.recommend("curious", limit=60)
    assert scores(plain) == scores(listed)
    assert not any("reasons" in each or "contributions" in each for each in plain["items"])


async def test_a_reason_tells_the_very_value_and_title(reading_service: Service) -> None:
    await reading_service.rate("exact", item_id("Western", 3), value=4.3)
    listed = await reading_service.recommend("exact", limit=1, explain="true")
    item = (await reading_service.client.get(address("items", item_id("Western", 3)))).json()
    reason = listed["items"][0]["reasons"][0]
    assert (reason["item_id"], reason["title"], reason["value"]) == (item_id("Western", 3), item["title"], 4.3)
    assert reason["text"] == f"Because you rated {item['title']} 4.3 stars"


async def test_who_has_no_history_is_told_that_it_is_popular(reading_service: Service) -> None:
    listed = await reading_service.recommend("nobody", explain="true")
    for each in listed["items"]:
        assert [reason["kind"] for reason in each["reasons"]] == ["popular"]
        assert sum(each["contributions"].values()) == pytest.approx(each["score"], rel=1e-4)
        assert set(each["contributions"]) == {"popularity"}
    assert ids(listed) == ids(await reading_service.popular())


@pytest.mark.parametrize("signals", [["popularity"], ["content"], ["collaborative", "content"]])
async def test_only_the_signals_asked_for_contribute(reading_service: Service, signals: list[str]) -> None:
    await reading_service.like("choosy", "Western")
    listed = await reading_service.recommend("choosy", signals=signals, explain="true", limit=50)
    assert {name for each in listed["items"] for name in each["contributions"]} == set(signals)
    for each in listed["items"]:
        assert sum(each["contributions"].values()) == pytest.approx(each["score"], rel=1e-4, abs=1e-5)


async def test_a_user_with_an_odd_id_is_served_like_any_other(reading_service: Service) -> None:
    for user in ODD_IDS:
        rated = await reading_service.like(user, "Comedy", range(2))
        listed = await reading_service.recommend(user, limit=100, include_seen="false")
        assert listed["history_size"] == 2, user
        assert not set(rated) & set(ids(listed))


async def test_a_posted_history_ranks_as_the_stored_one_does(reading_service: Service) -> None:
    numbers = range(6)
    stored = [(item_id("Western", n), 3.0 + n / 4, f"2026-10-{n + 1:02}T00:00:00Z") for n in numbers]
    rows = [{"user_id": "twin", "item_id": i, "value": v, "rated_at": t} for i, v, t in stored]
    await reading_service.client.post("/v1/ratings:batch", json={"ratings": rows})
    known = await reading_service.recommend("twin", limit=100, explain="true")
    history = [{"item_id": i, "value": v, "rated_at": t} for i, v, t in stored]
    for each in (history, history[::-1]):
        visitor = await reading_service.recommend_for(each, limit=100, explain="true")
        assert visitor["items"] == known["items"]
        assert visitor["history_size"] == 6
    undated = [{"item_id": i, "value": v} for i, v, _ in stored]
    assert (await reading_service.recommend_for(undated, limit=100, explain="true"))["items"] == known["items"]


async def test_a_posted_history_is_not_stored(reading_service: Service) -> None:
    def counts() -> tuple[int, ...]:
        with psycopg.connect(reading_service.database_url) as connection:
            query = "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM ratings), (SELECT count(*) FROM events)"
            return tuple(connection.execute(query).fetchone() or ())

    before = counts()
    await reading_service.recommend_for([{"item_id": item_id("Horror", 1), "value": 5}])
    assert counts() == before


async def test_of_a_posted_history_the_newest_duplicate_counts_and_unknown_items_do_not(
    reading_service: Service,
) -> None:
    liked, other = item_id("Horror", 1), item_id("Comedy", 1)
    once = await reading_service.recommend_for([{"item_id": other, "value": 2.0}, {"item_id": liked, "value": 5.0}])
    later, sooner = "2026-02-01T00:00:00Z", "2026-01-01T00:00:00Z"
    dated = [
        {"item_id": liked, "value": 5.0, "rated_at": later},
        {"item_id": liked, "value": 1.0, "rated_at": sooner},
        {"item_id": "nowhere", "value": 1.0},
        {"item_id": other, "value": 2.0, "rated_at": sooner},
    ]
    repeated = await reading_service.recommend_for(dated)
    assert scores(repeated) == scores(once)
    assert repeated["history_size"] == 2
    undated = [{"item_id": other, "value": 2.0}, {"item_id": liked, "value": 1.0}, {"item_id": liked, "value": 5.0}]
    assert scores(await reading_service.recommend_for(undated)) == scores(once)
    unknown = await reading_service.recommend_for([{"item_id": "nowhere", "value": 5.0}])
    assert (unknown["fallback"], unknown["history_size"]) == ("popularity", 0)


async def test_an_undated_entry_is_newer_than_every_one_before_it(reading_service: Service) -> None:
    newest, oldest = "2026-02-01T00:00:00Z", "2026-01-01T00:00:00Z"
    names = [item_id("Horror", 1), item_id("Comedy", 1), item_id("Western", 1)]
    mixed = [
        {"item_id": names[0], "value": 4.0, "rated_at": newest},
        {"item_id": names[1], "value": 4.5, "rated_at": oldest},
        {"item_id": names[2], "value": 5.0},
    ]
    plain = [
        {"item_id": names[1], "value": 4.5},
        {"item_id": names[0], "value": 4.0},
        {"item_id": names[2], "value": 5.0},
    ]
    assert scores(await reading_service.recommend_for(mixed)) == scores(await reading_service.recommend_for(plain))


async def test_readers_and_writers_at_once_get_lists_only(reading_service: Service) -> None:
    async def one(number: int) -> httpx.Response:
        await reading_service.rate(f"busy-{number % 7}", item_id("Horror", number))
        return await reading_service.client.get(address("users", f"busy-{number % 7}", "recommendations"))

    for answer in await asyncio.gather(*(one(n) for n in range(30))):
        checked(answer)
