"""Diversity and popularity at request time, over HTTP."""

from typing import Any

import pytest
from trained import Service, address, ids, item_id, problem

pytestmark = pytest.mark.anyio


def categories(listed: dict[str, Any]) -> set[str]:
    return {category for each in listed["items"] for category in each["item"]["categories"]}


def adds_up(listed: dict[str, Any]) -> bool:
    return all(
        sum(each["contributions"].values()) == pytest.approx(each["score"], rel=1e-4, abs=1e-4)
        for each in listed["items"]
    )


async def test_a_diverse_list_holds_more_kinds_and_the_same_scores(reading_service: Service) -> None:
    await reading_service.like("wide", "Horror")
    plain = await reading_service.recommend("wide", limit=100, explain="true")
    diverse = await reading_service.recommend("wide", limit=10, diversity=0.9, explain="true")
    assert len(categories(diverse)) > len(categories({"items": plain["items"][:10]}))
    assert ids(diverse)[0] == ids(plain)[0]
    assert len(set(ids(diverse))) == 10
    known = {each["item_id"]: each["score"] for each in plain["items"]}
    assert all(each["score"] == known[each["item_id"]] for each in diverse["items"] if each["item_id"] in known)
    assert adds_up(diverse)
    assert ids(await reading_service.recommend("wide", limit=10, diversity=0)) == ids(plain)[:10]


async def test_popular_and_similar_lists_can_be_diverse_too(reading_service: Service) -> None:
    alike = await reading_service.similar(item_id("Horror", 1), limit=10)
    wider = await reading_service.similar(item_id("Horror", 1), limit=10, diversity=1)
    assert len(categories(wider)) > len(categories(alike))
    assert categories(await reading_service.popular(limit=3, diversity=1)) >= {"Comedy", "Horror", "Western"}


async def test_the_popularity_dial_turns_the_list(reading_service: Service) -> None:
    await reading_service.like("dialled", "Western")
    places = {each: place for place, each in enumerate(ids(await reading_service.popular(limit=100)))}

    async def mean_place(popularity: float) -> float:
        listed = await reading_service.recommend("dialled", limit=10, popularity=popularity, explain="true")
        assert adds_up(listed)
        return sum(places.get(each, 100) for each in ids(listed)) / 10

    assert await mean_place(1) < await mean_place(0) < await mean_place(-1)
    posted = [{"item_id": item_id("Western", 1), "value": 5}]
    assert ids(await reading_service.recommend_for(posted, limit=5, popularity=1)) != ids(
        await reading_service.recommend_for(posted, limit=5, popularity=-1)
    )


async def test_the_dials_turn_the_rows_of_a_home_page(reading_service: Service) -> None:
    await reading_service.like("dialled at home", "Western")
    plain = await reading_service.recommend("dialled at home", limit=5)
    for query in ({"popularity": -1}, {"signals": "content"}):
        home = await reading_service.client.get(
            address("users", "dialled at home", "home"), params={"limit": 5} | query
        )
        assert home.status_code == 200, home.text
        turned = await reading_service.recommend("dialled at home", limit=5, **query)
        assert ids(home.json()["rows"][0]) == ids(turned) != ids(plain)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("diversity", "1.1"),
        ("diversity", "-0.1"),
        ("diversity", "NaN"),
        ("diversity", "1e400"),
        ("popularity", "-2"),
        ("popularity", "+1"),
    ],
)
async def test_a_dial_off_its_range_is_refused(reading_service: Service, name: str, value: str) -> None:
    answer = await reading_service.client.get(address("users", "u", "recommendations"), params={name: value})
    assert [pointer for pointer, _ in problem(answer)] == [f"/query/{name}"]
    good = await reading_service.client.get(address("users", "u", "recommendations"), params={name: "0.50"})
    assert good.status_code == 200
    small = await reading_service.client.get(address("users", "u", "recommendations"), params={name: "1e-07"})
    assert small.status_code == 200
