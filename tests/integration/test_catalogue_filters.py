"""The catalogue over HTTP, narrowed down: filters, fields, and cursors that are of one question."""

from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest
from databases import fresh_database
from trained import ITEMS_A_TASTE, Service, ServiceStarter, problem

from app.api.schemas.items import ItemPage
from app.config import Settings

pytestmark = pytest.mark.anyio

ITEMS: dict[str, dict[str, Any]] = {
    "a": {
        "categories": ["Drama", "Crime"],
        "tags": ["prison"],
        "people": [{"name": "Frank Darabont", "role": "director"}],
        "released_on": "1994-09-23",
        "duration_minutes": 142,
        "certificate": "R",
        "language": "en",
        "votes": 24_000,
        "vote_mean": 8.5,
    },
    "b": {"categories": ["Comedy"], "released_on": "2001-01-01", "duration_minutes": 90, "language": "pt-BR"},
    "c": {"categories": ["Comedy", "Drama"], "tags": ["prison", "50% off"], "certificate": "PG", "language": "en-GB"},
    "d": {"votes": 10, "vote_mean": 2.0},
    "e/\U0001f3ac": {"categories": ["Drama"], "available_from": "2999-01-01T00:00:00Z"},
    "hidden": {"categories": ["Drama"], "hidden": True},
    "gone": {"categories": ["Drama"]},
}
EVERYTHING = ["a", "b", "c", "d", "e/\U0001f3ac"]
RATED = {"a": [5, 5, 4], "b": [1, 1, 1], "c": [4]}


@pytest.fixture(scope="module")
async def catalogue(
    server_url: str, template_database: str, tmp_path_factory: pytest.TempPathFactory, start_service: ServiceStarter
) -> AsyncGenerator[Service]:
    """A service without a release, with a few items that say much, little, or nothing."""
    with fresh_database(server_url, template_database) as url:
        async with start_service(Settings(database_url=url, data_dir=tmp_path_factory.mktemp("catalogue"))) as started:
            for item, fields in ITEMS.items():
                await started.put_item(item, **{"title": f"Title {item}"} | fields)
            await started.delete_item("gone")
            for item, values in RATED.items():
                for user, value in enumerate(values):
                    await started.rate(f"user {user}", item, value=value)
            yield started


async def listed(service: Service, **query: Any) -> dict[str, Any]:
    answer = await service.client.get("/v1/items", params=query)
    assert answer.status_code == 200, answer.text
    ItemPage.model_validate_json(answer.content, strict=True)
    return answer.json()


def ids(page: dict[str, Any]) -> list[str]:
    return [each["item_id"] for each in page["items"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, EVERYTHING),
        ({"category": "Drama"}, ["a", "c", "e/\U0001f3ac"]),
        ({"category": ["Crime", "Comedy"]}, ["a", "b", "c"]),
        ({"category": "drama"}, []),
        ({"exclude_category": "Drama"}, ["b", "d"]),
        ({"category": "Drama", "exclude_category": "Comedy"}, ["a", "e/\U0001f3ac"]),
        ({"exclude_item": ["a", "e/\U0001f3ac", "no such"]}, ["b", "c", "d"]),
        ({"released_from": "1994-09-23"}, ["a", "b"]),
        ({"released_from": "1994-09-24"}, ["b"]),
        ({"released_to": "1994-09-23"}, ["a"]),
        ({"released_from": "2002-01-01", "released_to": "2001-01-01"}, []),
        ({"max_duration": 90}, ["b"]),
        ({"certificate": ["PG", "R"]}, ["a", "c"]),
        ({"language": "EN"}, ["a", "c"]),
        ({"language": ["pt", "fr"]}, ["b"]),
        ({"person": "Frank Darabont"}, ["a"]),
        ({"tag": "prison"}, ["a", "c"]),
        ({"tag": "50% off"}, ["c"]),
        ({"min_ratings": 1}, ["a", "b", "c", "d"]),
        ({"min_ratings": 4}, ["a", "d"]),
        ({"min_rating": 3.02}, ["a", "c"]),
        ({"min_rating": -1000}, ["a", "b", "c", "d"]),
        ({"min_rating": 3, "category": "Comedy"}, ["c"]),
    ],
)
async def test_filters_are_those_of_the_lists(catalogue: Service, query: dict[str, Any], expected: list[str]) -> None:
    assert ids(await listed(catalogue, **query)) == expected
    walked: list[str] = []
    page: dict[str, Any] = {"next_cursor": None}
    while not walked or page["next_cursor"]:
        after = {"cursor": page["next_cursor"]} if page["next_cursor"] else {}
        page = await listed(catalogue, limit=1, **query, **after)
        walked += ids(page)
        if not expected:
            break
    assert walked == expected


