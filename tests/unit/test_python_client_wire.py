"""The Python client without a service: what it sends, when it tries again, what it raises."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from medley_client import AsyncMedley, Invalid, Medley, NotFound, Refused, TooManyRequests, Unavailable, Unreachable

Handler = Callable[[httpx.Request], httpx.Response]
BASE = "http://medley.test"


class Script:
    """Answers one after the other, and remembers what was sent; the last answer stays."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers, self.sent = list(answers), list[httpx.Request]()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits that the clients would have made."""
    waited: list[float] = []

    async def wait(seconds: float) -> None:
        waited.append(seconds)

    # The names there, not the modules: other tests' services sleep in the background of the same loop.
    monkeypatch.setattr("medley_client.clients.time", SimpleNamespace(sleep=waited.append))
    monkeypatch.setattr("medley_client.clients.asyncio", SimpleNamespace(sleep=wait))
    return waited


def client(script: Handler, **options: Any) -> Medley:
    return Medley(BASE, transport=httpx.MockTransport(script), **options)


def ok(**body: Any) -> httpx.Response:
    return httpx.Response(200, json=body)


def problem(status: int, **fields: Any) -> httpx.Response:
    headers = {"retry-after": fields.pop("retry_after")} if "retry_after" in fields else {}
    return httpx.Response(status, json={"code": "some_code", "detail": "So it is.", **fields}, headers=headers)


def test_ids_and_parameters_are_encoded() -> None:
    script = Script(ok(items=[], next_cursor=None))
    with Medley(BASE + "/under/", transport=httpx.MockTransport(script), bearer=lambda: "token") as medley:
        medley.recommendations("a/b ü..?", category=["Sci-Fi", "A&B"], released_from=date(1999, 1, 2), explain=True)
    assert script.sent[0].url.raw_path == (
        b"/under/v1/users/a%2Fb%20%C3%BC..%3F/recommendations?category=Sci-Fi&category=A%26B&released_from=1999-01-02"
        b"&explain=true"
    )
    assert script.sent[0].headers["authorization"] == "Bearer token"


def test_times_are_sent_as_rfc_3339_and_events_carry_an_id() -> None:
    script = Script(ok(outcome="created"))
    with client(script) as medley:
        medley.rate("u", "i", 4, rated_at=datetime(2026, 1, 2, 3, tzinfo=UTC))
        medley.send_event(user_id="u", item_id="i", kind="play")
        medley.send_event(user_id="u", item_id="i", kind="play", event_id="mine")
    bodies = [json.loads(request.content) for request in script.sent]
    assert bodies[0] == {"value": 4, "rated_at": "2026-01-02T03:00:00+00:00"}
    assert bodies[1]["event_id"].startswith("evt_")
    assert bodies[2]["event_id"] == "mine"


def test_busy_answers_and_lost_connections_are_tried_again(waits: list[float]) -> None:
    script = Script(httpx.ConnectError("gone"), problem(503), problem(429, retry_after="7"), ok(value=4))
    with client(script) as medley:
        assert medley.rating("u", "i") == {"value": 4}
    assert len(script.sent) == 4
    assert 0.1 <= waits[0] <= 0.2 <= waits[1] <= 0.4
    assert waits[2] == 7


@pytest.mark.anyio
async def test_the_async_client_tries_again_alike(waits: list[float]) -> None:
    script = Script(problem(429, retry_after="7"), httpx.ReadTimeout("slow"), ok(value=4))
    async with AsyncMedley(BASE, transport=httpx.MockTransport(script)) as medley:
        assert await medley.rating("u", "i") == {"value": 4}
    assert waits[0] == 7
    assert len(waits) == 2


def test_a_deletion_whose_answer_was_lost_is_done(waits: list[float]) -> None:
    with client(Script(httpx.ReadError("lost"), problem(404))) as medley:
        medley.undo_event("e")
    with client(Script(problem(404))) as medley, pytest.raises(NotFound):
        medley.undo_event("e")


