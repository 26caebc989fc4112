"""Everything held on a user, handed out and erased."""

import asyncio
from datetime import UTC, datetime

import psycopg
import pytest
from psycopg import sql
from starlette.types import Message
from trained import Service, address, ids, item_id

from app.api import export_response
from app.api.export_response import ExportResponse
from app.api.schemas.user_export import UserExport, render_export
from app.services.user_export import MOST_EXPORTS, ROWS_A_PART, Exports

pytestmark = pytest.mark.anyio


async def exported(service: Service, user: str) -> UserExport:
    answer = await service.client.get(address("users", user, "export"))
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return UserExport.model_validate_json(answer.content, strict=True)


async def test_everything_is_exported_and_then_erased(reading_service: Service) -> None:
    client, user, former = reading_service.client, "export/é", "visitor to export"
    missing = await client.get(address("users", user, "export"))
    assert (missing.status_code, missing.json()["code"]) == (404, "unknown_user")
    await client.put(address("users", user), json={"attributes": {"club": "Horror"}})
    bare = await exported(reading_service, user)
    assert (bare.ratings, bare.events, bare.exposures, bare.aliases, bare.suppressions) == ([], [], [], [], [])
    liked = await reading_service.like(user, "Horror", range(3))
    await client.delete(address("users", user, "ratings", liked[0]))
    shown = await reading_service.recommend(former, limit=2)
    for place, item in enumerate(ids(shown), 1):
        event = {"user_id": former, "item_id": item, "kind": "impression", "position": place}
        event |= {"recommendation_id": shown["recommendation_id"], "event_id": f"export-{place}"}
        assert (await client.post("/v1/events", json=event)).status_code == 201
    path = address("users", user)
    merged = await client.post(path.copy_with(raw_path=path.raw_path + b":merge"), json={"from_user_id": former})
    assert merged.status_code == 200, merged.text
    await client.put(address("users", user, "preferences"), json={"liked": {"categories": ["Horror"]}})
    await client.put(address("users", user, "suppressions", "items", item_id("Comedy", 1)), json={"days": 3})

    found = await exported(reading_service, former)
    assert (found.user_id, found.attributes, [each.user_id for each in found.aliases]) == (
        user,
        {"club": "Horror"},
        [former],
    )
    assert {each.item_id: each.value for each in found.ratings} == {liked[0]: None, liked[1]: 5.0, liked[2]: 5.0}
    assert sorted((each.event_id, each.kind, each.position) for each in found.events) == [
        ("export-1", "impression", 1), ("export-2", "impression", 2),
    ]  # fmt: skip
    assert [(each.list_kind, each.shown, each.release, each.variant) for each in found.exposures] == [
        ("recommendations", True, shown["release"], shown.get("variant"))
    ] * 2
    assert (found.preferences.liked.categories, found.suppressions[0].id) == (["Horror"], item_id("Comedy", 1))

    with psycopg.connect(reading_service.database_url) as connection:
        (key,) = connection.execute("SELECT key FROM users WHERE id = %s", [user]).fetchone() or (0,)
        assert (await client.delete(address("users", user))).status_code == 204
        for table, column in (
            ("users", "key"), ("user_aliases", "user_key"), ("ratings", "user_key"), ("events", "user_key"),
            ("exposures", "viewer"), ("user_wishes", "user_key"),
        ):  # fmt: skip
            names = sql.Identifier(table), sql.Identifier(column)
            left = connection.execute(sql.SQL("SELECT count(*) FROM {} WHERE {} = %s").format(*names), [key])
            assert left.fetchone() == (0,), table
    assert (await client.get(address("users", user, "export"))).status_code == 404


async def test_a_long_history_is_exported_in_parts(reading_service: Service) -> None:
    rows = [
        {"user_id": "long export", "item_id": item_id("Western", n % 40), "kind": "click", "event_id": f"long-{n}"}
        for n in range(2 * ROWS_A_PART + 1)
    ]
    answer = await reading_service.client.post("/v1/events:batch", json={"events": rows})
    assert answer.json()["counts"]["created"] == len(rows)
    found = await exported(reading_service, "long export")
    assert {each.event_id for each in found.events} == {row["event_id"] for row in rows}
    assert [each.occurred_at for each in found.events] == sorted(each.occurred_at for each in found.events)


async def test_only_so_many_exports_are_read_at_a_time(
    reading_service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each holds a connection: readers who are slow, or never read, must not take all of them."""
    await reading_service.like("slow export", "Horror", range(1))
    exports: Exports = reading_service.app.state.services.exports
    monkeypatch.setattr(export_response, "SEND_SECONDS", 0.01)
    for _ in range(2):
        begun = [await exports.begin("slow export", now=datetime.now(UTC)) for _ in range(MOST_EXPORTS)]
        refused = await reading_service.client.get(address("users", "slow export", "export"))
        assert (refused.status_code, refused.json()["code"]) == (503, "too_many_exports")
        assert refused.headers["retry-after"]
        for export in begun:
            answer = ExportResponse(export, render_export(export.held, export.feedback))
            await answer.stream_response(_never_sent)
    monkeypatch.undo()
    assert (await exported(reading_service, "slow export")).ratings


async def _never_sent(_: Message) -> None:
    await asyncio.Event().wait()
