"""A small catalogue of three tastes, its ratings, and a service that was trained on them."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import numpy as np
import psycopg
from fastapi import FastAPI
from psycopg.types.json import Jsonb

from app.api.schemas.lists import RankedList
from app.config import Settings
from app.db import driver_url, open_sync_engine
from app.services.live_engine import LiveEngine
from training.collaborative import AlsParameters
from training.content import ContentParameters
from training.fit import Parameters
from training.pipeline import Published, train

TASTES = ("Comedy", "Horror", "Western")
ITEMS_A_TASTE = 40
USERS_A_TASTE = 100
NOUNS = {
    "Comedy": ("Banana", "Circus", "Giggle", "Prank", "Clown"),
    "Horror": ("Crypt", "Ghoul", "Scream", "Zombie", "Coffin"),
    "Western": ("Saloon", "Sheriff", "Stagecoach", "Outlaw", "Prairie"),
}
NEWEST = datetime(2026, 11, 1, tzinfo=UTC)
PARAMETERS = Parameters(
    als=AlsParameters(factors=8, regularisation=2.0, iterations=6), content=ContentParameters(width=16)
)


def item_id(taste: str, number: int) -> str:
    """The id of an item of the small catalogue."""
    return f"{taste.lower()}-{number:02}"


def fill_database(url: str) -> None:
    """Store the catalogue and its ratings. Every tenth item has no release date; low numbers are rated more often; users say
    what they like by their `club`."""
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        with cursor.copy("COPY items (id, title, categories, released_on) FROM STDIN") as copy:
            for taste in TASTES:
                for number in range(ITEMS_A_TASTE):
                    released = None if number % 10 == 9 else date(1980 + number, 6, 15)
                    copy.write_row((item_id(taste, number), title_of(taste, number), [taste, "Film"], released))
        with cursor.copy("COPY users (id, attributes) FROM STDIN") as copy:
            for user in range(USERS_A_TASTE * len(TASTES)):
                attributes = {"club": TASTES[user % len(TASTES)], "seat": user, "rows": [user]}
                copy.write_row((f"user-{user:03}", Jsonb(attributes)))
        keys = dict(cursor.execute("SELECT id, key FROM items").fetchall())
        users = dict(cursor.execute("SELECT id, key FROM users").fetchall())
        with cursor.copy("COPY ratings (user_key, item_key, value, rated_at) FROM STDIN") as copy:
            for user, item, value, when in _ratings():
                copy.write_row((users[user], keys[item], value, when))


def title_of(taste: str, number: int) -> str:
    """The title of an item of the small catalogue."""
    nouns = NOUNS[taste]
    return f"{nouns[number % len(nouns)]} {nouns[(number // len(nouns)) % len(nouns)]} {number}"


def _ratings() -> list[tuple[str, str, float, datetime]]:
    """Each user likes most of what is of their taste, and has tried a few others."""
    rng = np.random.default_rng(7)
    fame = 1 / (3.0 + np.arange(ITEMS_A_TASTE))
    rows: list[tuple[str, str, float, datetime]] = []
    for user in range(USERS_A_TASTE * len(TASTES)):
        own = TASTES[user % len(TASTES)]
        for taste in TASTES:
            count = 14 if taste == own else 2
            for number in rng.choice(ITEMS_A_TASTE, count, replace=False, p=fame / fame.sum()):
                value = float(rng.choice([4.0, 4.5, 5.0])) if taste == own else float(rng.choice([1.0, 1.5, 2.0, 3.0]))
                when = NEWEST - timedelta(seconds=int(rng.integers(0, 200 * 86_400)))
                rows.append((f"user-{user:03}", item_id(taste, int(number)), value, when))
    return rows


def train_small(url: str, artifacts: Path) -> Published:
    """Train on what the database holds, and activate the release."""
    with open_sync_engine(url) as engine:
        return train(engine, artifacts, scale_top=5.0, now=datetime.now(UTC), parameters=PARAMETERS)


@dataclass
class Service:
    """A whole service in this process, and the calls that the tests make of it."""

    app: FastAPI
    client: httpx.AsyncClient
    settings: Settings

    @property
    def live(self) -> LiveEngine:
        return self.app.state.services.live

    @property
    def database_url(self) -> str:
        assert self.settings.database_url is not None
        return driver_url(self.settings.database_url.get_secret_value())

    async def put_item(self, item: str, **fields: Any) -> None:
        answer = await self.client.put(address("items", item), json=fields)
        assert answer.status_code in {200, 201}, answer.text

    async def put_another(self, item: str, taste: str, **fields: Any) -> None:
        """Store an item that anybody would call one of that taste."""
        await self.put_item(item, **{"title": title_of(taste, 7), "categories": [taste, "Film"]} | fields)

    async def delete_item(self, item: str) -> None:
        assert (await self.client.delete(address("items", item))).status_code == 204

    async def rate(self, user: str, *items: str, value: float = 5.0) -> None:
        for item in items:
            answer = await self.client.post("/v1/ratings", json={"user_id": user, "item_id": item, "value": value})
            assert answer.status_code in {200, 201}, answer.text

    async def like(self, user: str, taste: str, numbers: range = range(3)) -> list[str]:
        """Rate items of one taste 5 stars; gives their ids."""
        items = [item_id(taste, number) for number in numbers]
        await self.rate(user, *items)
        return items

    async def recommend(self, user: str, **query: Any) -> dict[str, Any]:
        return checked(await self.client.get(address("users", user, "recommendations"), params=query))

    async def recommend_for(self, history: list[dict[str, Any]], **query: Any) -> dict[str, Any]:
        return checked(await self.client.post("/v1/recommendations", json={"history": history}, params=query))

    async def similar(self, item: str, **query: Any) -> dict[str, Any]:
        return checked(await self.client.get(address("items", item, "similar"), params=query))

    async def popular(self, **query: Any) -> dict[str, Any]:
        return checked(await self.client.get("/v1/popular", params=query))


ServiceStarter = Callable[[Settings], AbstractAsyncContextManager[Service]]


def address(*segments: str) -> httpx.URL:
    """An address under /v1, each segment encoded, sent as it stands: httpx would tidy up an encoded dot."""
    path = "/".join(quote(segment, safe="") for segment in segments)
    return httpx.URL("http://medley.test").copy_with(raw_path=f"/v1/{path}".encode())


def checked(answer: httpx.Response) -> dict[str, Any]:
    """The list in an answer, once it is one: as documented, ranked from 1 on its first page, by falling score unless it is to be
    diverse or is a later page, and no item twice."""
    assert answer.status_code == 200, answer.text
    RankedList.model_validate_json(answer.content, strict=True)
    listed: dict[str, Any] = answer.json()
    items = listed["items"]
    query = answer.request.url.params
    first = items[0]["rank"] if "cursor" in query and items else 1
    assert [each["rank"] for each in items] == list(range(first, first + len(items)))
    scores = [each["score"] for each in items]
    assert scores == sorted(scores, reverse=True) or {"diversity", "cursor"} & query.keys()
    assert len(set(ids(listed))) == len(items)
    return listed


def ids(listed: dict[str, Any]) -> list[str]:
    """The ids of a list, best first."""
    return [each["item_id"] for each in listed["items"]]


def share_of(listed: dict[str, Any], taste: str) -> float:
    """How much of a list is of one taste."""
    return float(np.mean([taste in each["item"]["categories"] for each in listed["items"]]))


def problem(answer: httpx.Response, status: int = 422) -> list[tuple[str, str]]:
    """The pointers and codes of a refusal."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return [(each["pointer"], each["code"]) for each in answer.json()["errors"]]
