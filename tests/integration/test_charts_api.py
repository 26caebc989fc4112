"""What is popular in a period, on the rise and new; the categories; and the rows of a home page."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from anyio import to_thread
from trained import NEWEST, TASTES, Service, address, checked, fill_database, ids, item_id, problem, train_small

pytestmark = pytest.mark.anyio

RISING = item_id("Western", 38)
NOW = datetime.now(UTC)


async def chart(service: Service, name: str, **query: Any) -> dict[str, Any]:
    return checked(await service.client.get(f"/v1/{name}", params=query))


async def home(service: Service, user: str, **query: Any) -> dict[str, Any]:
    answer = await service.client.get(address("users", user, "home"), params=query)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    shown = [each["item_id"] for row in page["rows"] for each in row["items"]]
    assert max(Counter(shown).values(), default=1) == 1, "an item comes twice"
    for row in page["rows"]:
        assert row["items"]
        assert [each["rank"] for each in row["items"]] == list(range(1, len(row["items"]) + 1))
        scores = [each["score"] for each in row["items"]]
        assert scores == sorted(scores, reverse=True)
    return page


@pytest.fixture
async def busy(service: Service) -> Service:
    """A service that has learned of a week in which one seldom taken item was taken by many."""
    takers = [{"user_id": f"user-{n:03}", "item_id": RISING, "value": 4.0} for n in range(40)]
    when = (NEWEST + timedelta(days=1)).isoformat()
    rows = [row | {"rated_at": when} for row in takers]
    answer = await service.client.post("/v1/ratings:batch", json={"ratings": rows})
    assert answer.status_code == 200, answer.text
    await service.put_another("announced", "Horror", released_on=(NOW + timedelta(days=40)).date().isoformat())
    await service.put_another("premiere", "Horror", released_on=(NOW - timedelta(days=1)).date().isoformat())
    await service.put_another("undated", "Horror")
    await to_thread.run_sync(train_small, service.database_url, service.settings.data_dir / "artifacts")
    await service.live.look()
    return service


async def test_the_latest_have_come_out_and_the_undated_are_last(busy: Service) -> None:
    latest = await chart(busy, "latest", limit=100, category="Horror")
    assert ids(latest)[0] == "premiere"
    assert "announced" not in ids(latest)
    days = [each["item"]["released_on"] for each in latest["items"]]
    dated = [day for day in days if day]
    assert dated == sorted(dated, reverse=True)
    assert days == dated + [None] * (len(days) - len(dated))
    assert "undated" in ids(latest)[len(dated) :]
    await busy.put_another("newer", "Horror", released_on=NOW.date().isoformat())
    assert ids(await chart(busy, "latest", category="Horror"))[:2] == ["newer", "premiere"]


async def test_charts_tell_what_is_rising_and_popular(busy: Service) -> None:
    for period in ("day", "week", "month"):
        assert ids(await chart(busy, "trending", period=period))[0] == RISING
        assert ids(await chart(busy, "popular", period=period))[0] == RISING
    trending = await chart(busy, "trending", limit=100)
    assert ids(trending) == ids(await chart(busy, "trending", limit=100, period="week"))
    assert ids(await chart(busy, "popular"))[0] != RISING
    everything = ids(await chart(busy, "popular", limit=100, category="Western", period="day"))
    assert len(everything) == 40, "what nobody took in the period follows"

    for name in ("trending", "latest"):
        explained = await chart(busy, name, explain="true", fields=["title", "ratings"])
        for each in explained["items"]:
            assert sum(each["contributions"].values()) == pytest.approx(each["score"])
            rising = "trending" if each["score"] > 0 else "popular"
            assert [reason["kind"] for reason in each["reasons"]] == [rising if name == "trending" else "newest"]
            assert set(each["item"]) == {"title", "ratings"}
        assert name == "latest" or explained["items"][0]["score"] > 0
        first = await chart(busy, name, limit=30)
        second = await chart(busy, name, limit=30, cursor=first["next_cursor"])
        assert ids(first) + ids(second) == ids(await chart(busy, name, limit=60))
    await busy.put_another("unnoticed", "Western", tags=["unnoticed"])
    (unnoticed,) = (await chart(busy, "trending", tag="unnoticed", explain="true"))["items"]
    assert (unnoticed["score"] < 0, unnoticed["reasons"][0]["kind"]) == (True, "popular")
    whole = await chart(busy, "trending", category="Western", limit=100, period="day")
    falling = [each["item_id"] for each in whole["items"] if each["score"] <= 0]
    popular = ids(await chart(busy, "popular", category="Western", limit=100))
    assert falling
    assert falling == [each for each in popular if each in falling], "what is not on the rise follows as it is popular"
    rows = (await home(busy, "nobody-yet", limit=100))["rows"]
    assert all(each["score"] > 0 for row in rows if row["kind"] == "trending" for each in row["items"])
    assert problem(await busy.client.get("/v1/trending?period=all")) == [("/query/period", "not_allowed")]


async def test_home_has_rows_for_who_is_known_and_who_is_not(busy: Service) -> None:
    new = await home(busy, "nobody-yet", limit=8)
    assert [row["kind"] for row in new["rows"]] == ["popular", "trending", "latest", "category", "category"]
    assert (new["fallback"], new["history_size"], new["degraded"]) == ("popularity", 0, [])

    liked = await busy.like("fan", "Horror", range(4, 8))
    await busy.rate("fan", item_id("Comedy", 3), value=1.0)
    page = await home(busy, "fan", limit=8, explain="true")
    kinds = [row["kind"] for row in page["rows"]]
    assert kinds == ["for_you", "because_you_liked", "because_you_liked", "trending", "latest", "category"]
    rows = page["rows"]
    assert [row["item_id"] for row in rows[1:3]] == [liked[3], liked[2]], "the newest likes first"
    assert rows[1]["title"] == f"Because you liked {rows[1]['item_title']}"
    assert rows[-1]["category"] == "Horror"
    assert all("Horror" in each["item"]["categories"] for each in rows[-1]["items"])
    mine = await busy.recommend("fan", limit=8)
    assert [each["item_id"] for each in rows[0]["items"]] == ids(mine)
    shown = {each["item_id"] for row in rows for each in row["items"]}
    assert not shown & {*liked, item_id("Comedy", 3)}
    for each in (item for row in rows for item in row["items"]):
        assert sum(each["contributions"].values()) == pytest.approx(each["score"], rel=1e-4, abs=1e-4)
        assert each["reasons"]
        assert each["predicted_rating"] is not None

    narrow = await home(busy, "fan", limit=5, category=["Western"], fields=["categories"])
    for row in narrow["rows"]:
        assert all(each["item"]["categories"][0] == "Western" and len(each["item"]) == 1 for each in row["items"])
    assert problem(await busy.client.get(address("users", "fan", "home"), params={"cursor": "x"}))


async def test_categories_are_counted_by_what_may_be_shown(service: Service) -> None:
    async def counts(**query: Any) -> list[tuple[str, int]]:
        answer = await service.client.get("/v1/categories", params=query)
        return [(each["category"], each["items"]) for each in answer.json()["categories"]]

    before = [("Film", 120), ("Comedy", 40), ("Horror", 40), ("Western", 40)]
    assert await counts() == before
    assert await counts(limit=1) == before[:1]
    await service.put_another("late", "Western", categories=["Western", "New"])
    await service.put_another(item_id("Comedy", 1), "Comedy", hidden=True)
    await service.put_another(item_id("Comedy", 2), "Comedy", available_until="2020-01-01T00:00:00Z")
    expected = [("Film", 118), ("Western", 41), ("Horror", 40), ("Comedy", 38), ("New", 1)]
    assert await counts() == expected
    service.live.serving = None
    assert await counts() == expected


async def test_before_the_first_release_what_is_popular_stands_in(new_service: Service) -> None:
    empty = await home(new_service, "anybody")
    assert (empty["rows"], empty["degraded"]) == ([], ["no_release"])
    await to_thread.run_sync(fill_database, new_service.database_url)
    for name in ("trending", "latest"):
        listed = await chart(new_service, name, limit=5)
        assert (len(listed["items"]), listed["degraded"]) == (5, ["no_release"])
    page = await home(new_service, "anybody", limit=5, category=TASTES[0])
    assert [row["kind"] for row in page["rows"]] == ["popular"]
    assert page["degraded"] == ["no_release"]
