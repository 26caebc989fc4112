"""The quick way through a route says the same as FastAPI's own, and leaves to it what it cannot say."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Query, Request, Response
from pydantic import BaseModel, Field

from app.api.access import ANYBODY
from app.api.errors import install_error_handlers
from app.api.middleware import RequestContext
from app.api.routing import CanonicalPath, Router, StrictRoute
from app.errors import NotFound
from app.main import ROUTERS
from app.telemetry.metrics import Metrics

pytestmark = pytest.mark.anyio


class Body(BaseModel):
    value: Annotated[int, Field(ge=1)]


async def read_wishes(limit: Annotated[int, Query(ge=1)] = 20, tag: Annotated[tuple[str, ...], Query()] = ()) -> str:
    return f"limit {limit}, tags {list(tag)}"


calls: list[str] = []


async def the_process(request: Request) -> str:
    calls.append("process")
    return request.url.hostname or ""


async def the_clock(process: Annotated[str, Depends(the_process)]) -> str:
    return f"clock of {process}"


def make_app() -> FastAPI:
    router = Router()
    wishes, process, clock = Depends(read_wishes), Depends(the_process), Depends(the_clock)

    @router.get("/lists/{name}")
    async def list_things(
        name: Annotated[str, Field(max_length=5)],
        wishes: Annotated[str, wishes],
        process: Annotated[str, process],
        clock: Annotated[str, clock],
    ) -> Response:
        if name == "none":
            raise NotFound("Nothing here.", code="nothing")
        return Response(f"{name}: {wishes}; {process}; {clock}")

    @router.put("/lists/{name}")
    async def put_thing(name: str, body: Body) -> Response:
        return Response(f"{name}: {body.value}")

    @router.post("/lists/{name}")
    async def post_thing(name: str, body: Body, wishes: Annotated[str, wishes]) -> Response:
        return Response(f"{name}: {body.value}, {wishes}")

    app = FastAPI()
    install_error_handlers(app)
    app.state.gate = SimpleNamespace(admit=lambda *_: ANYBODY)
    app.router.routes.extend(router.routes)
    app.add_middleware(CanonicalPath)
    app.add_middleware(RequestContext, metrics=Metrics())
    return app


def slow(app: FastAPI) -> FastAPI:
    for route in app.routes:
        if isinstance(route, StrictRoute):
            assert route.quick is not None
            route.quick = None
    return app


ASKED: list[tuple[str, str, Mapping[str, Any]]] = [
    ("GET", "/lists/a", {}),
    ("GET", "/lists/a?limit=3&tag=x&tag=y", {}),
    ("GET", "/lists/%C3%A9%2F", {}),
    ("GET", "/lists/a?limit=0", {}),
    ("GET", "/lists/a?limit=1&limit=2", {}),
    ("GET", "/lists/a?other=1", {}),
    ("GET", "/lists/a?limit=%zz", {}),
    ("GET", "/lists/toolong", {}),
    ("GET", "/lists/toolong?limit=0", {}),
    ("GET", "/lists/none", {}),
    ("HEAD", "/lists/a", {}),
    ("DELETE", "/lists/a", {}),
    ("POST", "/lists/a", {"json": {"value": 3}}),
    ("POST", "/lists/a?limit=7", {"json": {"value": 3}}),
    ("POST", "/lists/a?limit=7&limit=8", {"json": {"value": 0}}),
    ("PUT", "/lists/b", {"json": {"value": 3}}),
    ("PUT", "/lists/b?limit=1", {"json": {"value": 3}}),
    ("PUT", "/lists/b", {"json": {"value": 0}}),
    ("PUT", "/lists/b", {"json": {}}),
    ("PUT", "/lists/b", {"content": b"{", "headers": {"content-type": "application/json"}}),
    ("PUT", "/lists/b", {"content": b"{}", "headers": {"content-type": "text/plain"}}),
    ("PUT", "/lists/b", {"content": b""}),
]


async def test_the_quick_way_answers_as_fastapi_does() -> None:
    quick, full = httpx.ASGITransport(make_app()), httpx.ASGITransport(slow(make_app()))
    async with (
        httpx.AsyncClient(transport=quick, base_url="http://here") as one,
        httpx.AsyncClient(transport=full, base_url="http://here") as other,
    ):
        for method, path, options in ASKED:
            headers = {"x-request-id": "same", **options.get("headers", {})}
            rest = {name: value for name, value in options.items() if name != "headers"}
            for _ in range(2):  # the second time the query is remembered
                given = await one.request(method, path, headers=headers, **rest)
                expected = await other.request(method, path, headers=headers, **rest)
                assert (given.status_code, given.content) == (expected.status_code, expected.content), (method, path)
                assert given.headers == expected.headers


async def test_a_dependency_that_two_others_ask_for_is_called_once() -> None:
    transport = httpx.ASGITransport(make_app())
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
        await client.get("/lists/a")
        calls.clear()
        assert (await client.get("/lists/a")).text == "a: limit 20, tags []; here; clock of here"
    assert calls == ["process"]


@pytest.mark.parametrize("operation", ["get_recommendations", "recommend_for_history", "post_rating", "put_rating"])
def test_the_routes_that_are_asked_most_go_the_quick_way(operation: str) -> None:
    routes = {
        route.operation_id: route for router in ROUTERS for route in router.routes if isinstance(route, StrictRoute)
    }
    assert routes[operation].quick is not None
