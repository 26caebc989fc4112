"""What an item has in common with the item that is the reason for it."""

import pytest
from trained import Service, address, item_id

pytestmark = pytest.mark.anyio


async def test_people_and_categories_that_both_have_are_told_and_no_others(service: Service) -> None:
    people = [{"name": "Ann Lee", "role": "actor"}, {"name": "Ann Lee", "role": "director"}, {"name": "Bo"}]
    await service.put_another("known", "Horror", people=people, categories=["Horror", "Film", "Cult"])
    await service.put_another("new", "Horror", people=[{"name": "Cy"}, *people[:1]], categories=["Cult", "Horror"])
    await service.rate("fan", "known")
    listed = await service.recommend("fan", explain="true", limit=100)
    told = {each["item_id"]: each["reasons"] for each in listed["items"]}
    (reason,) = told["new"]
    assert (reason["kind"], reason["item_id"]) == ("because_you_rated", "known")
    assert (reason["shared_people"], reason["shared_categories"]) == (["Ann Lee"], ["Horror", "Cult"])
    for reason in (reason for item in (item_id("Horror", 1), item_id("Horror", 2)) for reason in told[item]):
        if reason["item_id"] == "known":
            assert (reason["shared_people"], reason["shared_categories"]) == ([], ["Horror", "Film"])
    for each in (await service.popular(explain="true"))["items"]:
        assert [(r["kind"], r["shared_people"], r["shared_categories"]) for r in each["reasons"]] == [
            ("popular", [], [])
        ]


async def told(service: Service) -> set[str | None]:
    """The items that reasons and rows of a home page name."""
    listed = await service.recommend("fan", explain="true", limit=100)
    rows = (await service.client.get("/v1/users/fan/home", params={"explain": "true"})).json()["rows"]
    reasons = [reason for each in listed["items"] for reason in each["reasons"]]
    reasons += [reason for row in rows for each in row["items"] for reason in each["reasons"]]
    return {reason["item_id"] for reason in reasons} | {row["item_id"] for row in rows}


async def test_nobody_is_told_of_what_was_hidden_or_deleted_since(service: Service) -> None:
    for name in ("kept", "hidden", "deleted"):
        await service.put_another(name, "Horror")
        await service.rate("fan", name)
    assert {"hidden", "deleted"} <= await told(service)
    await service.put_another("hidden", "Horror", hidden=True)
    await service.delete_item("deleted")
    after = await told(service)
    assert "kept" in after
    assert not {"hidden", "deleted"} & after


async def test_nobody_is_told_of_what_they_must_not_or_do_not_want_to_see(service: Service) -> None:
    western = item_id("Western", 0)
    await service.rate("fan", western, item_id("Comedy", 1))
    horror = set(await service.like("fan", "Horror"))
    assert horror & await told(service)
    limits = {"limits": {"exclude_categories": ["Horror"]}}
    assert (await service.client.put("/v1/users/fan/preferences", json=limits)).status_code == 200
    after = await told(service)
    assert western in after
    assert not horror & after
    path = address("users", "fan", "suppressions", "items", western)
    assert (await service.client.put(path, json={})).status_code == 200
    suppressed = await told(service)
    assert item_id("Comedy", 1) in suppressed
    assert western not in suppressed


async def test_who_has_no_role_is_shown_with_none(service: Service) -> None:
    await service.put_another("new", "Horror", people=[{"name": "Bo"}], tags=["one"])
    for listed in (
        await service.popular(tag="one", fields="people"),
        await service.recommend("a", tag="one", fields="people"),
    ):
        assert listed["items"][0]["item"] == {"people": [{"name": "Bo", "role": None}]}
