"""Reads while the database is slow, gone, or cut off: they answer in time, say what was missing, and recover."""

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import Any

import psycopg
import pytest
from sqlalchemy.engine import make_url
from trained import Service, ServiceStarter, ids, share_of

from app.config import Settings

pytestmark = pytest.mark.anyio

BOUND_SECONDS = 2.0


class Line:
    """A line to the database that can be cut, and then refuses whoever calls."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def restore(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._open):
            writer.transport.abort()
        await asyncio.sleep(0.05)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self._target)
        self._open |= {writer, back}
        try:
            await asyncio.gather(self._copy(reader, back), self._copy(there, writer))
        finally:
            self._open -= {writer, back}

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.transport.abort()


@pytest.fixture
async def line(trained_settings: Settings) -> AsyncGenerator[Line]:
    assert trained_settings.database_url is not None
    url = make_url(trained_settings.database_url.get_secret_value())
    trained_settings.artifacts.mkdir()  # where the release is remembered, for a start without the database
    opened = Line(url.host or "127.0.0.1", url.port or 5432)
    await opened.restore()
    yield opened
    await opened.cut()


@pytest.fixture
async def far(trained_settings: Settings, start_service: ServiceStarter, line: Line) -> AsyncGenerator[Service]:
    """A service that reaches its database over the line."""
    assert trained_settings.database_url is not None
    url = make_url(trained_settings.database_url.get_secret_value()).set(host="127.0.0.1", port=line.port)
    far_settings = Settings(
        **trained_settings.model_dump(exclude={"database_url", "history_timeout_ms"}),
        database_url=url.render_as_string(hide_password=False),
    )
    async with start_service(far_settings) as started:
        yield started


async def timed(service: Service, user: str) -> dict[str, Any]:
    began = time.monotonic()
    listed = await service.recommend(user, limit=100)
    assert time.monotonic() - began < BOUND_SECONDS
    return listed


async def recovered(service: Service, user: str) -> dict[str, Any]:
    deadline = time.monotonic() + 10
    while (listed := await timed(service, user))["degraded"]:
        assert time.monotonic() < deadline, "it did not recover"
        await asyncio.sleep(0.1)
    return listed


async def test_a_history_that_is_locked_is_not_waited_for(trained_settings: Settings, far: Service) -> None:
    service = far
    await service.like("fan", "Horror")
    assert trained_settings.database_url is not None
    with psycopg.connect(trained_settings.database_url.get_secret_value()) as other:
        other.execute("LOCK TABLE ratings IN ACCESS EXCLUSIVE MODE")
        lists = await asyncio.gather(*(timed(service, "fan") for _ in range(12)))
    for listed in lists:
        assert (listed["degraded"], listed["fallback"], listed["history_size"]) == (["database"], "popularity", 0)
        assert len(listed["items"]) == 100
    assert share_of(await recovered(service, "fan"), "Horror") >= 0.3


async def test_reads_go_on_without_the_database_and_recover(
    trained_settings: Settings, far: Service, line: Line
) -> None:
    assert trained_settings.database_url is not None
    rated = await far.like("fan", "Horror")
    await line.cut()
    for _ in range(10):
        listed = await timed(far, "fan")
        assert (listed["degraded"], listed["fallback"]) == (["database"], "popularity")
        assert len(listed["items"]) == 100
    posted = await far.recommend_for([{"item_id": rated[0], "value": 5.0}], limit=10)
    assert (posted["degraded"], posted["history_size"]) == ([], 1)
    assert len(ids(await far.popular())) == len(ids(await far.similar(rated[0]))) == 20
    await far.live.look()
    assert (await far.client.get("/health/ready")).status_code == 200
    refused = await far.client.post("/v1/ratings", json={"user_id": "fan", "item_id": "horror-09", "value": 5.0})
    assert refused.status_code == 503

    await line.restore()
    assert not set(rated) & set(ids(await recovered(far, "fan")))
    await far.rate("fan", "horror-09")
    assert (await recovered(far, "fan"))["history_size"] == 4
    # Not over the line, which this very thread keeps going.
    with psycopg.connect(trained_settings.database_url.get_secret_value()) as other:
        other.execute("UPDATE items SET hidden = true WHERE id = 'horror-11'")
    await far.live.look()
    assert "horror-11" not in ids(await far.popular(limit=100, category="Horror"))


async def test_a_terminated_connection_is_replaced(service: Service) -> None:
    await service.like("fan", "Horror")
    await service.recommend("fan")
    with psycopg.connect(service.database_url, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert (await recovered(service, "fan"))["history_size"] == 3
    await service.live.look()
    await service.live.look()


async def test_without_release_and_database_lists_are_empty_and_say_so(far: Service, line: Line) -> None:
    far.live.serving = None
    await line.cut()
    for listed in (await timed(far, "fan"), await far.popular(), await far.similar("horror-09")):
        assert (listed["items"], listed["release"]) == ([], None)
        assert set(listed["degraded"]) == {"no_release", "database"}


async def limit(service: Service, user: str, **limits: Any) -> None:
    answer = await service.client.put(f"/v1/users/{user}/preferences", json={"limits": limits})
    assert answer.status_code == 200, answer.text


async def test_who_has_limits_is_shown_only_what_is_safe_for_all_while_they_cannot_be_read(
    trained_settings: Settings, far: Service, line: Line, start_service: ServiceStarter
) -> None:
    await far.put_another("for everybody", "Comedy", safe_for_all=True)
    await limit(far, "child", exclude_categories=["Horror"])
    assert len(ids(await far.recommend("child", limit=50))) == 50
    await line.cut()
    for query in ({}, {"include_seen": "true"}, {"diversity": "0.5"}):
        listed = await far.recommend("child", **query)
        assert (ids(listed), listed["degraded"]) == (["for everybody"], ["database", "limits"])
    assert (await far.recommend("child", category="Horror"))["items"] == []
    other = await far.recommend("adult", limit=50)
    assert (len(other["items"]), other["degraded"]) == (50, ["database"])

    # Of a worker that starts now nobody knows what it might have been told: some may have limits.
    async with start_service(far.settings) as late:
        assert (await late.recommend("adult"))["degraded"] == ["database", "limits"]
    await line.restore()
    assert (await recovered(far, "child"))["items"]

    # When nobody has any, neither worker holds anything back.
    assert (await far.client.delete("/v1/users/child/preferences")).status_code == 204
    await far.app.state.services.limited.look()
    await line.cut()
    async with start_service(far.settings) as late:
        for service in (far, late):
            listed = await service.recommend("child", limit=50)
            assert (len(listed["items"]), listed["degraded"]) == (50, ["database"])


async def test_limits_set_elsewhere_are_heard_of(service: Service, trained_settings: Settings) -> None:
    limited = service.app.state.services.limited
    with psycopg.connect(service.database_url) as late:  # begun before the look, committed after it
        late.execute("INSERT INTO users (id) VALUES ('child'), ('free')")
        late.execute(
            "INSERT INTO user_wishes (user_key, limited) SELECT key, id = 'child' FROM users WHERE id IN ('child', 'free')"
        )
        await limited.look()
        assert not limited.may_be_limited("child")
    await limited.look()
    assert (limited.may_be_limited("child"), limited.may_be_limited("free")) == (True, False)
