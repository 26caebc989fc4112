"""Paging: every page is of one list that stays as it was, whatever happens meanwhile."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx
import pytest
from anyio import to_thread
from trained import ITEMS_A_TASTE, TASTES, Service, address, checked, fill_database, ids, item_id, problem, train_small

pytestmark = pytest.mark.anyio

HISTORY = [{"item_id": item_id("Horror", 0), "value": 5.0}]
KINDS = ["recommend", "recommend_for", "similar", "popular"]
Listed = dict[str, Any]


async def one_page(service: Service, kind: str, **query: Any) -> Listed:
    match kind:
        case "recommend":
            return await service.recommend("pager", **query)
        case "recommend_for":
            return await service.recommend_for(HISTORY, **query)
        case "similar":
            return await service.similar(item_id("Horror", 0), **query)
        case _:
            return await service.popular(**query)


async def pages(service: Service, kind: str, limits: tuple[int, ...] = (20,), **query: Any) -> AsyncIterator[Listed]:
    """Every page of a list, of these sizes in turn."""
    sizes = cycle(limits)
    page = await one_page(service, kind, limit=next(sizes), **query)
    yield page
    while page["next_cursor"] is not None:
        page = await one_page(service, kind, limit=next(sizes), cursor=page["next_cursor"], **query)
        yield page


async def walk(service: Service, kind: str, limits: tuple[int, ...] = (20,), **query: Any) -> list[Any]:
    return [each async for page in pages(service, kind, limits, **query) for each in page["items"]]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "query", [{}, {"category": ["Comedy", "Western"], "released_from": "1985-01-01"}, {"diversity": 0.6}]
)
async def test_pages_of_any_size_make_up_one_list(reading_service: Service, kind: str, query: dict[str, Any]) -> None:
    await reading_service.rate("pager", item_id("Horror", 0))
    whole = await walk(reading_service, kind, (100,), **query)
    assert len(whole) >= 60
    assert [each["rank"] for each in whole] == list(range(1, len(whole) + 1))
    assert len({each["item_id"] for each in whole}) == len(whole)
    assert whole[:100] == (await one_page(reading_service, kind, limit=100, **query))["items"]
    for limits in ((20,), (7, 31)):
        assert await walk(reading_service, kind, limits, **query) == whole
    if not query:
        assert len(whole) == len(TASTES) * ITEMS_A_TASTE - (kind != "popular")


async def test_every_page_says_of_which_list_it_is(reading_service: Service) -> None:
    found = [page async for page in pages(reading_service, "popular", (50,), explain="true")]
    assert len({page["recommendation_id"] for page in found}) == len({page["release"] for page in found}) == 1
    for each in (item for page in found for item in page["items"]):
        assert sum(each["contributions"].values()) == pytest.approx(each["score"], rel=1e-4, abs=1e-5)
        assert each["reasons"]
    again = await one_page(reading_service, "popular")
    assert again["recommendation_id"] != found[0]["recommendation_id"]
    bare = await one_page(reading_service, "popular", cursor=again["next_cursor"], fields=["title"], limit=3)
    assert [set(each["item"]) for each in bare["items"]] == [{"title"}] * 3


async def test_a_list_stays_as_it_was_while_everything_else_changes(service: Service) -> None:
    await service.like("pager", "Horror")
    await service.put_another("late", "Horror")
    await service.put_another("late-too", "Western")
    expected = {kind: [each["item_id"] for each in await walk(service, kind, (100,))] for kind in KINDS}
    first = {kind: await one_page(service, kind, limit=30) for kind in KINDS}
    shown = {each for page in first.values() for each in ids(page)}
    rest = [each for each in expected["recommend"] if each not in shown and not each.startswith("late")]

    await service.rate("pager", *rest[:5], "late")
    await service.rate("pager", item_id("Comedy", 39), value=0.5)
    await service.put_another(rest[1], "Comedy", hidden=True)
    await service.delete_item(rest[2])
    await service.put_another(rest[3], "Western", title="Renamed")
    await service.put_another("newest", "Horror")
    gone = {rest[1], rest[2]}
    artifacts: Path = service.settings.data_dir / "artifacts"

    async def check() -> None:
        for kind, page in first.items():
            found, ranks, last = ids(page), [each["rank"] for each in page["items"]], page
            while last["next_cursor"]:
                last = await one_page(service, kind, limit=17, cursor=last["next_cursor"])
                found += ids(last)
                ranks += [each["rank"] for each in last["items"]]
                assert last["recommendation_id"] == page["recommendation_id"]
                assert last["release"] == page["release"]
            assert found == [each for each in expected[kind] if each not in gone], kind
            assert ranks == list(range(1, len(found) + 1))

    await check()
    published = await to_thread.run_sync(train_small, service.database_url, artifacts)
    await service.live.look()
    assert (await service.popular())["release"] == published.release
    await check()
    service.live.serving = None
    del first["similar"]
    await check()


async def test_without_a_release_lists_are_walked_as_well(new_service: Service) -> None:
    service = new_service
    await to_thread.run_sync(fill_database, service.database_url)
    for kind in ("popular", "recommend", "recommend_for"):
        whole = await walk(service, kind, (100,))
        assert await walk(service, kind, (20, 3)) == whole
        assert len({each["item_id"] for each in whole}) == len(whole) == 120 - (kind == "recommend_for")
    popular = [each["item_id"] for each in await walk(service, "popular")]
    page = await service.recommend("pager", limit=10)
    await service.rate("pager", *ids(await service.recommend("pager", limit=20))[10:15])
    following = await service.recommend("pager", limit=10, cursor=page["next_cursor"])
    assert ids(following) == popular[10:20]
    assert following["degraded"] == ["no_release"]


def sent(service: Service, path: httpx.URL, **query: Any) -> Any:
    return service.client.get(path, params=query)


async def test_a_cursor_is_of_use_for_its_own_list_alone(reading_service: Service) -> None:
    service = reading_service
    mine, popular = address("users", "pager", "recommendations"), address("popular")
    page = checked(await sent(service, mine, category="Comedy", diversity=0.3))
    cursor = page["next_cursor"]
    assert (await sent(service, mine, category="Comedy", diversity="0.30", cursor=cursor, limit=3)).status_code == 200
    others = [
        sent(service, mine, cursor=cursor),
        sent(service, mine, category="Horror", diversity=0.3, cursor=cursor),
        sent(service, mine, category="Comedy", diversity=0.4, cursor=cursor),
        sent(service, mine, category="Comedy", diversity=0.3, include_seen="true", cursor=cursor),
        sent(service, address("users", "another", "recommendations"), category="Comedy", diversity=0.3, cursor=cursor),
        sent(service, popular, category="Comedy", diversity=0.3, cursor=cursor),
    ]
    for other in others:
        assert problem(await other) == [("/query/cursor", "cursor_of_another_list")]
    alike = checked(await sent(service, address("items", item_id("Horror", 0), "similar")))["next_cursor"]
    for path, by in ((item_id("Horror", 1), "hybrid"), (item_id("Horror", 0), "content")):
        refused = await sent(service, address("items", path, "similar"), by=by, cursor=alike)
        assert problem(refused) == [("/query/cursor", "cursor_of_another_list")]


async def test_a_cursor_that_was_changed_or_made_up_is_refused(reading_service: Service) -> None:
    popular = address("popular")
    cursor = (await reading_service.popular())["next_cursor"]
    raw = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    changed = [bytes([*raw[:at], raw[at] ^ 1, *raw[at + 1 :]]) for at in range(0, len(raw), 9)]
    made_up = [urlsafe_b64encode(each).decode().rstrip("=") for each in (*changed, raw[:-1], raw + b"\0", b"", b"x")]
    recommendation = (await reading_service.popular())["recommendation_id"]
    for each in [*made_up, "x", "\u00e9", "%", cursor + "=", cursor[:-1], recommendation, recommendation[4:]]:
        answer = await sent(reading_service, popular, cursor=each)
        assert problem(answer) in ([("/query/cursor", "invalid_cursor")], [("/query/cursor", "too_short")]), each
        assert answer.json()["code"] in {"invalid_cursor", "invalid_input"}
    too_long = await sent(reading_service, popular, cursor="x" * 8193)
    assert problem(too_long) == [("/query/cursor", "too_long")]
    twice = await reading_service.client.get(f"/v1/popular?cursor={cursor}&cursor={cursor}")
    assert problem(twice) == [("/query/cursor", "repeated_parameter")]


async def test_an_old_cursor_is_refused_and_says_so(service: Service) -> None:
    page = await service.popular()
    now = datetime.now(UTC)
    object.__setattr__(service.app.state.services, "now", lambda: now + timedelta(hours=23, minutes=59))
    assert (await sent(service, address("popular"), cursor=page["next_cursor"])).status_code == 200
    object.__setattr__(service.app.state.services, "now", lambda: now + timedelta(hours=24, minutes=1))
    refused = await sent(service, address("popular"), cursor=page["next_cursor"])
    assert problem(refused) == [("/query/cursor", "cursor_expired")]
    assert refused.json()["code"] == "cursor_expired"


async def test_a_list_is_500_items_long_and_its_cursor_short(service: Service) -> None:
    rows = [{"item_id": f"bulk-{n}", "title": f"Ghoul {n}", "categories": ["Bulk"]} for n in range(600)]
    await service.client.post("/v1/items:batch", json={"items": rows})
    found = [page async for page in pages(service, "popular", (100,), category="Bulk")]
    assert [len(page["items"]) for page in found] == [100] * 5
    assert len({each for page in found for each in ids(page)}) == 500
    shortest = await service.popular(limit=1, category="Bulk")
    assert len(shortest["next_cursor"]) < 3_000
    assert [len(p["items"]) async for p in pages(service, "popular", (100,), category="Bulk", diversity=0.5)] == [
        100
    ] * 2
