"""Items that are stored, changed, hidden and deleted while a release that does not know of it is served."""

from typing import Any

import pytest
from trained import Service, address, ids, item_id, problem, share_of

pytestmark = pytest.mark.anyio

ODD_IDS = ["a/b", "/", "a b", "%2F", "100%", "popular", "similar", "\U0001f3ac", "x" * 256, "\U0001f3ac" * 256, "a?b#c",
           "items:batch", "...", "a\\b", "e\u0301", "a\tb"]  # fmt: skip


async def every_list(service: Service, user: str, **query: Any) -> dict[str, list[str]]:
    """What each list shows, up to 100 items; the user and the history like horror."""
    near = item_id("Horror", 5)
    return {
        "recommend": ids(await service.recommend(user, limit=100, **query)),
        "recommend_for": ids(await service.recommend_for([{"item_id": near, "value": 5}], limit=100, **query)),
        "similar": ids(await service.similar(near, limit=100, **query)),
        "popular": ids(await service.popular(limit=100, **query)),
    }


async def test_an_item_stored_a_second_ago_is_an_item_like_any_other(service: Service) -> None:
    await service.like("fan", "Horror")
    await service.put_another("new", "Horror", released_on="2026-11-20", image_url="https://example.com/new.jpg")

    similar = await service.similar("new", limit=20)
    assert share_of(similar, "Horror") == 1.0
    assert "new" not in ids(similar)
    for by in ("content", "hybrid", "collaborative"):
        await service.similar("new", by=by)
    assert "new" in ids(await service.similar(item_id("Horror", 7), limit=10, by="content"))

    listed = await service.recommend("fan", limit=100)
    (mine,) = [each for each in listed["items"] if each["item_id"] == "new"]
    assert mine["rank"] <= 20
    assert mine["item"] == {
        "title": "Scream Ghoul 7",
        "categories": ["Horror", "Film"],
        "released_on": "2026-11-20",
        "image_url": "https://example.com/new.jpg",
    }
    assert "new" not in ids(await service.recommend("fan", limit=100, released_to="2026-11-19"))
    assert ids(await service.recommend("fan", released_from="2026-11-20")) == ["new"]

    await service.rate("fan", "new")
    after = await service.recommend("fan", limit=100, explain="true")
    assert "new" not in ids(after)
    assert after["history_size"] == 4
    assert "new" in {reason["item_id"] for each in after["items"] for reason in each["reasons"]}
    for each in after["items"]:
        assert sum(each["contributions"].values()) == pytest.approx(each["score"], rel=1e-4, abs=1e-5)


async def test_a_delivery_of_new_items_does_not_take_over_the_popular_lists(service: Service) -> None:
    known = {
        "popular": ids(await service.popular(limit=20)),
        "stranger": ids(await service.recommend("nobody yet", limit=20)),
    }
    rows = [
        {"item_id": f"delivery-{number}", "title": f"Ghoul {number}", "categories": ["Horror"]} for number in range(120)
    ]
    answer = await service.client.post("/v1/items:batch", json={"items": rows})
    assert answer.json()["counts"]["created"] == len(rows), answer.text
    assert ids(await service.similar("delivery-0", limit=1)), "the new items are in the engine"
    assert ids(await service.popular(limit=20)) == known["popular"]
    assert ids(await service.recommend("nobody yet", limit=20)) == known["stranger"]
    home = (await service.client.get(address("users", "nobody yet", "home"))).json()
    first = {each["item_id"] for each in home["rows"][0]["items"]}
    assert not {name for name in first if name.startswith("delivery")}


async def test_a_new_item_counts_in_the_history_of_who_rates_it_alone(service: Service) -> None:
    await service.put_another("new", "Western")
    await service.rate("first", "new")
    listed = await service.recommend("first", limit=10)
    assert (listed["history_size"], listed["fallback"]) == (1, None)
    assert share_of(listed, "Western") >= 0.8
    posted = await service.recommend_for([{"item_id": "new", "value": 5.0}], limit=10)
    assert ids(posted) == ids(listed)


@pytest.mark.parametrize("item", [item_id("Horror", 3), "late"])
async def test_hidden_and_deleted_items_vanish_from_every_list_and_come_back(service: Service, item: str) -> None:
    await service.like("fan", "Horror", range(10, 13))
    await service.put_another(item, "Horror")

    async def shown() -> set[bool]:
        lists = await every_list(service, "fan", category="Horror")
        assert all(len(listed) >= 35 for listed in lists.values())
        return {item in listed for listed in lists.values()}

    assert await shown() == {True}
    await service.put_another(item, "Horror", hidden=True)
    assert await shown() == {False}
    await service.put_another(item, "Horror")
    assert await shown() == {True}
    await service.delete_item(item)
    assert await shown() == {False}
    await service.put_another(item, "Horror")
    assert await shown() == {True}