def test_what_is_posted_is_done_once_however_often_it_is_sent(waits: list[float]) -> None:
    at_work = httpx.Response(409, json={"code": "idempotency_key_in_use"})
    script = Script(httpx.ReadTimeout("slow"), at_work, ok(counts={}, outcomes=[]))
    with client(script) as medley:
        medley.rate_batch([{"user_id": "u", "item_id": "i", "value": 4}])
        medley.merge_users("u", "visitor")
    *tries, other = [request.headers["idempotency-key"] for request in script.sent]
    assert len(tries) == 3
    assert len(set(tries)) == 1 != len({*tries, other})
    # What says by itself that it is the same, or stores nothing, costs the service no look-up.
    script = Script(ok(items=[], next_cursor=None))
    with client(script) as medley:
        medley.send_event(user_id="u", item_id="i", kind="play")
        medley.recommend_for_history([])
        medley.rate("u", "i", 4)
    assert not [request for request in script.sent if "idempotency-key" in request.headers]
    with client(Script(httpx.Response(409, json={"code": "already_merged"}))) as medley, pytest.raises(Refused):
        medley.merge_users("u", "visitor")


def test_what_is_still_carried_out_is_waited_for(waits: list[float]) -> None:
    at_work = httpx.Response(409, json={"code": "idempotency_key_in_use"})
    script = Script(httpx.ReadTimeout("slow"), *[at_work] * 8, problem(503), ok(counts={}, outcomes=[]))
    with client(script) as medley:
        medley.rate_batch([{"user_id": "u", "item_id": "i", "value": 4}])
    assert len(script.sent) == 11
    assert all(1 <= wait <= 1.5 for wait in waits[1:9])
    waits.clear()
    with client(Script(at_work), longest_wait=5) as medley, pytest.raises(Refused, match="409"):
        medley.merge_users("u", "visitor")
    assert 3 <= len(waits) <= 5 >= sum(waits)


@pytest.mark.anyio
async def test_an_async_function_may_give_the_token() -> None:
    async def token() -> str:
        return "fetched"

    script = Script(ok(value=4))
    async with AsyncMedley(BASE, transport=httpx.MockTransport(script), bearer=token) as medley:
        await medley.rating("u", "i")
    assert script.sent[0].headers["authorization"] == "Bearer fetched"


def test_what_is_not_of_the_service_is_an_exception_of_ours(waits: list[float]) -> None:
    page = httpx.Response(200, html="<h1>Welcome to the hotel</h1>")
    with client(Script(page)) as medley, pytest.raises(Unreachable, match="text/html"):
        medley.popular()
    with client(Script(httpx.DecodingError("bad gzip"))) as medley, pytest.raises(Unreachable, match="bad gzip"):
        medley.popular()
    waits.clear()
    with Medley("localhost:8000") as medley, pytest.raises(Unreachable):
        medley.popular()
    assert waits == []


def test_patience_ends(waits: list[float]) -> None:
    with client(Script(problem(503)), retries=2) as medley, pytest.raises(Unavailable):
        medley.home("u")
    assert len(waits) == 2
    with client(Script(problem(429, retry_after="3600"))) as medley, pytest.raises(TooManyRequests):
        medley.home("u")
    assert len(waits) == 2
    with client(Script(httpx.ConnectError("gone")), retries=0) as medley, pytest.raises(Unreachable, match="gone"):
        medley.home("u")


def test_what_a_proxy_answers_is_an_exception_too(waits: list[float]) -> None:
    page = httpx.Response(404, html="<h1>nothing here</h1>", headers={"x-request-id": "r-1"})
    with client(Script(page)) as medley, pytest.raises(NotFound) as raised:
        medley.item("i")
    assert (raised.value.code, raised.value.detail, raised.value.request_id) == ("unknown", "Not Found", "r-1")


def test_a_problem_keeps_what_it_says(waits: list[float]) -> None:
    errors = [{"pointer": "/value", "code": "out_of_range", "detail": "Too many stars."}]
    answer = problem(422, request_id="r-2", errors=errors)
    with (
        client(Script(answer)) as medley,
        pytest.raises(Invalid, match=r"422 some_code: .*/value: Too many stars") as raised,
    ):
        medley.rate("u", "i", 99)
    assert (raised.value.status, raised.value.request_id, raised.value.errors) == (422, "r-2", errors)
    assert waits == []
