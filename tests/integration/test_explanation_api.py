"""Why an item is in a user's list, or why not: every reason is brought about and told, and the figures are those of the list."""

from dataclasses import replace
from typing import Any

import psycopg
import pytest
from trained import Service, address, ids, item_id, problem, title_of

from app.api.schemas.explanation import ExplanationOut

pytestmark = pytest.mark.anyio


async def explain(service: Service, user: str, item: str, **query: Any) -> dict[str, Any]:
    """The explanation, once it is as documented and adds up."""
    answer = await service.client.get(address("users", user, "recommendations", item, "explanation"), params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    ExplanationOut.model_validate_json(answer.content, strict=True)
    found: dict[str, Any] = answer.json()
    if found["score"] is not None:
        assert sum(found["contributions"].values()) == pytest.approx(found["score"], abs=1e-3)
    for entry in found["evidence"]:
        assert sum(entry["signals"].values()) == pytest.approx(entry["part"], abs=1e-4)
    assert found["listed"] == (found["list_rank"] is not None) == (found["obstacles"] == [])
    return found


def codes(found: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [(each["code"], each["subject"]) for each in found["obstacles"]]


async def state(service: Service, user: str, *parts: str, **body: Any) -> None:
    answer = await service.client.put(address("users", user, *parts), json=body)
    assert answer.status_code in {200, 201, 204}, answer.text


QUERIES: list[dict[str, Any]] = [
    {},
    {"limit": 5},
    {"limit": 30, "category": "Horror"},
    {"signals": ["content", "popularity"]},
    {"popularity": -0.5},
    {"include_seen": "true", "limit": 7},
    {"diversity": 0.7, "limit": 8},
    {"released_from": "1990-01-01", "exclude_category": "Comedy"},
]


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("user", ["user-003", "nobody yet"])
async def test_rank_score_contributions_and_reasons_are_those_of_the_list(
    reading_service: Service, user: str, query: dict[str, Any]
) -> None:
    listed = await reading_service.recommend(user, explain="true", **query)
    for item in listed["items"][::3]:
        found = await explain(reading_service, user, item["item_id"], **query)
        assert found["list_rank"] == item["rank"]
        assert found["score"] == pytest.approx(item["score"], abs=1e-4)
        assert found["contributions"] == pytest.approx(item["contributions"], abs=1e-4)
        assert found["reasons"] == item["reasons"]
        assert found["prediction"]["predicted_rating"] == item["predicted_rating"]
        assert (found["fallback"], found["history_size"]) == (listed["fallback"], listed["history_size"])
    if not query:
        for rank, item in enumerate(listed["items"], 1):
            assert (await explain(reading_service, user, item["item_id"]))["rank"] == rank


async def test_who_is_outranked_hears_by_how_much(reading_service: Service) -> None:
    whole = await reading_service.recommend("user-006", limit=40)
    place = 29
    item = whole["items"][place]
    found = await explain(reading_service, "user-006", item["item_id"], limit=10)
    (obstacle,) = found["obstacles"]
    assert (obstacle["code"], obstacle["rank"], found["rank"]) == ("outranked", place + 1, place + 1)
    assert obstacle["behind"] == pytest.approx(whole["items"][9]["score"] - item["score"], abs=1e-4)
    assert found["out_of"] > 40


async def test_the_evidence_is_the_history(service: Service) -> None:
    liked = await service.like("fan", "Horror", range(3))
    await service.rate("fan", item_id("Western", 1), value=0.5)
    event = {"user_id": "fan", "item_id": item_id("Horror", 7), "kind": "like"}
    assert (await service.client.post("/v1/events", json=event)).status_code == 201
    found = await explain(service, "fan", item_id("Horror", 9))
    by_item = {entry["item_id"]: entry for entry in found["evidence"]}
    assert set(by_item) <= {*liked, item_id("Western", 1), item_id("Horror", 7)}
    assert by_item[liked[0]]["value"] == 5.0
    assert by_item[liked[0]]["title"] == title_of("Horror", 0)
    assert by_item[item_id("Horror", 7)]["event"] == "like"
    assert by_item[item_id("Horror", 7)]["value"] is None
    assert sum(by_item[item]["part"] for item in liked) > 0
    parts = [abs(entry["part"]) for entry in found["evidence"]]
    assert parts == sorted(parts, reverse=True)


async def test_the_evidence_names_nothing_that_must_not_be_seen(service: Service) -> None:
    liked = await service.like("fan", "Horror", range(4))
    await service.like("fan", "Western", range(2))

    async def named() -> set[str]:
        return {entry["item_id"] for entry in (await explain(service, "fan", item_id("Horror", 9)))["evidence"]}

    assert await named() >= set(liked)
    await state(service, "fan", "suppressions", "items", liked[0])
    await service.put_item(liked[1], title="Veiled", categories=["Horror"], hidden=True)
    assert await named() & set(liked) == set(liked[2:])
    await state(service, "fan", "preferences", limits={"exclude_categories": ["Horror"]})
    assert not await named() & set(liked)


async def test_what_keeps_an_item_out_is_told_by_its_code(service: Service) -> None:
    comedy, horror = item_id("Comedy", 0), item_id("Horror", 0)
    await service.rate("ann", comedy)
    assert codes(await explain(service, "ann", comedy)) == [("seen", None)]
    assert ("seen", None) not in codes(await explain(service, "ann", comedy, include_seen="true"))

    await state(service, "ann", "suppressions", "items", horror)
    await state(service, "ann", "suppressions", "categories", "Western")
    assert codes(await explain(service, "ann", horror)) == [("suppressed", "item")]
    assert codes(await explain(service, "ann", item_id("Western", 0))) == [("suppressed", "Western")]

    limits = {"max_duration": 100, "certificates": ["G"], "languages": ["en"], "exclude_categories": ["Horror"]}
    await state(service, "bob", "preferences", limits=limits)
    assert codes(await explain(service, "bob", horror)) == [("hard_limit", name) for name in limits]

    filters = {
        "category": "Western",
        "exclude_category": "Horror",
        "exclude_item": horror,
        "released_from": "1990-01-01",
        "released_to": "1970-01-01",
        "max_duration": 90,
        "certificate": "G",
        "min_rating": 5,
        "min_ratings": 1_000_000,
        "language": "en",
        "person": "Nobody",
        "tag": "none",
    }
    told = codes(await explain(service, "cat", horror, **filters))
    assert {code for code, _ in told} == {"filtered"}
    assert {subject for _, subject in told} == set(filters)

    await service.put_item("veiled", title="Veiled", hidden=True)
    await service.put_item("later", title="Later", available_from="2999-01-01T00:00:00Z")
    await service.put_item("gone", title="Gone")
    await service.delete_item("gone")
    for item, code in (("veiled", "hidden"), ("later", "unavailable"), ("gone", "deleted")):
        assert codes(await explain(service, "cat", item)) == [(code, None)]
        assert item not in ids(await service.recommend("cat", limit=100))
    several = codes(await explain(service, "ann", comedy, exclude_category="Comedy"))
    assert several == [("seen", None), ("filtered", "exclude_category")]


async def test_of_an_unknown_item_nothing_is_told(reading_service: Service) -> None:
    for item in ("no such thing", "a/b", "x" * 256):
        answer = await reading_service.client.get(address("users", "u", "recommendations", item, "explanation"))
        assert answer.status_code == 404
        assert answer.json()["code"] == "unknown_item"
    path = address("users", "u", "recommendations", item_id("Horror", 1), "explanation")
    assert problem(await reading_service.client.get(path, params={"limit": 0})) == [("/query/limit", "too_small")]


async def test_without_a_release_what_keeps_it_out_is_told_all_the_same(new_service: Service) -> None:
    await new_service.put_item("one", title="One", categories=["Horror"])
    await new_service.put_item("veiled", title="Veiled", hidden=True)
    await new_service.put_item("later", title="Later", available_from="2999-01-01T00:00:00Z")
    await new_service.put_item("gone", title="Gone")
    await new_service.delete_item("gone")
    for item, code in (("veiled", "hidden"), ("later", "unavailable"), ("gone", "deleted")):
        assert codes(await explain_unranked(new_service, "ann", item)) == [(code, None)]
    assert codes(await explain_unranked(new_service, "ann", "one")) == []
    await new_service.rate("ann", "one")
    await state(new_service, "ann", "suppressions", "items", "one")
    await state(new_service, "ann", "preferences", limits={"exclude_categories": ["Horror"]})
    told = codes(await explain_unranked(new_service, "ann", "one", category="Western", min_ratings=3))
    assert told == [
        ("seen", None),
        ("suppressed", "item"),
        ("hard_limit", "exclude_categories"),
        ("filtered", "category"),
        ("filtered", "min_ratings"),
    ]
    missing = await new_service.client.get(address("users", "ann", "recommendations", "none", "explanation"))
    assert missing.status_code == 404


async def explain_unranked(service: Service, user: str, item: str, **query: Any) -> dict[str, Any]:
    answer = await service.client.get(address("users", user, "recommendations", item, "explanation"), params=query)
    assert answer.status_code == 200, answer.text
    ExplanationOut.model_validate_json(answer.content, strict=True)
    found: dict[str, Any] = answer.json()
    assert (found["listed"], found["rank"], found["score"], found["degraded"]) == (False, None, None, ["no_release"])
    return found


async def test_without_the_history_a_newcomer_is_explained(service: Service) -> None:
    await service.like("fan", "Horror")
    state = service.app.state
    state.services = replace(state.services, settings=service.settings.model_copy(update={"history_timeout_ms": 200}))
    with psycopg.connect(service.database_url) as other:
        other.execute("LOCK TABLE ratings IN ACCESS EXCLUSIVE MODE")
        found = await explain(service, "fan", item_id("Comedy", 3))
    assert (found["degraded"], found["fallback"], found["evidence"]) == (["database"], "popularity", [])
