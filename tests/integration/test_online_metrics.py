"""Impressions, clicks and conversions: what counts, that it counts once, and what the metrics say of it."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from databases import fresh_database
from event_calls import made_list, post_batch
from trained import Service, ServiceStarter, problem

from app.config import Settings
from app.db import open_sync_engine
from app.services.online_metrics import wilson
from training.retention import delete_old_events, delete_old_exposures

pytestmark = pytest.mark.anyio

NOTHING = {"impressions": 0, "clicks": 0, "conversions": 0}


@pytest.fixture(scope="module")
async def shared(
    server_url: str, template_database: str, tmp_path_factory: pytest.TempPathFactory, start_service: ServiceStarter
) -> AsyncGenerator[Service]:
    """A service whose lists each test tells apart by a release of its own."""
    with fresh_database(server_url, template_database) as url:
        settings = Settings(database_url=url, data_dir=tmp_path_factory.mktemp("online"), port=0)
        async with start_service(settings) as started:
            for item in ("a", "b", "c", "d"):
                await started.put_item(item, title=item)
            yield started


async def send(service: Service, *rows: dict[str, Any]) -> None:
    result = await post_batch(service.client, *rows)
    assert result["counts"]["rejected"] == 0, result


async def lines(service: Service, release: str, **query: Any) -> list[dict[str, Any]]:
    await service.app.state.services.conversions.flush()
    answer = await service.client.get("/v1/metrics/online", params=query)
    assert answer.status_code == 200, answer.text
    return [each for each in answer.json()["metrics"] if each["release"] == release]


async def counts(service: Service, release: str) -> dict[str, int]:
    [line] = await lines(service, release) or [NOTHING]
    return {name: line[name] for name in NOTHING}


def seen(recommendation_id: str, item: str, kind: str = "impression", **more: Any) -> dict[str, Any]:
    row = {"item_id": item, "kind": kind, "recommendation_id": recommendation_id, "position": 1}
    return row | ({} if "session_id" in more else {"user_id": "ada"}) | more


async def test_a_list_is_followed_from_its_answer_to_the_metrics(service: Service) -> None:
    listed = await service.recommend("user-001", limit=5)
    shown = [{"user_id": "user-001", "item_id": each["item_id"], "kind": "impression", "position": each["rank"],
              "recommendation_id": listed["recommendation_id"]} for each in listed["items"]]  # fmt: skip
    clicked = shown[1] | {"kind": "click"}
    await send(service, *shown, clicked)
    await service.rate("user-001", shown[2]["item_id"], value=4.0)
    [line] = await lines(service, listed["release"])
    assert line["day"] == datetime.now(UTC).date().isoformat()
    expected = {"impressions": 5, "clicks": 1, "conversions": 1}
    assert {name: line[name] for name in expected} == expected
    assert line["lists"] == {"recommendations": expected}
    assert line["click_through"]["value"] == line["conversion_rate"]["value"] == pytest.approx(0.2)
    assert 0 < line["click_through"]["low"] < 0.2 < line["click_through"]["high"] < 1
    assert (line["items_shown"], line["coverage"]) == (5, pytest.approx(5 / 120))


async def test_nothing_counts_twice_however_often_and_at_once_it_is_sent(shared: Service) -> None:
    recommendation = made_list(shared.settings, release="twice")
    rows = [seen(recommendation, item, kind) for item in ("a", "b") for kind in ("impression", "click", "purchase")]
    await asyncio.gather(*(send(shared, *rows) for _ in range(6)))
    for row in rows:
        assert (await shared.client.post("/v1/events", json=row)).status_code == 201
    assert await counts(shared, "twice") == {"impressions": 2, "clicks": 2, "conversions": 2}
    [line] = await lines(shared, "twice")
    assert (line["items_shown"], line["coverage"]) == (2, None)


async def test_each_viewer_and_each_list_counts(shared: Service) -> None:
    first, second = made_list(shared.settings, release="each"), made_list(shared.settings, "popular", release="each")
    await send(
        shared,
        seen(first, "a"),
        seen(second, "a"),
        seen(second, "a", user_id="bob"),
        seen(second, "a", session_id="s1"),
        seen(second, "a", session_id="s2"),
        seen(second, "a", kind="click", session_id="s2"),
    )
    [line] = await lines(shared, "each")
    assert line["lists"] == {
        "recommendations": {"impressions": 1, "clicks": 0, "conversions": 0},
        "popular": {"impressions": 4, "clicks": 1, "conversions": 0},
    }
    assert line["items_shown"] == 1


async def test_what_was_never_shown_does_not_count_until_it_was(shared: Service) -> None:
    recommendation = made_list(shared.settings, release="late")
    await send(shared, seen(recommendation, "a", "click"), seen(recommendation, "b", "purchase"))
    assert await counts(shared, "late") == NOTHING
    await send(shared, seen(recommendation, "a"), seen(recommendation, "b"))
    assert await counts(shared, "late") == {"impressions": 2, "clicks": 2, "conversions": 1}


@pytest.mark.parametrize(
    ("event", "clicks", "conversions"),
    [({"kind": "view"}, 1, 0), ({"kind": "play", "value": 0.2}, 1, 0), ({"kind": "play", "value": 0.9}, 1, 1),
     ({"kind": "like"}, 1, 1), ({"kind": "dislike"}, 0, 0), ({"kind": "dismiss"}, 0, 0)],
    ids=str,
)  # fmt: skip
async def test_what_an_event_says_of_its_list_follows_from_its_weight(
    shared: Service, event: dict[str, Any], clicks: int, conversions: int
) -> None:
    release = f"weight-{event['kind']}-{event.get('value')}"
    recommendation = made_list(shared.settings, release=release)
    await send(shared, seen(recommendation, "c"), seen(recommendation, "c") | event)
    assert await counts(shared, release) == {"impressions": 1, "clicks": clicks, "conversions": conversions}


async def test_the_last_list_that_showed_an_item_has_the_credit(shared: Service) -> None:
    user = {"user_id": "credit"}
    old, new = (made_list(shared.settings, release=name, days_ago=days) for name, days in (("old", 2), ("new", 1)))
    gone = made_list(shared.settings, release="gone", days_ago=6.9)
    await send(shared, seen(old, "a", **user), seen(new, "a", **user), seen(gone, "b", **user), seen(old, "c", **user))
    await send(shared, {"item_id": "a", "kind": "purchase", **user}, {"item_id": "d", "kind": "purchase", **user})
    await shared.rate("credit", "b", value=5.0)
    await shared.rate("credit", "c", value=3.5)
    await shared.rate("someone-else", "c", value=5.0)
    assert (await counts(shared, "new"))["conversions"] == 1
    assert (await counts(shared, "old"))["conversions"] == 0
    assert (await counts(shared, "gone"))["conversions"] == 1
    rows = [{"user_id": "credit", "item_id": item, "value": 4.5} for item in ("a", "c")]
    assert (await shared.client.post("/v1/ratings:batch", json={"ratings": rows})).status_code == 200
    assert (await counts(shared, "new"))["conversions"] == 1
    assert (await counts(shared, "old"))["conversions"] == 1


async def test_a_visitor_who_logs_in_converts_what_the_session_saw(shared: Service) -> None:
    recommendation = made_list(shared.settings, release="visitor")
    await send(shared, seen(recommendation, "a", session_id="v"), seen(recommendation, "b", session_id="v"))
    await send(shared, {"item_id": "a", "kind": "purchase", "session_id": "v"})
    await send(shared, {"item_id": "b", "kind": "purchase", "session_id": "v", "user_id": "now-known"})
    assert await counts(shared, "visitor") == {"impressions": 2, "clicks": 0, "conversions": 2}


async def test_a_forged_id_is_refused_and_a_late_impression_too(shared: Service) -> None:
    recommendation = made_list(shared.settings, release="late-news", days_ago=8)
    forged = recommendation[:-1] + ("A" if recommendation[-1] != "A" else "B")
    rows = [
        seen(forged, "a"),
        seen(recommendation, "a"),
        seen(recommendation, "a", "purchase"),
        seen("rec_x", "a", "play"),
    ]
    result = await post_batch(shared.client, *rows)
    assert [(each["outcome"], each["code"]) for each in result["outcomes"]] == [
        ("rejected", "invalid_recommendation_id"), ("rejected", "recommendation_expired"),
        ("created", None), ("rejected", "invalid_recommendation_id"),
    ]  # fmt: skip
    pointer = "/recommendation_id"
    assert problem(await shared.client.post("/v1/events", json=rows[0])) == [(pointer, "invalid_recommendation_id")]
    assert problem(await shared.client.post("/v1/events", json=rows[1])) == [(pointer, "recommendation_expired")]
    assert await counts(shared, "late-news") == NOTHING


async def test_the_days_are_those_of_the_lists_and_turn_page_by_page(shared: Service) -> None:
    today = datetime.now(UTC).date()
    for days in range(5):
        recommendation = made_list(shared.settings, release="paged", days_ago=days)
        await send(shared, seen(recommendation, "a"), seen(recommendation, "b", session_id=f"p{days}"))
    found: list[tuple[str, str | None]] = []
    cursor: dict[str, str] = {}
    while True:
        query = {"limit": 1, "day_to": today.isoformat(), "day_from": (today - timedelta(days=3)).isoformat()}
        page = (await shared.client.get("/v1/metrics/online", params=query | cursor)).json()
        found += [(each["day"], each["release"]) for each in page["metrics"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert found == sorted(found, key=lambda each: (-date.fromisoformat(each[0]).toordinal(), each[1] or ""))
    assert len(set(found)) == len(found)
    assert [day for day, release in found if release == "paged"] == [
        (today - timedelta(days=n)).isoformat() for n in range(4)
    ]


@pytest.mark.parametrize(
    "query",
    [{"day_from": "2026-01-02", "day_to": "2026-01-01"}, {"day_from": "2020-01-01", "day_to": "2026-01-01"},
     {"day_to": "0001-01-05"}, {"day_from": "9999-12-31"}, {"day_to": "9999-12-31"}, {"cursor": "made-up"}],
    ids=str,
)  # fmt: skip
async def test_odd_days_are_answered_or_refused(shared: Service, query: dict[str, str]) -> None:
    answer = await shared.client.get("/v1/metrics/online", params=query)
    if "day_to" in query and "day_from" not in query:
        assert answer.json() == {"metrics": [], "next_cursor": None}
    else:
        assert (
            problem(answer) == [("/query/cursor", "invalid_cursor")]
            if "cursor" in query
            else [("/query/day_from", "bad_range")]
        )


async def test_counts_outlive_what_was_counted(
    settings: Settings, start_service: ServiceStarter, tmp_path: Path
) -> None:
    async with start_service(settings) as service:
        for item in ("a", "b"):
            await service.put_item(item, title=item)
        recommendation = made_list(settings, release="kept")
        await send(
            service,
            seen(recommendation, "a"),
            seen(recommendation, "b", user_id="bob"),
            seen(recommendation, "b", "click"),
        )
        before = await lines(service, "kept")
        with (
            open_sync_engine(service.database_url) as engine,
            psycopg.connect(service.database_url, autocommit=True) as look,
        ):
            look.execute("DELETE FROM users WHERE id = 'bob'")
            assert look.execute("SELECT count(*) FROM exposures").fetchone() == (2,)
            later = datetime.now(UTC) + timedelta(days=400)
            delete_old_events(engine, days=30, now=later)
            assert delete_old_exposures(engine, days=7, now=datetime.now(UTC) + timedelta(days=7)) == 0
            assert delete_old_exposures(engine, days=7, now=later, rows=1) == 2
            left = look.execute(
                "SELECT (SELECT count(*) FROM exposures), (SELECT count(*) FROM exposed_items), count(*) FROM events"
            )
            assert left.fetchone() == (0, 0, 0)
        assert await lines(service, "kept") == before


def test_wilson_intervals_are_those_of_the_literature() -> None:
    share = wilson(81, 263)
    assert share is not None
    assert (round(share.value, 4), round(share.low, 4), round(share.high, 4)) == (0.308, 0.2553, 0.3662)
    assert wilson(0, 0) is None
    none, every = wilson(0, 20), wilson(20, 20)
    assert none is not None
    assert every is not None
    assert (none.low, every.high) == (0, 1)
    assert none.high == pytest.approx(1 - every.low) == pytest.approx(0.1611, abs=1e-4)
