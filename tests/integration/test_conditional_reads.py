"""What is the same for everybody carries a tag, and 304 while nothing changed; what is personal may not be kept."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from trained import Service, address, item_id

pytestmark = pytest.mark.anyio

COMMON = [
    "/v1/items?limit=3",
    f"/v1/items/{item_id('Horror', 3)}",
    f"/v1/items/{item_id('Horror', 3)}/similar?limit=3",
    "/v1/categories",
    "/v1/popular?limit=3",
    "/v1/popular?limit=3&period=month",
    "/v1/trending?limit=3",
    "/v1/latest?limit=3&explain=true",
    "/v1/search?q=ghoul&limit=3",
]
PERSONAL = [
    "recommendations",
    "home",
    "ratings",
    "preferences",
    "suppressions",
    "predictions?item_id=horror-03",
    "neighbours",
]


@pytest.mark.parametrize("path", COMMON)
async def test_what_is_for_everybody_is_sent_once(reading_service: Service, path: str) -> None:
    client = reading_service.client
    first = await client.get(path)
    assert first.status_code == 200, first.text
    tag = first.headers["etag"]
    assert (tag[:3], first.headers["cache-control"]) == ('W/"', "private, no-cache")
    for known in (tag, f'"other", {tag}', "*"):
        again = await client.get(path, headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert (again.headers["etag"], again.headers["cache-control"]) == (tag, "private, no-cache")
    other = await client.get(path, headers={"If-None-Match": 'W/"other"'})
    assert (other.status_code, other.headers["etag"]) == (200, tag)
    head = await client.head(path)
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", tag)
    assert (await client.head(path, headers={"If-None-Match": tag})).status_code == 304


async def test_no_tag_outlives_the_cursor_that_it_leaves_out(service: Service) -> None:
    """Each hour a client asks whether its first page is still good: as long as it is told so, its cursor is taken."""
    state, start = service.app.state, datetime(2026, 11, 21, 7, 30, tzinfo=UTC)
    state.services = replace(state.services, now=lambda: start)
    kept = await service.client.get("/v1/popular?limit=3")
    whole = await service.client.get("/v1/items/horror-03")
    said: list[int] = []
    for hours in range(1, 30):
        now = start + timedelta(hours=hours)
        state.services = replace(state.services, now=lambda now=now: now)
        again = await service.client.get("/v1/popular?limit=3", headers={"If-None-Match": kept.headers["etag"]})
        said.append(again.status_code)
        kept = kept if again.status_code == 304 else again
        query = {"limit": "3", "cursor": kept.json()["next_cursor"]}
        assert (await service.client.get("/v1/popular", params=query)).status_code == 200, hours
    assert said.count(200) <= 3, "a list that stays is not sent again each time"
    assert (await service.client.get("/v1/items/horror-03")).headers["etag"] == whole.headers["etag"]


async def test_a_change_of_the_catalogue_changes_the_tags(service: Service) -> None:
    client, top = service.client, (await service.popular(limit=1))["items"][0]["item_id"]
    paths = [
        "/v1/items?limit=100",
        f"/v1/items/{top}",
        "/v1/popular?limit=3",
        "/v1/latest?limit=100",
        f"/v1/search?q={top}",
    ]
    tags = {path: (await client.get(path)).headers["etag"] for path in paths}
    similar = f"/v1/items/{item_id('Horror', 3)}/similar?limit=100"
    tags[similar] = (await client.get(similar)).headers["etag"]
    tags["/v1/categories"] = (await client.get("/v1/categories")).headers["etag"]
    await service.put_item(top, title=f"Now called {top}", categories=["Horror", "Renamed"], released_on="2026-01-01")
    for path, tag in tags.items():
        changed = await client.get(path, headers={"If-None-Match": tag})
        assert changed.status_code == 200, path
        assert changed.headers["etag"] != tag


async def test_what_is_personal_is_kept_by_nobody(reading_service: Service) -> None:
    await reading_service.like("kept by nobody", "Horror")
    paths = [f"/v1/users/kept%20by%20nobody/{rest}" for rest in PERSONAL]
    paths += ["/v1/users/kept%20by%20nobody", "/v1/search?q=ghoul&user_id=kept%20by%20nobody"]
    for path in paths:
        answer = await reading_service.client.get(path, headers={"If-None-Match": "*"})
        assert (answer.status_code, answer.headers.get("cache-control")) == (200, "no-store"), path
        assert "etag" not in answer.headers
    posted = await reading_service.client.post("/v1/recommendations", json={"history": []})
    assert posted.headers["cache-control"] == "no-store"
    liked = item_id("Horror", 0)
    for path in (address("users", "kept by nobody", "ratings", liked),):
        assert (await reading_service.client.get(path)).headers.get("cache-control") == "no-store"


async def test_refusals_have_no_tag(reading_service: Service) -> None:
    for path in ("/v1/items/no-such", "/v1/popular?limit=0", "/v1/search?q="):
        answer = await reading_service.client.get(path, headers={"If-None-Match": "*"})
        assert answer.status_code in {404, 422}
        assert "etag" not in answer.headers


async def test_a_field_of_an_item_that_is_called_like_one_of_a_list_counts(service: Service) -> None:
    names = ("as_of", "next_cursor", "recommendation_id", "generated_at")
    for path in ("/v1/popular", "/v1/search", "/v1/items"):
        query = {"category": "Named", "fields": "attributes"} | ({"q": "banana"} if path == "/v1/search" else {})
        for name in names:
            tags: set[str] = set()
            for value in ("one", "two"):
                await service.put_item("named", title="Banana", categories=["Named"], attributes={name: value})
                answer = await service.client.get(path, params=query)
                assert answer.json()["items"], path
                tags.add(answer.headers["etag"])
            assert len(tags) == 2, (path, name)
