"""Items that feedback names before the catalogue does."""

from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from pydantic import SecretStr

from app.config import Settings

pytestmark = pytest.mark.anyio


@pytest.fixture
async def client_with_placeholders(database_url: str, tmp_path: Path):
    from app.main import create_app  # noqa: PLC0415 - as in conftest

    app = create_app(Settings(database_url=SecretStr(database_url), data_dir=tmp_path, create_placeholder_items=True))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://medley.test") as opened,
    ):
        yield opened


async def test_the_setting_makes_placeholder_items(client_with_placeholders: httpx.AsyncClient) -> None:
    client = client_with_placeholders
    rating = {"user_id": "ada", "item_id": "new/one", "value": 4}
    assert (await client.post("/v1/ratings", json=rating)).status_code == 201
    batch = {"ratings": [{"user_id": "ada", "item_id": "new two", "value": 3}]}
    assert (await client.post("/v1/ratings:batch", json=batch)).json()["counts"]["created"] == 1
    for name in ("new/one", "new two"):
        assert (await client.get(f"/v1/items/{quote(name, safe='')}")).json()["title"] == name
    assert (await client.delete("/v1/items/new%20two")).status_code == 204
    refused = await client.post("/v1/ratings", json=rating | {"item_id": "new two"})
    assert refused.json()["code"] == "unknown_item"
