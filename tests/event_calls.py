"""Calls of the events' endpoints, and a look at what they stored."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
from trained import address

from app.config import Settings
from app.services.recommendation_ids import ListKind, make_recommendation_id
from app.services.signing import open_signer


async def add_items(client: httpx.AsyncClient, *names: str) -> None:
    for name in names:
        assert (await client.put(address("items", name), json={"title": name})).status_code == 201


async def post_batch(client: httpx.AsyncClient, *rows: dict[str, Any]) -> dict[str, Any]:
    answer = await client.post("/v1/events:batch", json={"events": rows})
    assert answer.status_code == 200, answer.text
    return answer.json()


def stored(settings: Settings) -> list[tuple[Any, ...]]:
    assert settings.database_url is not None
    with psycopg.connect(settings.database_url.get_secret_value()) as connection:
        return connection.execute(
            "SELECT event_id, users.id, items.id, kind, value, session_id, recommendation_id, position, occurred_at"
            " FROM events JOIN items ON items.key = item_key LEFT JOIN users ON users.key = user_key ORDER BY event_id"
        ).fetchall()


def problem_code(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


def made_list(
    settings: Settings, kind: ListKind = "recommendations", *, days_ago: float = 0, release: str = "r1"
) -> str:
    """The recommendation_id of a list of this service."""
    made_at = datetime.now(UTC) - timedelta(days=days_ago)
    return make_recommendation_id(open_signer(settings), kind, release, made_at)
