"""What holds for every request, whatever the route: ids, limits, headers, methods, problems, documentation."""

import json
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Annotated, Any

import httpx
import pytest
import structlog
from fastapi import Query
from fastapi.routing import APIRoute, iter_route_contexts
from structlog.testing import capture_logs

from app.api.routing import Router, StrictRoute
from app.api.schemas.base import ExternalId, Strict
from app.config import Settings
from app.main import create_app

pytestmark = pytest.mark.anyio

LIMIT = 2_000
router = Router()


class Note(Strict):
    text: str
    number: int = 0


@router.post("/notes/{note_id}")
async def write_note(note_id: ExternalId, note: Note) -> dict[str, Any]:
    return {"note_id": note_id, **note.model_dump()}


@router.get("/notes/{note_id}")
async def read_note(note_id: ExternalId, tag: Annotated[list[str], Query()] = [], limit: int = 20) -> dict[str, Any]:  # noqa: B006
    return {"note_id": note_id, "tag": tag, "limit": limit}


@router.get("/broken")
async def break_down() -> None:
    raise RuntimeError("the secret")


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    structlog.configure(processors=[structlog.processors.KeyValueRenderer()])
    app = create_app(Settings(max_body_bytes=LIMIT, allow_unauthenticated=True))
    app.state.services = SimpleNamespace(settings=Settings())
    app.include_router(router)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://medley.test") as opened:
        yield opened
    structlog.reset_defaults()


def raw(path: str) -> httpx.URL:
    """An address whose path is sent as it stands; httpx would tidy it up."""
    return httpx.URL("http://medley.test").copy_with(raw_path=path.encode())


@pytest.mark.parametrize("given", ["abc", "a.b:c-d_9", "x" * 128])
async def test_a_sound_request_id_is_kept(client: httpx.AsyncClient, given: str) -> None:
    answer = await client.get("/nowhere", headers={"X-Request-ID": given})
    assert answer.headers["X-Request-ID"] == answer.json()["request_id"] == given


@pytest.mark.parametrize("given", ["", "x" * 129, "a b", "a\tb", "<script>", "é".encode()])
async def test_any_other_request_id_is_replaced(client: httpx.AsyncClient, given: str | bytes) -> None:
    answers = [await client.get("/nowhere", headers={"X-Request-ID": given}) for _ in range(2)]
    ids = {answer.headers["X-Request-ID"] for answer in answers}
    assert len(ids) == 2
    assert all(len(each) == 32 for each in ids)


async def test_every_answer_has_the_security_headers(client: httpx.AsyncClient) -> None:
    for path in ("/health/live", "/nowhere", "/broken", "/docs", "/%zz"):
        answer = await client.get(raw(path))
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert "cache-control" in answer.headers


async def test_what_nobody_foresaw_is_told_to_nobody(client: httpx.AsyncClient) -> None:
    with capture_logs() as lines:
        answer = await client.get("/broken")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "secret" not in answer.text
    assert [line["event"] for line in lines] == ["unexpected_error", "request"]


async def test_the_access_line_names_no_person(client: httpx.AsyncClient) -> None:
    with capture_logs() as lines:
        await client.get("/notes/alice?tag=private")
    (line,) = lines
    assert line.pop("ms") >= 0
    expected = {"event": "request", "log_level": "info", "method": "GET", "route": "/notes/{note_id}", "status": 200}
    assert line == expected


async def test_problems_have_the_form_of_rfc_9457(client: httpx.AsyncClient) -> None:
    answer = await client.post("/notes/1", json={"text": 1, "number": True, "more": 0})
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    errors = problem.pop("errors")
    assert problem == {
        "type": "urn:medley:problem:invalid_input",
        "title": "Invalid input",
        "status": 422,
        "detail": "The request cannot be accepted; errors says which fields and why.",
        "code": "invalid_input",
        "request_id": answer.headers["X-Request-ID"],
    }
    assert {each["pointer"]: each["code"] for each in errors} == {
        "/text": "not_a_string",
        "/number": "not_an_integer",
        "/more": "unknown_field",
    }


@pytest.mark.parametrize(
    ("query", "pointer", "code"),
    [
        ("unknown=1", "/query/unknown", "unknown_parameter"),
        ("a~%2F=1", "/query/a~0~1", "unknown_parameter"),
        ("limit=1&limit=2", "/query/limit", "repeated_parameter"),
        ("limit=many", "/query/limit", "not_an_integer"),
        ("tag=a%00b", "/query/tag", "nul_character"),
    ],
)
async def test_query_parameters_are_refused_by_name(
    client: httpx.AsyncClient, query: str, pointer: str, code: str
) -> None:
    answer = await client.get(f"/notes/1?{query}")
    assert answer.status_code == 422
    assert [(each["pointer"], each["code"]) for each in answer.json()["errors"]] == [(pointer, code)]


@pytest.mark.parametrize("query", ["tag=%", "tag=%ff", "tag=%zz", "tag=%ed%a0%80"])
async def test_a_query_that_cannot_be_decoded_is_malformed(client: httpx.AsyncClient, query: str) -> None:
    answer = await client.get(raw(f"/notes/1?{query}"))
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_query")


