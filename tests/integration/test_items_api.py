"""Items over HTTP, on a real database."""

import asyncio
from typing import Any
from urllib.parse import quote

import httpx
import psycopg
import pytest

from app.config import Settings
from app.db import driver_url

pytestmark = pytest.mark.anyio

FULL: dict[str, Any] = {
    "title": "The Shawshank Redemption",
    "description": "Two imprisoned men bond.",
    "categories": ["Crime", "Drama"],
    "tags": ["prison"],
    "people": [{"name": "Frank Darabont", "role": "director"}, {"name": "Morgan Freeman", "role": None}],
    "released_on": "1994-09-23",
    "duration_minutes": 142,
    "certificate": "R",
    "language": "en",
    "image_url": "https://example.com/318.jpg",
    "url": "https://example.com/318",
    "available_from": "2026-01-01T00:00:00Z",
    "available_until": "2027-01-01T00:00:00Z",
    "votes": 24_000,
    "vote_mean": 8.5,
    "attributes": {"budget": 25_000_000, "nested": {"a": [1, 2.5, None, "\U0001f3ac"]}},
    "hidden": True,
    "safe_for_all": True,
}
BARE: dict[str, Any] = {
    name: []
    if isinstance(value, list)
    else {}
    if isinstance(value, dict)
    else False
    if isinstance(value, bool)
    else None
    for name, value in FULL.items()
}
NEW_YEAR = "2027-01-01T00:00:00Z"
ODD_IDS = [
    "a/b", "/", "a b", "%2F", "100%", "popular", "\U0001f3ac", "x" * 256, "\U0001f3ac" * 256, "a+b", "a?b#c", "items:batch",
    ":batch", "...", "a\\b", "a\tb", "é", "e\u0301", "a'b\"c", ";--",
]  # fmt: skip


def address(item_id: str) -> httpx.URL:
    """The address of an item, sent as it stands: httpx would tidy up an encoded dot."""
    return httpx.URL("http://medley.test").copy_with(raw_path=f"/v1/items/{quote(item_id, safe='')}".encode())


def rows(settings: Settings, query: str) -> list[Any]:
    assert settings.database_url is not None
    with psycopg.connect(driver_url(settings.database_url.get_secret_value())) as connection:
        return connection.execute(query).fetchall()  # pyright: ignore[reportArgumentType]


async def test_put_creates_then_updates_then_changes_nothing(client: httpx.AsyncClient, settings: Settings) -> None:
    first = await client.put("/v1/items/318", json={"title": "Shawshank"})
    assert (first.status_code, first.json()["outcome"]) == (201, "created")
    second = await client.put("/v1/items/318", json={"title": "The Shawshank Redemption"})
    assert (second.status_code, second.json()["outcome"]) == (200, "updated")
    version = rows(settings, "SELECT ctid::text, changed_in::text FROM items")
    third = await client.put("/v1/items/318", json={"title": "The Shawshank Redemption"})
    assert (third.status_code, third.json()["outcome"]) == (200, "unchanged")
    assert third.json()["updated_at"] == second.json()["updated_at"]
    assert third.json()["created_at"] == first.json()["created_at"]
    assert rows(settings, "SELECT ctid::text, changed_in::text FROM items") == version


async def test_every_field_is_kept_and_left_out_ones_are_emptied(client: httpx.AsyncClient) -> None:
    await client.put("/v1/items/318", json=FULL)
    stored = (await client.get("/v1/items/318")).json()
    assert {name: stored[name] for name in FULL} == FULL
    assert stored["item_id"] == "318"
    assert (await client.put("/v1/items/318", json=FULL)).json()["outcome"] == "unchanged"
    await client.put("/v1/items/318", json={"title": "x"})
    stored = (await client.get("/v1/items/318")).json()
    assert {name: stored[name] for name in FULL} == BARE | {"title": "x"}


@pytest.mark.parametrize("name", [name for name in FULL if name not in {"title", "hidden", "safe_for_all"}])
async def test_a_change_of_any_one_field_is_noticed(client: httpx.AsyncClient, name: str) -> None:
    await client.put("/v1/items/1", json=FULL)
    other = await client.put("/v1/items/1", json={key: value for key, value in FULL.items() if key != name})
    assert other.json()["outcome"] == "updated"


