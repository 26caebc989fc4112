"""What an item has in common with the item that is the reason for it."""

import pytest
from trained import Service, item_id

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
