"""Ratings over HTTP, through the whole service."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest

pytestmark = pytest.mark.anyio

LONG_AGO = "2020-01-01T00:00:00Z"
AWKWARD = ["a/b", "..x", "with space", "\U0001f3ac/\U0001f600", "50%", "a%2Fb", "ratings", "?&#"]


def address(user: str, item: str | None = None) -> str:
    base = f"/v1/users/{quote(user, safe='')}/ratings"
    return base if item is None else f"{base}/{quote(item, safe='')}"


async def add_items(client: httpx.AsyncClient, *names: str) -> None:
    for name in names:
        answer = await client.put(f"/v1/items/{quote(name, safe='')}", json={"title": name})
        assert answer.status_code == 201, answer.text


async def post(client: httpx.AsyncClient, **body: Any) -> httpx.Response:
    return await client.post("/v1/ratings", json={"user_id": "ada", "item_id": "film", "value": 4} | body)


async def listed(client: httpx.AsyncClient, user: str) -> list[dict[str, Any]]:
    return (await client.get(address(user), params={"limit": 100})).json()["ratings"]


async def test_a_rating_is_created_replaced_kept_and_refused_as_stale(client: httpx.AsyncClient) -> None:
    await add_items(client, "film")
    created = await post(client, rated_at=LONG_AGO)
    rating = {"user_id": "ada", "item_id": "film", "value": 4.0, "rated_at": LONG_AGO}
    assert (created.status_code, created.json()) == (201, {"outcome": "created", "rating": rating})
    unchanged = await post(client)
    assert (unchanged.status_code, unchanged.json()) == (200, {"outcome": "unchanged", "rating": rating})
    stale = await post(client, value=1, rated_at="2019-12-31T23:59:59.999999Z")
    assert (stale.status_code, stale.json()) == (200, {"outcome": "stale", "rating": rating})
    before = datetime.now(UTC)
    updated = (await post(client, value=2.5)).json()
    assert (updated["outcome"], updated["rating"]["value"]) == ("updated", 2.5)
    assert before <= datetime.fromisoformat(updated["rating"]["rated_at"]) <= datetime.now(UTC)
    assert await listed(client, "ada") == [updated["rating"]]
    assert (await client.get(address("ada", "film"))).json() == updated["rating"]


async def test_put_and_delete_are_idempotent_and_a_late_retry_does_not_revive(client: httpx.AsyncClient) -> None:
    await add_items(client, "film")
    body = {"value": 3, "rated_at": LONG_AGO}
    first = await client.put(address("ada", "film"), json=body)
    again = await client.put(address("ada", "film"), json=body)
    assert (first.status_code, first.json()["outcome"]) == (201, "created")
    assert (again.status_code, again.json()["outcome"]) == (200, "unchanged")
    for _ in range(2):
        gone = await client.delete(address("ada", "film"))
        assert (gone.status_code, gone.content) == (204, b"")
        late = await client.put(address("ada", "film"), json=body)
        assert (late.status_code, late.json()) == (200, {"outcome": "stale", "rating": None})
    missing = await client.get(address("ada", "film"))
    assert (missing.status_code, missing.json()["code"]) == (404, "rating_not_found")
    assert await listed(client, "ada") == []
    undone = await client.put(address("ada", "film"), json={"value": 3})
    assert (undone.status_code, undone.json()["outcome"]) == (201, "created")


async def test_a_delete_that_overtakes_the_rating_it_takes_back_holds(client: httpx.AsyncClient) -> None:
    await add_items(client, "film")
    assert (await client.delete(address("nobody yet", "film"))).status_code == 204
    late = await post(client, user_id="nobody yet", rated_at=LONG_AGO)
    assert late.json() == {"outcome": "stale", "rating": None}


@pytest.mark.parametrize("name", AWKWARD)
async def test_ids_may_hold_anything(client: httpx.AsyncClient, name: str) -> None:
    await add_items(client, name)
    assert (await post(client, user_id=name, item_id=name)).status_code == 201
    assert (await client.get(address(name, name))).json()["item_id"] == name
    assert (await client.put(address(name, name), json={"value": 1})).json()["outcome"] == "updated"
    batch = await client.post("/v1/ratings:batch", json={"ratings": [{"user_id": name, "item_id": name, "value": 2}]})
    assert batch.json()["counts"]["updated"] == 1
    assert [row["value"] for row in await listed(client, name)] == [2.0]
    assert (await client.delete(address(name, name))).status_code == 204
    assert await listed(client, name) == []


BAD_FIELDS = [
    ('"value": true', "/value", "not_a_number"),
    ('"value": "5"', "/value", "not_a_number"),
    ('"value": null', "/value", "not_a_number"),
    ('"value": NaN', "/value", "number_out_of_range"),
    ('"value": -Infinity', "/value", "number_out_of_range"),
    ('"value": 1e400', "/value", "number_out_of_range"),
    ('"value": 5.5', "/value", "off_scale"),
    ('"value": 0', "/value", "off_scale"),
    ('"rated_at": "2999-01-01T00:00:00Z"', "/rated_at", "in_the_future"),
    ('"rated_at": "1899-12-31T23:59:59Z"', "/rated_at", "too_early"),
    ('"rated_at": "2026-01-01T00:00:00"', "/rated_at", "not_an_instant"),
    ('"rated_at": 1700000000', "/rated_at", "not_an_instant"),
    ('"item_id": "no such film"', "/item_id", "unknown_item"),
    ('"item_id": 7', "/item_id", "not_a_string"),
    ('"item_id": ""', "/item_id", "too_short"),
    ('"user_id": ".."', "/user_id", "reserved_id"),
    ('"user_id": "a\\u0000"', "/user_id", "nul_character"),
    ('"user_id": "\\ud800"', "/user_id", "lone_surrogate"),
    (f'"user_id": "{"x" * 257}"', "/user_id", "too_long"),
    ('"stars": 5', "/stars", "unknown_field"),
]


def body_with(field: str) -> str:
    """A good rating in which one field is replaced or added; no key occurs twice."""
    name = field.split('"')[1]
    good = {"user_id": '"ada"', "item_id": '"film"', "value": "4"}
    return "{" + ", ".join([field, *(f'"{key}": {text}' for key, text in good.items() if key != name)]) + "}"


@pytest.mark.parametrize(("field", "pointer", "code"), BAD_FIELDS, ids=[field[:40] for field, _, _ in BAD_FIELDS])
async def test_what_cannot_be_accepted_is_named_by_a_pointer(
    client: httpx.AsyncClient, field: str, pointer: str, code: str
) -> None:
    await add_items(client, "film")
    headers = {"content-type": "application/json"}
    refused = await client.post("/v1/ratings", content=body_with(field), headers=headers)
    assert refused.status_code == 422
    assert [(error["pointer"], error["code"]) for error in refused.json()["errors"]] == [(pointer, code)]
    assert await listed(client, "ada") == []
    batch = '{"ratings": [' + body_with('"user_id": "bob"') + ", " + body_with(field) + "]}"
    answer = await client.post("/v1/ratings:batch", content=batch, headers=headers)
    if code == "number_out_of_range":
        # Not a JSON number that could be told back: the body as a whole is refused.
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == f"/ratings/1{pointer}"
        assert await listed(client, "bob") == []
    else:
        assert answer.status_code == 200
        created, rejected = answer.json()["outcomes"]
        assert (created["outcome"], rejected["outcome"], rejected["code"]) == ("created", "rejected", code)
        assert [error["pointer"] for error in rejected["errors"]] == [f"/ratings/1{pointer}"]
        assert rejected["detail"]
        assert len(await listed(client, "bob")) == 1
    assert await listed(client, "ada") == []


async def test_put_points_at_the_address_for_what_the_address_says(client: httpx.AsyncClient) -> None:
    refused = await client.put(address("ada", "no such film"), json={"value": 3})
    assert (refused.status_code, refused.json()["code"]) == (422, "unknown_item")
    assert refused.json()["errors"][0]["pointer"] == "/path/item_id"
    off_scale = await client.put(address("ada", "no such film"), json={"value": 9})
    assert off_scale.json()["errors"][0]["pointer"] == "/value"


async def test_a_time_is_stored_as_the_instant_it_names(client: httpx.AsyncClient) -> None:
    await add_items(client, "film")
    written = await post(client, rated_at="2020-01-01T05:30:00.123456+05:30")
    assert written.json()["rating"]["rated_at"] == "2020-01-01T00:00:00.123456Z"


async def test_a_time_within_the_skew_is_kept(client: httpx.AsyncClient) -> None:
    await add_items(client, "film")
    soon = (datetime.now(UTC) + timedelta(minutes=4)).isoformat()
    written = (await post(client, rated_at=soon)).json()
    assert datetime.fromisoformat(written["rating"]["rated_at"]) == datetime.fromisoformat(soon)
    assert (await post(client, value=2)).json()["outcome"] == "updated", "no clock makes an untimed rating stale"


async def test_a_batch_answers_every_row_in_order(client: httpx.AsyncClient) -> None:
    await add_items(client, "film", "other")
    await post(client, user_id="old", rated_at=LONG_AGO)
    row = {"user_id": "ada", "item_id": "film", "value": 3, "rated_at": LONG_AGO}
    sent: list[Any] = [
        row,
        row | {"value": 9},
        row | {"rated_at": "2021-01-01T00:00:00Z"},
        "not an object",
        row | {"item_id": "nope"},
        row | {"user_id": "old", "value": 4},
        row | {"user_id": "old", "item_id": "other"},
        {"value": "x", "more": 1},
    ]
    answer = await client.post("/v1/ratings:batch", json={"ratings": sent})
    assert answer.status_code == 200
    result = answer.json()
    assert [each["outcome"] for each in result["outcomes"]] == [
        "superseded", "rejected", "created", "rejected", "rejected", "unchanged", "created", "rejected"
    ]  # fmt: skip
    assert [each["code"] for each in result["outcomes"] if each["code"]] == [
        "off_scale", "not_an_object", "unknown_item", "required"
    ]  # fmt: skip
    assert [each["position"] for each in result["outcomes"]] == list(range(len(sent)))
    assert result["counts"] == {
        "created": 2, "updated": 0, "unchanged": 1, "stale": 0, "superseded": 1, "rejected": 4
    }  # fmt: skip
    pointers = {error["pointer"] for error in result["outcomes"][7]["errors"]}
    assert pointers == {f"/ratings/7/{name}" for name in ("user_id", "item_id", "value", "more")}
    assert [(each["item_id"], each["rated_at"]) for each in await listed(client, "ada")] == [
        ("film", "2021-01-01T00:00:00Z")
    ]


async def test_a_batch_is_as_long_as_it_may_be_and_no_longer(client: httpx.AsyncClient) -> None:
    await add_items(client, "film")
    rows = [{"user_id": f"u{n}", "item_id": "film", "value": 3} for n in range(10_001)]
    over = await client.post("/v1/ratings:batch", json={"ratings": rows})
    assert (over.status_code, over.json()["code"]) == (413, "batch_too_large")
    assert await listed(client, "u0") == []
    full = await client.post("/v1/ratings:batch", json={"ratings": rows[:-1]})
    assert full.json()["counts"]["created"] == 10_000
    assert [each["position"] for each in full.json()["outcomes"]] == list(range(10_000))
    assert len(await listed(client, "u9999")) == 1
    empty = await client.post("/v1/ratings:batch", json={"ratings": []})
    assert (empty.status_code, empty.json()["errors"][0]["pointer"]) == (422, "/ratings")


async def test_pages_show_every_rating_once_while_others_arrive(client: httpx.AsyncClient) -> None:
    names = [f"m{n:02}" for n in range(23)]
    await add_items(client, *names, "late", "older")
    # Many of one time: the order among them must be the same on every page.
    rows = [
        {"user_id": "ada", "item_id": name, "value": 3, "rated_at": f"2020-01-01T00:00:{n // 5:02}.000001Z"}
        for n, name in enumerate(names)
    ]
    await client.post("/v1/ratings:batch", json={"ratings": rows})
    found: list[dict[str, Any]] = []
    params: dict[str, Any] = {"limit": 4}
    while True:
        page = (await client.get(address("ada"), params=params)).json()
        found += page["ratings"]
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
        # One is rated anew after it was shown, one is new, another is deleted after it was shown.
        await client.put(address("ada", found[0]["item_id"]), json={"value": 1})
        await client.put(address("ada", "late"), json={"value": 1})
        await client.delete(address("ada", found[3]["item_id"]))
    assert sorted(each["item_id"] for each in found) == names
    times = [each["rated_at"] for each in found]
    assert times == sorted(times, reverse=True)
    assert len(await listed(client, "ada")) == 23


async def test_what_a_user_has_given_to_some_items(client: httpx.AsyncClient) -> None:
    await add_items(client, "film", *AWKWARD)
    for place, name in enumerate(AWKWARD):
        await post(client, item_id=name, value=1 + place % 5, rated_at=f"2020-01-01T00:00:{place:02}Z")
    await post(client, user_id="bob", item_id="film")
    asked = {"item_id": [AWKWARD[1], "film", AWKWARD[5], "no such item"]}
    found = (await client.get(address("ada"), params=asked)).json()
    assert [(each["item_id"], each["value"]) for each in found["ratings"]] == [(AWKWARD[5], 1), (AWKWARD[1], 2)]
    first = (await client.get(address("ada"), params=asked | {"limit": 1})).json()
    second = (await client.get(address("ada"), params=asked | {"cursor": first["next_cursor"]})).json()
    assert first["ratings"] + second["ratings"] == found["ratings"]
    too_many = await client.get(address("ada"), params={"item_id": [f"i{number}" for number in range(101)]})
    assert (too_many.status_code, too_many.json()["errors"][0]["pointer"]) == (422, "/query/item_id")


async def test_the_scale_that_is_told_is_the_one_that_holds(client: httpx.AsyncClient) -> None:
    scale = (await client.get("/v1/rating-scale")).json()
    await add_items(client, "film")
    for value in scale.values():
        assert (await post(client, value=value)).status_code in {200, 201}
    for value in (scale["minimum"] - 0.1, scale["maximum"] + 0.1):
        assert (await post(client, value=value)).status_code == 422


async def test_lists_of_nobody_are_empty_and_cursors_are_checked(client: httpx.AsyncClient) -> None:
    nobody = await client.get(address("nobody"))
    assert (nobody.status_code, nobody.json()) == (200, {"ratings": [], "next_cursor": None})
    from app.api.schemas.paging import encode_cursor  # noqa: PLC0415 - to forge what no client can see through

    forged = [
        encode_cursor("ratings", 10**17, "film"),
        encode_cursor("ratings", "x", "film"),
        encode_cursor("items", "film"),
        "zzz",
    ]
    for cursor in forged:
        refused = await client.get(address("nobody"), params={"cursor": cursor})
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/query/cursor")
