"""What every list can be asked for: filters, limits, and the refusal of all else."""

from typing import Any

import pytest
from trained import ITEMS_A_TASTE, TASTES, Service, address, ids, item_id, problem

pytestmark = pytest.mark.anyio

HISTORY = [{"item_id": item_id("Horror", 0), "value": 5.0}, {"item_id": item_id("Western", 1), "value": 3.5}]
LISTS = ["recommend", "recommend_for", "similar", "popular"]


async def listed(service: Service, kind: str, **query: Any) -> dict[str, Any]:
    match kind:
        case "recommend":
            await service.rate("filtering", item_id("Horror", 0))
            return await service.recommend("filtering", **query)
        case "recommend_for":
            return await service.recommend_for(HISTORY, **query)
        case "similar":
            return await service.similar(item_id("Horror", 0), **query)
        case _:
            return await service.popular(**query)


@pytest.mark.parametrize("kind", LISTS)
async def test_filters_choose_items_and_change_no_score(reading_service: Service, kind: str) -> None:
    every = {each["item_id"]: each for each in (await listed(reading_service, kind, limit=100))["items"]}

    async def asked(**query: Any) -> list[dict[str, Any]]:
        items = (await listed(reading_service, kind, limit=100, **query))["items"]
        for each in items:
            if each["item_id"] in every:
                assert each["score"] == every[each["item_id"]]["score"]
        return items

    comedies = await asked(category="Comedy")
    assert len(comedies) == ITEMS_A_TASTE
    assert all("Comedy" in each["item"]["categories"] for each in comedies)

    either = await asked(category=["Comedy", "Western"])
    assert {category for each in either for category in each["item"]["categories"]} == {"Comedy", "Western", "Film"}

    none = await asked(category=["Comedy", "Western"], exclude_category="Western")
    assert [each["item_id"] for each in none] == [each["item_id"] for each in comedies]
    assert await asked(exclude_category="Film") == []
    assert await asked(category="Nothing of the kind") == []
    assert len(await asked(exclude_category="Nothing of the kind")) == 100

    best = [each["item_id"] for each in comedies[:3]]
    rest = await asked(category="Comedy", exclude_item=[*best, "nowhere"])
    assert [each["item_id"] for each in rest] == [each["item_id"] for each in comedies[3:]]


@pytest.mark.parametrize("kind", LISTS)
async def test_dates_include_both_ends_and_nothing_undated(reading_service: Service, kind: str) -> None:
    async def days(**query: Any) -> list[str]:
        return [
            each["item"]["released_on"] for each in (await listed(reading_service, kind, limit=100, **query))["items"]
        ]

    span = await days(released_from="1990-06-15", released_to="1995-06-15")
    assert sorted(set(span)) == [f"{year}-06-15" for year in range(1990, 1996)]
    after = await days(released_from="1995-06-15")
    assert after
    assert None not in after
    assert min(after) == "1995-06-15"
    before = await days(released_to="1995-06-14")
    assert before
    assert None not in before
    assert max(before) == "1994-06-15"
    assert await days(released_from="2000-01-01", released_to="1999-01-01") == []
    assert await days(released_from="0001-01-01", released_to="9999-12-31")
    undated = [item_id("Comedy", number) for number in (9, 19, 29)]
    everything = await listed(reading_service, kind, limit=100, category="Comedy")
    assert set(undated) <= set(ids(everything))


@pytest.mark.parametrize("kind", LISTS)
async def test_the_limit_is_met_whenever_enough_items_pass(reading_service: Service, kind: str) -> None:
    for limit in (1, 2, 20, 100):
        assert len((await listed(reading_service, kind, limit=limit))["items"]) == limit
    assert len((await listed(reading_service, kind))["items"]) == 20
    shorter = ids(await listed(reading_service, kind, limit=7))
    assert shorter == ids(await listed(reading_service, kind, limit=100))[:7]
    narrow = await listed(reading_service, kind, limit=30, category="Western")
    assert len(narrow["items"]) == 30


REFUSED = [
    ("limit=0", "/query/limit", "too_small"),
    ("limit=101", "/query/limit", "too_large"),
    ("limit=-1", "/query/limit", "too_small"),
    ("limit=1e3", "/query/limit", "not_an_integer"),
    ("limit=", "/query/limit", "not_an_integer"),
    ("limit=%2020", "/query/limit", "not_an_integer"),
    ("limit=\u0665".encode(), "/query/limit", "not_an_integer"),
    ("limit=99999999999999999999", "/query/limit", "not_an_integer"),
    ("limit=5&limit=6", "/query/limit", "repeated_parameter"),
    ("colour=red", "/query/colour", "unknown_parameter"),
    ("released_from=yesterday", "/query/released_from", "not_a_date"),
    ("released_from=2026-02-30", "/query/released_from", "not_a_date"),
    ("released_to=", "/query/released_to", "not_a_date"),
    ("released_to=2026-01-01T00:00:00Z", "/query/released_to", "not_a_date"),
    ("released_from=2026-01-01&released_from=2026-01-01", "/query/released_from", "repeated_parameter"),
    ("category=", "/query/category/0", "too_short"),
    ("category=Comedy&category=" + "x" * 101, "/query/category/1", "too_long"),
    ("exclude_item=" + "x" * 257, "/query/exclude_item/0", "too_long"),
    ("exclude_item=..", "/query/exclude_item/0", "reserved_id"),
    ("category=a%00b", "/query/category", "nul_character"),
    ("&".join(f"category=c{n}" for n in range(51)), "/query/category", "too_long"),
]
OF_PERSONAL_LISTS = [
    ("signals=luck", "/query/signals/0", "not_allowed"),
    ("signals=content&signals=", "/query/signals/1", "not_allowed"),
    ("&".join(["signals=content"] * 6), "/query/signals", "too_long"),
    ("include_seen=1", "/query/include_seen", "not_a_boolean"),
    ("include_seen=True", "/query/include_seen", "not_a_boolean"),
    ("explain=", "/query/explain", "not_a_boolean"),
    ("explain=true&explain=true", "/query/explain", "repeated_parameter"),
]


