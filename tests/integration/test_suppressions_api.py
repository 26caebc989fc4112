"""Not this item, not this category: from the very next list on, for a while or for good, and undone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
from trained import Service, address, ids, item_id, problem, share_of

pytestmark = pytest.mark.anyio

HORROR = item_id("Horror", 5)


async def suppress(service: Service, user: str, *subject: str, **until: Any) -> httpx.Response:
    where = address("users", user, "suppressions", *subject)
    answer = await service.client.put(where, **({"json": until} if until else {}))
    assert answer.status_code == 200, answer.text
    return answer


async def restore(service: Service, user: str, *subject: str) -> None:
    answer = await service.client.delete(address("users", user, "suppressions", *subject))
    assert answer.status_code == 204, answer.text


async def suppressed(service: Service, user: str) -> list[tuple[str, str, str | None]]:
    answer = await service.client.get(address("users", user, "suppressions"))
    assert answer.status_code == 200, answer.text
    return [(each["kind"], each["id"], each["expires_at"]) for each in answer.json()["suppressions"]]


async def everything(service: Service, user: str) -> set[str]:
    listed = await service.recommend(user, limit=100, category="Horror", include_seen="true")
    assert listed["degraded"] == []
    return set(ids(listed))


async def test_a_suppressed_item_is_gone_from_the_next_list_until_undone(reading_service: Service) -> None:
    before = await reading_service.recommend("picky", limit=100, category="Horror")
    answer = await suppress(reading_service, "picky", "items", HORROR)
    assert answer.json() == {"kind": "item", "id": HORROR, "expires_at": None}
    after = await reading_service.recommend("picky", limit=100, category="Horror")
    assert ids(after) == [item for item in ids(before) if item != HORROR]
    assert (after["fallback"], after["history_size"]) == ("popularity", 0), "it says nothing about a taste"
    assert await suppressed(reading_service, "picky") == [("item", HORROR, None)]
    assert HORROR in await everything(reading_service, "somebody else")
    for _ in range(2):
        await restore(reading_service, "picky", "items", HORROR)
        assert HORROR in await everything(reading_service, "picky")
    assert await suppressed(reading_service, "picky") == []


async def test_a_suppressed_category_is_gone_from_the_next_list_until_undone(reading_service: Service) -> None:
    await reading_service.like("squeamish", "Horror")
    assert share_of(await reading_service.recommend("squeamish", limit=10), "Horror") > 0.8
    await suppress(reading_service, "squeamish", "categories", "Horror", days=30)
    assert await everything(reading_service, "squeamish") == set()
    assert len(ids(await reading_service.recommend("squeamish", limit=10))) == 10
    await restore(reading_service, "squeamish", "categories", "Horror")
    assert share_of(await reading_service.recommend("squeamish", limit=10), "Horror") > 0.8


async def test_a_suppression_expires(reading_service: Service) -> None:
    soon = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=123_456)
    written = soon.isoformat().replace("+00:00", "Z")
    await suppress(reading_service, "patient", "items", HORROR, expires_at=written)
    await suppress(reading_service, "patient", "categories", "Film", expires_at=written)
    assert await suppressed(reading_service, "patient") == [("item", HORROR, written), ("category", "Film", written)]
    assert await everything(reading_service, "patient") == set()
    with psycopg.connect(reading_service.database_url) as connection:  # an hour later
        connection.execute(
            "UPDATE user_wishes SET suppressions ="
            " (SELECT jsonb_object_agg(key, value::float8 - 3601) FROM jsonb_each(suppressions))"
            " WHERE user_key = (SELECT key FROM users WHERE id = 'patient')"
        )
    assert HORROR in await everything(reading_service, "patient")
    assert await suppressed(reading_service, "patient") == []
    await suppress(reading_service, "patient", "items", item_id("Horror", 6))
    assert await suppressed(reading_service, "patient") == [("item", item_id("Horror", 6), None)]


async def test_a_suppression_is_replaced_by_the_next_and_outlives_preferences(reading_service: Service) -> None:
    await suppress(reading_service, "wavering", "items", HORROR, days=1)
    await suppress(reading_service, "wavering", "items", HORROR)
    preferences = address("users", "wavering", "preferences")
    assert (
        await reading_service.client.put(preferences, json={"liked": {"categories": ["Horror"]}})
    ).status_code == 200
    assert (await reading_service.client.delete(preferences)).status_code == 204
    assert await suppressed(reading_service, "wavering") == [("item", HORROR, None)]


@pytest.mark.parametrize(
    ("subject", "body", "errors"),
    [
        (("items", "no-such"), {}, [("/path/item_id", "unknown_item")]),
        (("items", HORROR), {"days": 0}, [("/days", "too_small")]),
        (("items", HORROR), {"days": 1.5}, [("/days", "not_an_integer")]),
        (("items", HORROR), {"expires_at": "2020-01-01T00:00:00Z"}, [("/expires_at", "in_the_past")]),
        (("items", HORROR), {"days": 1, "expires_at": "2999-01-01T00:00:00Z"}, [("", "expires_twice")]),
        (("categories", "x" * 101), {}, [("/path/category", "too_long")]),
    ],
)
async def test_suppressions_that_cannot_be_are_refused(
    reading_service: Service, subject: tuple[str, str], body: Any, errors: Any
) -> None:
    answer = await reading_service.client.put(address("users", "r", "suppressions", *subject), json=body)
    assert problem(answer) == errors


async def test_a_user_can_suppress_only_so_much(reading_service: Service) -> None:
    await suppress(reading_service, "furious", "categories", "none")
    with psycopg.connect(reading_service.database_url) as connection:
        connection.execute(
            "UPDATE user_wishes SET suppressions = (SELECT jsonb_object_agg('c' || n, null) FROM generate_series(1, 1000) AS n)"
            " WHERE user_key = (SELECT key FROM users WHERE id = 'furious')"
        )
    answer = await reading_service.client.put(address("users", "furious", "suppressions", "items", HORROR))
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_suppressions")
    assert len(ids(await reading_service.recommend("furious", limit=10))) == 10
    await suppress(reading_service, "furious", "categories", "8")
    await restore(reading_service, "furious", "categories", "7")
    await suppress(reading_service, "furious", "items", HORROR)


async def test_undoing_what_never_was_is_fine(reading_service: Service) -> None:
    for subject in (("items", "no-such"), ("items", HORROR), ("categories", "Horror")):
        await restore(reading_service, "never seen", *subject)
