"""Compression both ways, limits by address, CORS: what stands around every route."""

import gzip
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import Response

from app.api.compression import takes_gzip
from app.api.routing import Router
from app.api.schemas.base import Strict
from app.config import Settings
from app.main import create_app
from app.services.rate_limits import RateLimiter, identity_of

pytestmark = pytest.mark.anyio
LIMIT = 100_000
ORIGIN = "https://shop.example"
router = Router()


class Note(Strict):
    text: str


@router.post("/sizes")
async def measure(note: Note) -> Response:
    return Response(str(len(note.text)))


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(
        max_body_bytes=LIMIT, allow_unauthenticated=True, cors_origins=ORIGIN, trusted_proxies="127.0.0.1",
        rate_limit_per_address="40/hour",
    )  # fmt: skip
    app = create_app(settings)
    app.router.routes.extend(router.routes)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://medley.test") as opened:
        yield opened


async def send(client: httpx.AsyncClient, body: bytes) -> httpx.Response:
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    return await client.post("/sizes", content=body, headers=headers)


async def test_compressed_bodies_are_read_within_the_limit(client: httpx.AsyncClient) -> None:
    body = json.dumps({"text": "x" * 90_000}).encode()
    assert (await send(client, gzip.compress(body))).text == "90000"
    assert (await send(client, gzip.compress(body[:500]) + gzip.compress(body[500:]))).text == "90000"
    bomb = gzip.compress(json.dumps({"text": "x" * 50_000_000}).encode())
    faults = {
        gzip.compress(body)[:-9]: (400, "truncated_gzip"),
        gzip.compress(body)[:30]: (400, "truncated_gzip"),
        b"": (400, "truncated_gzip"),
        body: (400, "malformed_gzip"),
        gzip.compress(body) + b"rubbish": (400, "malformed_gzip"),
        bomb: (413, "content_too_large"),
    }
    for sent, expected in faults.items():
        answer = await send(client, sent)
        assert (answer.status_code, answer.json()["code"]) == expected


async def test_answers_are_compressed_for_those_who_take_it(client: httpx.AsyncClient) -> None:
    plain = await client.get("/openapi.json", headers={"accept-encoding": "identity"})
    packed = await client.get("/openapi.json", headers={"accept-encoding": "br, gzip"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content
    assert (await client.head("/openapi.json", headers={"accept-encoding": "gzip"})).content == b""
    assert not takes_gzip([(b"accept-encoding", b"gzip;q=0, br")])
    assert takes_gzip([(b"accept-encoding", b"gzip;q=0.5")])


async def test_each_address_behind_the_proxy_has_its_own_limit(client: httpx.AsyncClient) -> None:
    async def call(address: str) -> httpx.Response:
        return await client.post("/sizes", json={"text": "a"}, headers={"x-forwarded-for": address})

    first = await call("203.0.113.7")
    assert first.headers["RateLimit"].startswith('"address-3600";r=39;t=')
    assert first.headers["RateLimit-Policy"] == '"address-3600";q=40;w=3600'
    for _ in range(39):
        await call("203.0.113.7")
    refused = await call("203.0.113.7")
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
    assert 3_500 < int(refused.headers["Retry-After"]) <= 3_600
    assert (await call("203.0.113.8")).status_code == 200


async def test_pages_of_the_origins_named_may_call(client: httpx.AsyncClient) -> None:
    ask = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    assert (await client.options("/sizes", headers=ask)).headers["access-control-allow-origin"] == ORIGIN
    assert (
        "access-control-allow-origin"
        not in (await client.options("/sizes", headers=ask | {"Origin": "https://x"})).headers
    )


def test_windows_end_and_ipv6_counts_by_site() -> None:
    now = [0.0]
    limiter = RateLimiter("key", "2/minute;3/hour", lambda: now[0])
    assert [limiter.take("a").retry_after for _ in range(3)] == [None, None, 60]
    now[0] = 61.0
    assert limiter.take("a").retry_after == 3_600 - 61
    assert limiter.take("b").retry_after is None
    assert identity_of("2001:db8::1") == identity_of("2001:db8::ffff") != identity_of("2001:db8:0:1::1")