async def test_repeated_labels_are_kept_once(client: httpx.AsyncClient) -> None:
    answer = await client.put("/v1/items/1", json={"title": "x", "categories": ["b", "a", "b"], "tags": ["t", "t"]})
    assert (answer.json()["categories"], answer.json()["tags"]) == (["b", "a"], ["t"])


async def test_odd_ids_are_ids_like_any_other(client: httpx.AsyncClient) -> None:
    for item_id in ODD_IDS:
        assert (await client.put(address(item_id), json={"title": "x"})).status_code == 201, item_id
        found = await client.get(address(item_id))
        assert (found.status_code, found.json()["item_id"]) == (200, item_id)
    listed = (await client.get("/v1/items?limit=100")).json()["items"]
    assert [each["item_id"] for each in listed] == sorted(ODD_IDS)
    for item_id in ODD_IDS:
        assert (await client.delete(address(item_id))).status_code == 204
        assert (await client.get(address(item_id))).status_code == 404


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"title": None}, "/title", "not_a_string"),
        ({"title": ""}, "/title", "too_short"),
        ({"title": "x" * 501}, "/title", "too_long"),
        ({"title": 7}, "/title", "not_a_string"),
        ({"description": "x" * 20_001}, "/description", "too_long"),
        ({"categories": None}, "/categories", "not_a_list"),
        ({"categories": "Crime"}, "/categories", "not_a_list"),
        ({"categories": ["ok", ""]}, "/categories/1", "too_short"),
        ({"categories": ["x" * 101]}, "/categories/0", "too_long"),
        ({"categories": [f"{i}" for i in range(101)]}, "/categories", "too_long"),
        ({"tags": [1]}, "/tags/0", "not_a_string"),
        ({"people": [{"name": "a", "role": "b", "age": 3}]}, "/people/0/age", "unknown_field"),
        ({"people": [{"role": "b"}]}, "/people/0/name", "required"),
        ({"people": [{"name": "a"}] * 501}, "/people", "too_long"),
        ({"people": ["a"]}, "/people/0", "not_an_object"),
        ({"released_on": "1994-02-30"}, "/released_on", "not_a_date"),
        ({"released_on": "1994"}, "/released_on", "not_a_date"),
        ({"duration_minutes": -1}, "/duration_minutes", "too_small"),
        ({"duration_minutes": 1.0}, "/duration_minutes", "not_an_integer"),
        ({"duration_minutes": True}, "/duration_minutes", "not_an_integer"),
        ({"duration_minutes": "142"}, "/duration_minutes", "not_an_integer"),
        ({"duration_minutes": 2**40}, "/duration_minutes", "too_large"),
        ({"language": "not a language"}, "/language", "wrong_form"),
        ({"image_url": "javascript:alert(1)"}, "/image_url", "not_a_web_address"),
        ({"url": "x" * 3000}, "/url", "too_long"),
        ({"available_from": "2026-01-01T00:00:00"}, "/available_from", "not_an_instant"),
        (
            {"available_from": "2027-01-01T00:00:00Z", "available_until": "2027-01-01T00:00:00Z"},
            "/available_until",
            "not_after_start",
        ),
        ({"votes": -1}, "/votes", "too_small"),
        ({"votes": 2**53 + 1}, "/votes", "too_large"),
        ({"vote_mean": "8"}, "/vote_mean", "not_a_number"),
        ({"vote_mean": False}, "/vote_mean", "not_a_number"),
        ({"attributes": []}, "/attributes", "not_an_object"),
        ({"attributes": {"a": "x" * 66_000}}, "/attributes", "too_long"),
        ({"attributes": {"a": [[[[[[[[1]]]]]]]]}}, "/attributes", "too_deep"),
        ({"hidden": "true"}, "/hidden", "not_a_boolean"),
        ({"hidden": 1}, "/hidden", "not_a_boolean"),
        ({"hidden": None}, "/hidden", "not_a_boolean"),
        ({"item_id": "1"}, "/item_id", "unknown_field"),
        ({"Title": "x"}, "/Title", "unknown_field"),
        ({"a/b~c": 1}, "/a~1b~0c", "unknown_field"),
    ],
)
async def test_what_is_refused_is_pointed_at(
    refusing_client: httpx.AsyncClient, change: dict[str, Any], pointer: str, code: str
) -> None:
    answer = await refusing_client.put("/v1/items/refused", json={"title": "x"} | change)
    assert answer.status_code == 422
    assert [(each["pointer"], each["code"]) for each in answer.json()["errors"]] == [(pointer, code)]


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        (b'{"title": "a", "title": "b"}', "/title", "duplicate_key"),
        (b'{"title": "a\\u0000"}', "/title", "nul_character"),
        (b'{"title": "\\ud800"}', "/title", "lone_surrogate"),
        (b'{"title": "a", "vote_mean": NaN}', "/vote_mean", "number_out_of_range"),
        (b'{"title": "a", "vote_mean": 1e400}', "/vote_mean", "number_out_of_range"),
        (b'{"title": "a", "attributes": {"x": [-Infinity]}}', "/attributes/x/0", "number_out_of_range"),
    ],
)
async def test_hostile_json_is_pointed_at(
    refusing_client: httpx.AsyncClient, body: bytes, pointer: str, code: str
) -> None:
    answer = await refusing_client.put("/v1/items/x", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert [(each["pointer"], each["code"]) for each in answer.json()["errors"]] == [(pointer, code)]


@pytest.fixture
async def refusing_client(client: httpx.AsyncClient) -> Any:
    """A client whose test must leave no item behind."""
    yield client
    assert (await client.get("/v1/items")).json()["items"] == []


async def test_delete_hides_and_put_revives(client: httpx.AsyncClient, settings: Settings) -> None:
    await client.put("/v1/items/318", json=FULL)
    (key,) = rows(settings, "SELECT key FROM items")
    assert (await client.delete("/v1/items/318")).status_code == 204
    assert (await client.delete("/v1/items/318")).status_code == 204
    assert (await client.get("/v1/items/318")).json()["code"] == "unknown_item"
    revived = await client.put("/v1/items/318", json=FULL)
    assert (revived.status_code, revived.json()["outcome"]) == (201, "created")
    assert rows(settings, "SELECT key FROM items WHERE deleted_at IS NULL") == [key]
    assert (await client.delete("/v1/items/never")).status_code == 404


async def test_rating_statistics_count_what_is_there(client: httpx.AsyncClient) -> None:
    await client.put("/v1/items/318", json={"title": "x"})
    assert (await client.get("/v1/items/318")).json()["ratings"] == {"count": 0, "mean": None}
    for user, value in (("ada", 5), ("bob", 2), ("cyd", 1)):
        await client.put(f"/v1/users/{user}/ratings/318", json={"value": value})
    await client.delete("/v1/users/cyd/ratings/318")
    assert (await client.get("/v1/items/318")).json()["ratings"] == {"count": 2, "mean": 3.5}


async def test_one_of_many_puts_at_once_creates(client: httpx.AsyncClient, settings: Settings) -> None:
    answers = await asyncio.gather(*(client.put("/v1/items/1", json={"title": f"Title {i % 3}"}) for i in range(12)))
    assert sorted(answer.status_code for answer in answers) == [200] * 11 + [201]
    assert len(rows(settings, "SELECT key FROM items")) == 1


async def test_pages_have_no_gap_and_no_repeat_while_the_catalogue_changes(client: httpx.AsyncClient) -> None:
    ids = [f"item {number:02}/\U0001f3ac" for number in range(25)]
    await client.post("/v1/items:batch", json={"items": [{"item_id": each, "title": "x"} for each in ids]})
    await client.put("/v1/items/item%2099", json={"title": "x", "hidden": True})
    seen: list[str] = []
    cursor = None
    for _ in range(10):
        page = (await client.get("/v1/items", params={"limit": 4} | ({"cursor": cursor} if cursor else {}))).json()
        seen += [item["item_id"] for item in page["items"]]
        await client.delete(address(seen[-1]))  # where the next page begins
        await client.put(f"/v1/items/{len(seen):03}", json={"title": "before all others"})
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == ids


async def test_a_full_last_page_has_no_next_one(client: httpx.AsyncClient) -> None:
    await client.post("/v1/items:batch", json={"items": [{"item_id": each, "title": "x"} for each in "abcd"]})
    first = (await client.get("/v1/items?limit=2")).json()
    last = (await client.get("/v1/items", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert ([item["item_id"] for item in last["items"]], last["next_cursor"]) == (["c", "d"], None)


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=1.0", "limit=", "cursor=x", "cursor=", "offset=3", "limit=1&limit=1"]
)
async def test_list_parameters_are_refused_by_name(client: httpx.AsyncClient, query: str) -> None:
    answer = await client.get(f"/v1/items?{query}")
    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json()["errors"]] == [f"/query/{query.partition('=')[0]}"]