async def test_fields_are_what_is_shown_of_an_item(catalogue: Service) -> None:
    whole = (await listed(catalogue, category="Crime"))["items"][0]
    alone = (await catalogue.client.get("/v1/items/a")).json()
    assert whole == {name: value for name, value in alone.items() if name != "ratings"}
    shown = await listed(catalogue, fields=["ratings", "people", "updated_at"])
    assert shown["items"][0] == {
        "item_id": "a",
        "people": [{"name": "Frank Darabont", "role": "director"}],
        "updated_at": whole["updated_at"],
        "ratings": {"count": 3, "mean": pytest.approx(14 / 3)},
    }
    assert shown["items"][3]["ratings"] == {"count": 0, "mean": None}
    first = await listed(catalogue, limit=2, fields="title")
    second = await listed(catalogue, limit=2, fields=["hidden", "hidden"], cursor=first["next_cursor"])
    assert second["items"] == [{"item_id": "c", "hidden": False}, {"item_id": "d", "hidden": False}]


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ({"fields": "item_id"}, ("/query/fields/0", "not_allowed")),
        ({"category": ""}, ("/query/category/0", "too_short")),
        ({"released_from": "1994"}, ("/query/released_from", "not_a_date")),
        ({"max_duration": "-1"}, ("/query/max_duration", "too_small")),
        ({"language": "not a language"}, ("/query/language/0", "wrong_form")),
        ({"include_seen": "true"}, ("/query/include_seen", "unknown_parameter")),
        ({"explain": "true"}, ("/query/explain", "unknown_parameter")),
    ],
)
async def test_what_is_no_filter_is_refused(catalogue: Service, query: dict[str, str], error: tuple[str, str]) -> None:
    assert problem(await catalogue.client.get("/v1/items", params=query)) == [error]


async def test_a_cursor_goes_with_its_filters(catalogue: Service) -> None:
    cursors = [(await listed(catalogue, limit=1, **query))["next_cursor"] for query in ({}, {"category": "Drama"})]
    for cursor, query in zip(cursors, ({"category": "Drama"}, {}), strict=True):
        answer = await catalogue.client.get("/v1/items", params={"cursor": cursor} | query)
        assert problem(answer) == [("/query/cursor", "invalid_cursor")]


async def test_a_filtered_page_is_sent_once(catalogue: Service) -> None:
    query = {"category": "Comedy", "fields": ["title", "ratings"]}
    first = await catalogue.client.get("/v1/items", params=query)
    known = {"If-None-Match": first.headers["etag"]}
    assert (await catalogue.client.get("/v1/items", params=query, headers=known)).status_code == 304
    other: httpx.Response = await catalogue.client.get("/v1/items", params={"category": "Comedy"}, headers=known)
    assert other.status_code == 200
    await catalogue.rate("user 9", "b", value=2)
    assert (await catalogue.client.get("/v1/items", params=query, headers=known)).status_code == 200
    assert (await catalogue.client.delete("/v1/users/user%209/ratings/b")).status_code == 204


async def test_the_mean_of_a_release_is_what_an_item_is_shrunk_to(service: Service) -> None:
    """With a release the catalogue and the lists let the same items pass, as long as nothing was rated since."""
    for query in ({"min_rating": 3.9}, {"min_rating": 3.95}, {"min_ratings": 30}):
        popular = await service.popular(limit=100, category="Horror", **query)
        page = await listed(service, limit=100, category="Horror", **query)
        assert 0 < len(page["items"]) < ITEMS_A_TASTE
        assert {each["item_id"] for each in popular["items"]} == set(ids(page))