async def test_a_deleted_item_has_no_similar_items_and_a_hidden_one_has(service: Service) -> None:
    for item in (item_id("Horror", 3), "late"):
        await service.put_another(item, "Horror", hidden=True)
        assert share_of(await service.similar(item), "Horror") == 1.0
        await service.delete_item(item)
        answer = await service.client.get(address("items", item, "similar"))
        assert problem(answer, 404) == []
        assert answer.json()["code"] == "unknown_item"
        await service.put_another(item, "Horror")
        assert share_of(await service.similar(item), "Horror") == 1.0


async def test_a_rating_of_an_item_that_was_deleted_still_tells_the_taste(service: Service) -> None:
    rated = await service.like("fan", "Horror")
    for item in rated:
        await service.delete_item(item)
    listed = await service.recommend("fan", limit=10)
    assert (listed["history_size"], listed["fallback"]) == (3, None)
    assert share_of(listed, "Horror") >= 0.8
    assert not set(rated) & set(ids(await service.recommend("fan", limit=100, include_seen="true")))


async def test_a_replacement_changes_filters_card_and_likeness_at_once(service: Service) -> None:
    item = item_id("Horror", 5)
    await service.put_another(item, "Western", released_on="2001-02-03")
    for query in ({"category": "Western"}, {"exclude_category": "Horror"}, {"released_from": "2001-02-03"}):
        lists = await every_list(service, "anybody", **query)
        del lists["recommend_for"], lists["similar"]  # of this very item
        assert all(item in listed for listed in lists.values()), query
    for query in ({"category": "Horror"}, {"exclude_category": "Western"}, {"released_from": "2001-02-04"}):
        assert not any(item in listed for listed in (await every_list(service, "anybody", **query)).values()), query
    (found,) = [e for e in (await service.popular(limit=100))["items"] if e["item_id"] == item]
    assert found["item"]["categories"] == ["Western", "Film"]
    assert share_of(await service.similar(item, by="content", limit=10), "Western") == 1.0


async def test_an_item_that_is_changed_again_and_again_takes_one_row(service: Service) -> None:
    """A shop that writes its stock every minute must not fill the memory until the next training."""
    for turn in range(30):
        taste = ("Horror", "Western")[turn % 2]
        await service.put_another("restless", taste, title=f"Restless {turn}")
        await service.put_another(item_id("Comedy", 0), "Comedy", title=f"Restless too {turn}")
    serving = service.live.serving
    assert serving is not None
    assert serving.catalogue.n_overlay == 2
    assert serving.engine.n_rows == serving.catalogue.n_rows == 122
    assert ids(await service.popular(limit=100, category="Western")).count("restless") == 1
    assert "restless" not in ids(await service.popular(limit=100, category="Horror"))
    titles = {each["item_id"]: each["item"]["title"] for each in (await service.popular(limit=100))["items"]}
    assert titles["restless"] == "Restless 29"
    assert titles[item_id("Comedy", 0)] == "Restless too 29"


async def test_a_large_batch_is_in_every_list_at_once(service: Service) -> None:
    items = [{"item_id": f"bulk-{n}", "title": f"Ghoul {n}", "categories": ["Bulk"]} for n in range(1_200)]
    answer = await service.client.post("/v1/items:batch", json={"items": items})
    assert answer.json()["counts"]["created"] == 1_200
    serving = service.live.serving
    assert serving is not None
    assert serving.engine.n_rows == serving.catalogue.n_rows == 1_320
    for listed in (await every_list(service, "anybody", category="Bulk")).values():
        assert len(listed) == 100
    items[7] |= {"categories": ["Horror"]}
    await service.client.post("/v1/items:batch", json={"items": items})
    assert serving.catalogue.n_overlay == 1_200
    assert ids(await service.popular(category="Horror", limit=100)).count("bulk-7") == 1


async def test_items_with_odd_ids_are_listed_rated_and_filtered(service: Service) -> None:
    for item in ODD_IDS:
        await service.put_another(item, "Western", categories=["Odd"])
    assert set(ids(await service.popular(category="Odd"))) == set(ODD_IDS)
    assert set(ids(await service.similar(item_id("Western", 7), category="Odd"))) == set(ODD_IDS)
    for item in ODD_IDS:
        assert item not in ids(await service.similar(item, limit=100))
        listed = await service.recommend_for([{"item_id": item, "value": 5}], category="Odd")
        assert set(ids(listed)) == set(ODD_IDS) - {item}
        await service.rate("odd", item)
        assert item not in ids(await service.recommend("odd", category="Odd"))
    assert ids(await service.popular(category="Odd", exclude_item=ODD_IDS)) == []


async def test_an_unknown_item_has_no_similar_ones(service: Service) -> None:
    answer = await service.client.get(address("items", "nowhere", "similar"))
    assert problem(answer, 404) == []
    assert answer.json()["code"] == "unknown_item"


async def test_an_item_that_says_nothing_does_no_harm(service: Service) -> None:
    await service.put_item("bare", title="-")
    assert ids(await service.similar("bare")) == []
    await service.rate("puzzled", "bare")
    listed = await service.recommend("puzzled", explain="true", limit=100)
    assert listed["history_size"] == 1
    assert len(listed["items"]) == 100
