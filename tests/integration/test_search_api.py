"""Search over HTTP: typos, people, while typing, for a user, page by page, and without what it stands on."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from search_films import FINDINGS, VISIBLE_MATRIX, found_in, ids, store_films
from trained import TASTES, Service, ServiceStarter, address, item_id, problem, title_of

from app.config import Settings

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def library(reading_service: Service) -> Service:
    """The small catalogue; the films are stored by the tests that need them, in services of their own."""
    return reading_service


async def search(service: Service, q: str, **query: Any) -> dict[str, Any]:
    return found_in(await service.client.get("/v1/search", params={"q": q, **query}))


async def assert_findings(service: Service, without_release: bool = False) -> None:
    for q, wanted, by, quality in FINDINGS:
        if without_release and (quality == "similar" and q in {"mtarix", "matirx"}):
            continue  # too few trigrams of a short word survive such a typo
        found = await search(service, q)
        assert wanted in ids(found), q
        item = found["items"][ids(found).index(wanted)]
        assert (item["match"]["by"], item["match"]["quality"]) == (by, quality), q
        assert not {"hidden", "gone", "later"} & set(ids(found)), q


async def test_what_was_stored_a_moment_ago_is_found(service: Service) -> None:
    await store_films(service)
    await assert_findings(service)
    found = await search(service, "keanu reeves")
    assert set(ids(found)) == VISIBLE_MATRIX
    assert {item["match"]["person"] for item in found["items"]} == {"Keanu Reeves"}
    assert ids(await search(service, "matrix"))[0] == "matrix"

    await service.put_item("matrix", title="Dune", people=[{"name": "Timoth\u00e9e Chalamet"}])
    assert ids(await search(service, "dune"))[0] == "matrix"
    assert ids(await search(service, "chalamet"))[0] == "matrix"
    assert set(ids(await search(service, "matrix"))) == set(ids(await search(service, "keanu"))) == {"reloaded"}
    await service.put_item("reloaded", title="Renamed twice")
    assert ids(await search(service, "keanu")) == []


async def test_without_a_release_the_database_alone_finds(new_service: Service) -> None:
    await store_films(new_service)
    await assert_findings(new_service, without_release=True)
    found = await search(new_service, "matrix", limit=1)
    assert (found["degraded"], found["release"], ids(found)) == (["no_release"], None, ["matrix"])
    rest = await search(new_service, "matrix", limit=1, cursor=found["next_cursor"])
    assert (ids(rest), rest["items"][0]["rank"], rest["next_cursor"]) == (["reloaded"], 2, None)
    assert ids(await search(new_service, "matrix", exclude_category="Loan")) == []
    assert ids(await search(new_service, "matrix", person="Carrie-Anne Moss")) == ["matrix"]
    await new_service.rate("fan", "reloaded")
    by_name = await search(new_service, "keanu reeves", limit=1, explain="true", fields=["people", "ratings"])
    assert ids(by_name) == ["reloaded"]
    (item,) = by_name["items"]
    assert item["item"] == {
        "people": [{"name": "Keanu Reeves", "role": "actor"}],
        "ratings": {"count": 1, "mean": 5.0},
    }
    assert (item["reasons"], item["contributions"].keys()) == ([], {"match", "popularity"})
    assert sum(item["contributions"].values()) == pytest.approx(item["score"])
    rest = await search(new_service, "keanu reeves", limit=1, cursor=by_name["next_cursor"])
    assert (ids(rest), rest["items"][0]["match"]["person"]) == (["matrix"], "Keanu Reeves")


@pytest.mark.parametrize("q", ["%", "_", "%_\\", "...", "'", "\u200d", "?!", "--", " ", "\t", "\\", "\u0301"])
async def test_punctuation_alone_finds_nothing(library: Service, q: str) -> None:
    assert (await search(library, q))["items"] == []


@pytest.mark.parametrize(
    "q",
    [
        "a" * 256,
        "ab " * 85,
        "\ufdfa" * 256,
        "\U0001f3ac" * 256,
        "'; DROP TABLE items; --",
        "zombie\r\n\x01",
        "\U0010ffff",
        "$1 %s :q",
    ],
)
async def test_any_text_is_taken(library: Service, q: str) -> None:
    await search(library, q)


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ({}, ("/query/q", "required")),
        ({"q": ""}, ("/query/q", "too_short")),
        ({"q": "a" * 257}, ("/query/q", "too_long")),
        ({"q": "a\0"}, ("/query/q", "nul_character")),
        ({"q": ["a", "b"]}, ("/query/q", "repeated_parameter")),
        ({"q": "a", "user_id": ""}, ("/query/user_id", "too_short")),
        ({"q": "a", "user_id": ".."}, ("/query/user_id", "reserved_id")),
        ({"q": "a", "limit": "101"}, ("/query/limit", "too_large")),
        ({"q": "a", "cursor": "made up"}, ("/query/cursor", "invalid_cursor")),
        ({"q": "a", "page": "2"}, ("/query/page", "unknown_parameter")),
    ],
)
async def test_what_cannot_be_a_search_is_refused(
    library: Service, query: dict[str, Any], error: tuple[str, str]
) -> None:
    assert error in problem(await library.client.get("/v1/search", params=query))


async def test_what_is_more_popular_comes_first_among_equal_matches(library: Service) -> None:
    found = ids(await search(library, "banana", category="Comedy", limit=100))
    popular = [
        item for item in (each["item_id"] for each in (await library.popular(limit=100))["items"]) if item in found
    ]
    starting = [item for item in found if title_of("Comedy", int(item[-2:])).startswith("Banana")]
    in_order = [item for item in popular if item in starting]
    assert [item for item in starting if item in in_order] == in_order


async def test_a_user_gets_what_suits_them_first(library: Service) -> None:
    for taste in ("Horror", "Western"):
        await library.like(f"{taste} fan", taste, range(4))
    for user, first in (("Horror fan", "Horror"), ("Western fan", "Western")):
        found = await search(library, "s", user_id=user, limit=6, exclude_category="Comedy")
        assert all(first in item["item"]["categories"] for item in found["items"][:3]), found
        assert found["degraded"] == []
    seen = item_id("Horror", 2)
    assert seen in ids(await search(library, title_of("Horror", 2), user_id="Horror fan"))
    newcomer = await search(library, "s", user_id="nobody yet", limit=6)
    assert ids(newcomer) == ids(await search(library, "s", limit=6))


async def test_filters_choose_before_the_cut_and_change_no_order(library: Service) -> None:
    everything = ids(await search(library, "s", limit=100))
    horror = ids(await search(library, "s", category="Horror", limit=100))
    assert horror == [item for item in everything if item.startswith("horror")]
    assert len(ids(await search(library, "s", category="Horror", limit=10))) == 10
    dated = await search(library, "s", released_from="2000-01-01", limit=100)
    assert {item["item"]["released_on"] >= "2000-01-01" for item in dated["items"]} == {True}
    assert item_id("Horror", 2) not in ids(await search(library, "s", exclude_item=item_id("Horror", 2), limit=100))


async def test_pages_walk_one_list_whatever_is_rated_meanwhile(library: Service) -> None:
    whole = ids(await search(library, "c", user_id="scroller", limit=100))
    walked: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = await search(library, "c", user_id="scroller", limit=7, **cursor)
        assert page["items"][0]["rank"] == len(walked) + 1
        walked += ids(page)
        await library.rate("scroller", walked[-1], value=0.5 + len(walked) % 5)
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert walked == whole
    assert len(walked) > 14


async def test_a_cursor_is_of_its_search_only(library: Service) -> None:
    cursor = (await search(library, "c", limit=1))["next_cursor"]
    for query, code in (
        ({"q": "s"}, "cursor_of_another_list"),
        ({"q": "c", "user_id": "a"}, "cursor_of_another_list"),
        ({"q": "c", "category": "Horror"}, "cursor_of_another_list"),
        ({"q": "c", "cursor": cursor[:-3]}, "invalid_cursor"),
    ):
        answer = await library.client.get("/v1/search", params={"cursor": cursor} | query)
        assert problem(answer) == [("/query/cursor", code)]
    assert len((await search(library, "C ", limit=3, cursor=cursor))["items"]) == 3


async def test_what_was_hidden_since_is_left_out_of_the_next_page(service: Service) -> None:
    first = await search(service, "banana", limit=2)
    whole = ids(await search(service, "banana", limit=100))
    await service.delete_item(whole[2])
    second = await search(service, "banana", limit=2, cursor=first["next_cursor"])
    assert (ids(second), second["items"][0]["rank"]) == (whole[3:5], 3)
    await service.delete_item(whole[0])
    assert whole[0] not in ids(await search(service, "banana", limit=100))


@pytest.fixture
async def cut_off(trained_settings: Settings, start_service: ServiceStarter) -> AsyncGenerator[Service]:
    """A service whose database answers no search: another holds what it would read."""
    async with start_service(trained_settings) as started:
        yield started


async def test_without_the_database_what_is_in_memory_is_searched(cut_off: Service) -> None:
    await store_films(cut_off)
    engine = cut_off.app.state.services.database.engine
    await engine.dispose()
    engine.sync_engine.pool._creator = _refuse  # nobody connects any more
    for q, wanted, by, quality in FINDINGS:
        found = await search(cut_off, q)
        item = found["items"][ids(found).index(wanted)]
        assert (item["match"]["by"], item["match"]["quality"]) == (by, quality), q
        assert found["degraded"] == [], q


def _refuse(*_: object) -> None:
    raise ConnectionRefusedError


async def test_searches_at_once_do_not_disturb_each_other(library: Service) -> None:
    alone = {taste: ids(await search(library, taste[:2])) for taste in TASTES}
    together = await asyncio.gather(*(search(library, taste[:2]) for taste in TASTES * 4))
    assert [ids(found) for found in together] == [alone[taste] for taste in TASTES * 4]


async def test_nothing_is_found_in_nothing(new_service: Service) -> None:
    found = await search(new_service, "anything at all")
    assert (found["items"], found["next_cursor"]) == ([], None)
    assert (await new_service.client.get(address("items"))).status_code == 200


async def test_limits_of_a_user_hold_and_what_they_suppressed_is_found(library: Service) -> None:
    wishes = {"limits": {"exclude_categories": ["Horror"]}}
    answer = await library.client.put(address("users", "careful", "preferences"), json=wishes)
    assert answer.status_code == 200, answer.text
    suppressed = item_id("Comedy", 0)
    path = address("users", "careful", "suppressions", "items", suppressed)
    assert (await library.client.put(path, json={})).status_code in {200, 201, 204}
    found = ids(await search(library, "s", user_id="careful", limit=100))
    assert found
    assert not any(item.startswith("horror") for item in found)
    assert suppressed in ids(await search(library, title_of("Comedy", 0), user_id="careful"))


async def test_the_length_of_a_page_does_not_decide_what_is_found(service: Service) -> None:
    for number in range(3):
        await service.put_item(f"man-{number}", title=f"Man {number}")
        await service.put_item(f"woman-{number}", title=f"Woman {number}")
    whole = await search(service, "man", limit=100)
    assert {each["item_id"].split("-")[0] for each in whole["items"]} == {"man", "woman"}
    for limit in (1, 3):
        first = await search(service, "man", limit=limit)
        rest = await search(service, "man", limit=100, cursor=first["next_cursor"])
        assert ids(first) + ids(rest) == ids(whole)


async def test_fields_choose_what_is_shown_and_no_other_list(library: Service) -> None:
    whole = await search(library, "c", limit=6)
    assert set(whole["items"][0]["item"]) == {"title", "categories", "released_on", "image_url"}
    first = await search(library, "c", limit=3, fields=["title", "tags", "ratings", "title"])
    assert {tuple(each["item"]) for each in first["items"]} == {("title", "tags", "ratings")}
    second = await search(library, "c", limit=3, cursor=first["next_cursor"], fields="categories", explain="true")
    assert [set(each["item"]) for each in second["items"]] == [{"categories"}] * 3
    assert ids(first) + ids(second) == ids(whole)
    answer = await library.client.get("/v1/search", params={"q": "c", "fields": ["title", "nonsense"]})
    assert problem(answer) == [("/query/fields/1", "not_allowed")]


async def test_an_explained_search_says_what_its_scores_are_made_of(library: Service) -> None:
    liked = await library.like("curious", "Horror", range(4))
    for q in ("s", "zombei", "zombie"):
        for user, source in (("curious", "personal"), ("nobody at all", "popularity"), (None, "popularity")):
            query = {} if user is None else {"user_id": user}
            plain = await search(library, q, limit=8, **query)
            found = await search(library, q, limit=8, explain="true", **query)
            assert [(each["item_id"], each["score"]) for each in found["items"]] == [
                (each["item_id"], each["score"]) for each in plain["items"]
            ]
            assert not {"reasons", "contributions", "predicted_rating"} & set(plain["items"][0])
            for item in found["items"]:
                assert item["contributions"].keys() == {"match", source}
                assert sum(item["contributions"].values()) == pytest.approx(item["score"], abs=1e-6)
                assert bool(item["reasons"]) == (user is not None)
                assert ("predicted_rating" in item) == (user is not None)
    explained = await search(library, "zombie", limit=5, explain="true", user_id="curious")
    because = [reason for item in explained["items"] for reason in item["reasons"]]
    rated = [reason for reason in because if reason["kind"] == "because_you_rated"]
    assert rated
    assert all(reason["item_id"] in liked and reason["value"] == 5 for reason in rated)
    after = await search(library, "zombie", limit=5, explain="true", user_id="curious", cursor=explained["next_cursor"])
    assert all(item["reasons"] and item["contributions"] for item in after["items"])
