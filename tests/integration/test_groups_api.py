"""Lists for users of whom only attributes are known, by a service that was really trained."""

from typing import Any

import pytest
from trained import Service, address, checked, ids, item_id, problem, share_of, title_of

pytestmark = pytest.mark.anyio


async def describe(service: Service, user: str, **attributes: Any) -> None:
    answer = await service.client.put(address("users", user), json={"attributes": attributes})
    assert answer.status_code in {200, 201}, answer.text


def adds_up(listed: dict[str, Any]) -> bool:
    return all(
        sum(each["contributions"].values()) == pytest.approx(each["score"], abs=1e-4) for each in listed["items"]
    )


async def test_a_newcomer_gets_what_is_popular_in_their_group(reading_service: Service) -> None:
    plain = await reading_service.recommend("nothing said", limit=10)
    await describe(reading_service, "in a club", club="Western")
    listed = await reading_service.recommend("in a club", limit=10, explain="true")
    assert (listed["fallback"], listed["history_size"]) == ("popularity", 0)
    assert share_of(listed, "Western") > share_of(plain, "Western") + 0.3
    assert adds_up(listed)
    reasons = [
        reason for each in listed["items"] for reason in each["reasons"] if "Western" in each["item"]["categories"]
    ]
    assert {(reason["kind"], reason["attribute"], reason["attribute_value"]) for reason in reasons} == {
        ("popular_in_group", "club", "Western")
    }
    assert reasons[0]["text"] == "Popular with people whose club is Western"
    first = listed["items"][0]
    path = address("users", "in a club", "recommendations", first["item_id"], "explanation")
    explained = (await reading_service.client.get(path)).json()
    assert (explained["list_rank"], explained["contributions"]) == (1, pytest.approx(first["contributions"]))
    assert explained["reasons"][0]["kind"] == "popular_in_group"
    home = (await reading_service.client.get(address("users", "in a club", "home"), params={"limit": 10})).json()
    assert [each["item_id"] for each in home["rows"][0]["items"]] == ids(listed)


@pytest.mark.parametrize(
    "attributes",
    [{"seat": 5}, {"rows": [5]}, {"club": "Opera"}, {"Club": "Western"}, {"club": ["Western"]}, {"club": None}],
)
async def test_what_too_few_share_tells_nothing(reading_service: Service, attributes: dict[str, Any]) -> None:
    plain = await reading_service.recommend_for([], explain="true")
    answer = await reading_service.client.post(
        "/v1/recommendations?explain=true", json={"history": [], "attributes": attributes}
    )
    assert checked(answer)["items"] == plain["items"]


async def test_a_visitor_brings_attributes_along(reading_service: Service) -> None:
    await describe(reading_service, "stored horror", club="Horror", seat=1)
    body = {"history": [], "attributes": {"club": "Horror"}}
    posted = checked(await reading_service.client.post("/v1/recommendations", json=body))
    assert posted["items"] == (await reading_service.recommend("stored horror"))["items"]
    refused = await reading_service.client.post("/v1/recommendations", json=body | {"attributes": {"a": "x" * 9_000}})
    assert problem(refused) == [("/attributes", "too_long")]


async def test_groups_and_stated_tastes_count_together(reading_service: Service) -> None:
    await describe(reading_service, "of both", club="Western")
    liked = {"liked": {"categories": ["Comedy"]}}
    answer = await reading_service.client.put(address("users", "of both", "preferences"), json=liked)
    assert answer.status_code == 200
    both = await reading_service.recommend("of both", limit=20, explain="true")
    assert both["fallback"] == "preferences"
    assert adds_up(both)
    stated = checked(
        await reading_service.client.post("/v1/recommendations", json={"history": [], "preferences": liked})
    )
    assert share_of(both, "Western") > share_of(stated, "Western")
    assert share_of(both, "Comedy") > share_of(await reading_service.recommend("in the club only"), "Comedy")


async def test_what_users_do_tells_more_than_their_groups(reading_service: Service) -> None:
    for user in ("rates in a club", "rates"):
        await reading_service.like(user, "Comedy", range(4))
    await describe(reading_service, "rates in a club", club="Western")
    one, other = (
        await reading_service.recommend("rates in a club", explain="true"),
        await reading_service.recommend("rates"),
    )
    assert one["fallback"] is None
    assert adds_up(one)
    assert share_of(one, "Western") >= share_of(other, "Western")
    assert one["items"][-1]["score"] != other["items"][-1]["score"]
    for user in ("rates in a club", "rates"):
        await reading_service.like(user, "Comedy", range(4, 5))
    assert (await reading_service.recommend("rates in a club"))["items"] == (await reading_service.recommend("rates"))[
        "items"
    ]


async def test_items_stored_since_the_release_have_no_group_of_their_own(service: Service) -> None:
    await describe(service, "in a club", club="Western")
    before = await service.recommend("in a club", limit=5)
    top = ids(before)[0]
    await service.put_another("late", "Western")
    await service.put_item(top, title="Changed", categories=["Western", "Film"])
    after = await service.recommend("in a club", limit=100, explain="true")
    assert (ids(after)[0], after["items"][0]["score"]) == (top, pytest.approx(before["items"][0]["score"]))
    assert adds_up(after)
    plain = await service.recommend("nothing said", limit=100)
    scores = {each["item_id"]: each["score"] for each in plain["items"]}
    assert next(each["score"] for each in after["items"] if each["item_id"] == "late") == pytest.approx(scores["late"])
    assert title_of("Western", 7) in {each["item"]["title"] for each in after["items"]}
    assert item_id("Western", 0) in ids(after)