@pytest.mark.parametrize("kind", LISTS)
async def test_what_is_not_understood_is_refused_with_a_pointer(reading_service: Service, kind: str) -> None:
    personal = kind in {"recommend", "recommend_for"}
    base = {
        "recommend": address("users", "refused", "recommendations"),
        "recommend_for": address("recommendations"),
        "similar": address("items", item_id("Horror", 0), "similar"),
        "popular": address("popular"),
    }[kind]
    method = "POST" if kind == "recommend_for" else "GET"
    body = {"history": []} if kind == "recommend_for" else None
    for query, pointer, code in REFUSED + (OF_PERSONAL_LISTS if personal else []):
        raw = query if isinstance(query, bytes) else query.encode()
        encoded = b"".join(bytes([byte]) if byte < 128 else b"%%%02X" % byte for byte in raw)
        url = base.copy_with(raw_path=base.raw_path + b"?" + encoded)
        answer = await reading_service.client.request(method, url, json=body)
        assert (pointer, code) in problem(answer), query
    foreign = "signals=content" if not personal else "by=content"
    answer = await reading_service.client.request(
        method, base.copy_with(raw_path=base.raw_path + b"?" + foreign.encode()), json=body
    )
    assert problem(answer)[0][1] == "unknown_parameter"


async def test_what_is_wrong_in_query_and_body_is_told_at_once(reading_service: Service) -> None:
    answer = await reading_service.client.post("/v1/recommendations?limit=0", json={"history": [{"item_id": 5}]})
    told = {("/query/limit", "too_small"), ("/history/0/item_id", "not_a_string")}
    assert told <= set(problem(answer))


BAD_HISTORIES = [
    ('{"history": [{"item_id": "a", "value": 5.5}]}', "/history/0/value", "off_scale"),
    ('{"history": [{"item_id": "a", "value": 3}, {"item_id": "b", "value": 0.4}]}', "/history/1/value", "off_scale"),
    ('{"history": [{"item_id": "a", "value": NaN}]}', "/history/0/value", "number_out_of_range"),
    ('{"history": [{"item_id": "a", "value": 1e400}]}', "/history/0/value", "number_out_of_range"),
    ('{"history": [{"item_id": "a", "value": true}]}', "/history/0/value", "not_a_number"),
    ('{"history": [{"item_id": "a", "value": "5"}]}', "/history/0/value", "not_a_number"),
    ('{"history": [{"item_id": "a"}]}', "/history/0/value", "required"),
    ('{"history": [{"item_id": "", "value": 3}]}', "/history/0/item_id", "too_short"),
    ('{"history": [{"item_id": "a", "value": 3, "stars": 3}]}', "/history/0/stars", "unknown_field"),
    ('{"history": [{"item_id": "a", "value": 3, "rated_at": "now"}]}', "/history/0/rated_at", "not_an_instant"),
    ('{"history": [], "user_id": "a"}', "/user_id", "unknown_field"),
    ('{"history": null}', "/history", "not_a_list"),
    ("{}", "/history", "required"),
    ("[]", "", "not_an_object"),
    ('{"history": [' + ",".join(['{"item_id": "a", "value": 3}'] * 501) + "]}", "/history", "too_long"),
]


@pytest.mark.parametrize(("body", "pointer", "code"), BAD_HISTORIES)
async def test_a_history_that_cannot_be_one_is_refused(
    reading_service: Service, body: str, pointer: str, code: str
) -> None:
    headers = {"content-type": "application/json"}
    answer = await reading_service.client.post("/v1/recommendations", content=body.encode(), headers=headers)
    assert (pointer, code) in problem(answer)


async def test_the_longest_history_is_taken(reading_service: Service) -> None:
    items = [item_id(taste, number) for taste in TASTES for number in range(ITEMS_A_TASTE)]
    history = [{"item_id": items[n % len(items)], "value": 0.5 + (n % 10) / 2} for n in range(500)]
    answer = await reading_service.recommend_for(history, include_seen="true", limit=100)
    assert answer["history_size"] == len(items)
    assert (await reading_service.recommend_for(history))["items"] == []