async def test_a_list_parameter_may_be_repeated(client: httpx.AsyncClient) -> None:
    assert (await client.get("/notes/1?tag=a&tag=b%20c")).json()["tag"] == ["a", "b c"]


@pytest.mark.parametrize(
    ("sent", "note_id"),
    [
        ("a%2Fb", "a/b"),
        ("a%252Fb", "a%2Fb"),
        ("%25", "%"),
        ("a+b", "a+b"),
        ("%F0%9F%8E%AC", "\U0001f3ac"),
        ("a%3Fb%23", "a?b#"),
    ],
)
async def test_path_parameters_are_decoded_once(client: httpx.AsyncClient, sent: str, note_id: str) -> None:
    answer = await client.get(raw(f"/%6Eotes/{sent}"))
    assert (answer.status_code, answer.json()["note_id"]) == (200, note_id)


@pytest.mark.parametrize(
    ("sent", "status", "pointer"),
    [("%2E%2E", 422, "/path/note_id"), ("%2E", 422, "/path/note_id"), ("a%00b", 422, "/path/note_id"),
     ("x" * 257, 422, "/path/note_id"), ("", 400, None), ("%ff", 400, None), ("%E0%80", 400, None), ("%ED%A0%80", 400, None)],
)  # fmt: skip
async def test_path_parameters_that_are_no_ids(
    client: httpx.AsyncClient, sent: str, status: int, pointer: str | None
) -> None:
    answer = await client.get(raw(f"/notes/{sent}"))
    assert answer.status_code == status
    assert [each["pointer"] for each in answer.json()["errors"]] == ([pointer] if pointer else [])


async def test_head_is_get_without_the_body(client: httpx.AsyncClient) -> None:
    head, get = await client.head("/notes/1"), await client.get("/notes/1")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"]


async def test_405_names_every_method(client: httpx.AsyncClient) -> None:
    answer = await client.put("/notes/a%2Fb")
    assert (answer.status_code, answer.json()["code"], answer.headers["Allow"]) == (
        405,
        "method_not_allowed",
        "GET, HEAD, POST",
    )
    assert (await client.head("/items:batch")).status_code == 404


@pytest.mark.parametrize(
    "headers",
    [{}, {"content-type": "text/plain"}, {"content-type": "application/x-www-form-urlencoded"},
     {"content-type": "application/json; charset=latin-1"}, {"content-type": "application/merge-patch+json"},
     {"content-type": "application/json", "content-encoding": "br"}],
)  # fmt: skip
async def test_what_is_not_sent_as_json_is_not_read(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    answer = await client.post("/notes/1", content=b'{"text": "a"}', headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize("name", ["content-type", "content-encoding"])
async def test_of_two_headers_that_say_what_a_body_is_none_is_believed(client: httpx.AsyncClient, name: str) -> None:
    values = {"content-type": ("application/json", "text/plain"), "content-encoding": ("gzip", "br")}[name]
    for pair in (values, values[::-1]):
        headers = {"content-type": [("content-type", "application/json")], name: [(name, value) for value in pair]}
        sent = [each for pairs in headers.values() for each in pairs]
        answer = await client.post("/notes/1", content=b'{"text": "a"}', headers=sent)
        assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


async def test_json_may_name_its_charset(client: httpx.AsyncClient) -> None:
    headers = {"content-type": 'Application/JSON; charset="UTF-8"'}
    assert (await client.post("/notes/1", content=b'{"text": "a"}', headers=headers)).status_code == 200


async def test_an_empty_body_is_malformed(client: httpx.AsyncClient) -> None:
    answer = await client.post("/notes/1", content=b"", headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (400, "empty_body")


@pytest.mark.parametrize("body", ["null", "[]", '"a"', "1", "true"])
async def test_a_body_that_is_no_object_is_refused(client: httpx.AsyncClient, body: str) -> None:
    answer = await client.post("/notes/1", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "")


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(("size", "status"), [(LIMIT, 200), (LIMIT + 1, 413), (LIMIT * 50, 413)])
async def test_the_body_limit_holds_to_the_byte(
    client: httpx.AsyncClient, size: int, status: int, chunked: bool
) -> None:
    body = json.dumps({"text": "x" * (size - len('{"text": ""}'))}).encode()
    assert len(body) == size

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, size, 700):
            yield body[start : start + 700]

    headers = {"content-type": "application/json"}
    answer = await client.post("/notes/1", content=chunks() if chunked else body, headers=headers)
    assert answer.status_code == status
    if status == 413:
        assert answer.json()["code"] == "content_too_large"
        assert answer.headers["connection"] == "close"


async def test_docs_need_no_foreign_host_and_no_inline_script(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert "http" not in page.text
    assert "<script>" not in page.text
    for asset in ("swagger-ui.css", "swagger-ui-bundle.js", "docs.js"):
        assert f'"docs/{asset}"' in page.text
        assert (await client.get(f"/docs/{asset}")).status_code == 200
    assert (await client.get("/openapi.json")).json()["openapi"].startswith("3.1")


async def test_every_route_reads_strictly() -> None:
    contexts = list(iter_route_contexts(create_app(Settings()).routes))
    described = [each.original_route for each in contexts if isinstance(each.original_route, APIRoute)]
    assert described
    assert all(isinstance(route, StrictRoute) for route in described)
