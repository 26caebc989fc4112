"""Every worked example of the description is sent to a service, and answered with what the description shows."""

import re
from collections import defaultdict
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import pytest
from contract import JSON, PROBLEM, Operation, differences, faults, operations, shown
from databases import fresh_database
from guarded import Guarded, bearer, make_keys
from trained import item_id

from app.config import Settings

if TYPE_CHECKING:
    from trained import ServiceStarter

pytestmark = [pytest.mark.anyio, pytest.mark.xdist_group("contract")]

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
"""The clock of these tests stands a little after the times in the examples."""

# Statuses that the examples' run cannot show, and the tests that do.
SHOWN_ELSEWHERE = {
    500: "test_http_edge",
    409: "test_rating_races, test_training_api, test_live_releases, test_suppressions_api: it takes a race or a history",
}
EVERYWHERE = {
    400: ("?x=%zz", {}, None),
    401: ("", {"Authorization": ""}, None),
    413: ("", {"Content-Length": "100000000"}, b"{}"),
    415: ("", {"Content-Type": "text/plain"}, b"{}"),
    422: ("?nobody=1", {}, None),
}
"""What every operation that lists the status is sent: an addition to the address, headers, a body."""


class Run:
    """A service with a release, the items of the examples and somebody with a history; and what it answered."""

    def __init__(self, guarded: Guarded) -> None:
        self.guarded = guarded
        self.statuses: dict[str, set[int]] = defaultdict(set)
        self.names: dict[str, str] = {}
        self.differences: list[str] = []

    async def send(self, operation: Operation, address: str, **options: Any) -> httpx.Response:
        """One request, whose answer has to be as described."""
        options.setdefault("headers", bearer(self.guarded.full))
        answer = await self.guarded.client.request(operation.method, address, **options)
        self.check(operation, answer)
        return answer

    def check(self, operation: Operation, answer: httpx.Response) -> None:
        """Note the status, and compare the answer with what is described of it."""
        self.statuses[operation.id].add(answer.status_code)
        described = operation.response(answer.status_code)
        for name in described.get("headers", {}):
            # Rate limits are set for one of the tests only, what is personal has no tag, and what is replayed is looked at below.
            personal = name == "ETag" and answer.headers.get("cache-control") == "no-store"
            now_and_then = name.startswith(("RateLimit", "Idempotent-"))
            assert name in answer.headers or personal or now_and_then, f"{operation.id}: no {name}"
        content = described.get("content", {})
        media_type = answer.headers.get("content-type", "").partition(";")[0]
        if not content:
            assert not answer.content
            return
        assert media_type in content, f"{operation.id} answered {media_type}"
        if media_type in {JSON, PROBLEM}:
            schema = content[media_type]["schema"]
            assert not faults(answer.json(), schema), operation.id
            found = differences(shown(content[media_type]), answer.json())
            # Why something is away now has more reasons than one.
            if answer.status_code != 503 and (media_type == JSON or "example" in content[media_type]):
                self.differences += [f"{operation.id} {answer.status_code}: {each}" for each in found]

    async def prepare(self) -> None:
        """Store the items that the examples name; nothing is left of the users that they name."""
        client, headers = self.guarded.client, bearer(self.guarded.full)
        for user in ("42", "ada"):
            assert (await client.delete(f"/v1/users/{user}", headers=headers)).status_code == 204
        for item in ("527", "593", "1721"):
            assert (await client.put(f"/v1/items/{item}", json={"title": item}, headers=headers)).is_success

    async def example(self, operation: Operation) -> None:
        """Send the worked example; with the explanations that lists show there."""
        query = operation.required_query | ({"explain": "true"} if "explain" in operation.query else {})
        address, headers = operation.address(query, **self.names), bearer(self.guarded.full)
        takes_key = any(each["name"] == "Idempotency-Key" for each in operation.described.get("parameters", ()))
        if takes_key:
            headers["Idempotency-Key"] = str(uuid4())
        answer = await self.send(operation, address, json=operation.body, headers=headers)
        assert answer.status_code < 300, f"{operation.id}: {answer.text}"
        if takes_key:
            again = await self.send(operation, address, json=operation.body, headers=headers)
            assert (again.content, again.headers["Idempotent-Replayed"]) == (answer.content, "true")
        if operation.id == "post_training_run":
            self.names["run_id"] = answer.json()["id"]
        if "ETag" in answer.headers:
            again = bearer(self.guarded.full) | {"If-None-Match": answer.headers["ETag"]}
            address = operation.address(query, **self.names)
            assert (await self.send(operation, address, headers=again)).status_code == 304


@pytest.fixture(scope="module")
async def run(
    server_url: str, trained_template: str, tmp_path_factory: pytest.TempPathFactory, start_service: "ServiceStarter"
) -> AsyncGenerator[Run]:
    with fresh_database(server_url, trained_template) as url:
        keys = make_keys(url)
        settings = Settings(database_url=url, data_dir=tmp_path_factory.mktemp("contract"), release_poll_seconds=60)
        async with start_service(settings) as service:
            service.app.state.services = replace(service.app.state.services, now=lambda: NOON)
            made = Run(Guarded(service, url, *keys))
            releases = await made.guarded.send("GET", "/v1/releases", made.guarded.full)
            made.names["release_id"] = releases.json()["releases"][0]["id"]
            yield made


@pytest.mark.parametrize("operation", operations(), ids=lambda each: each.id)
def test_the_examples_are_as_described(operation: Operation) -> None:
    if operation.body is not None:
        sent = operation.described["requestBody"]["content"][JSON]["schema"]
        # A batch shows what becomes of a bad row.
        assert operation.id.endswith("s") or not faults(operation.body, sent)
    for status in operation.described["responses"]:
        for media in operation.response(int(status)).get("content", {}).values():
            assert not faults(shown(media), media["schema"]), status


async def show_examples(run: Run) -> None:
    """Every worked example, twice: what is new the first time is not the second time."""
    writing = [each for each in operations() if each.method in {"PUT", "POST", "PATCH"}]
    reading = [each for each in operations() if each.method == "GET"]
    undoing = [each for each in operations() if each.method == "DELETE"]
    for first, then in (("PUT", "POST"), ("PATCH", "POST")):
        await run.prepare()
        # Items before what is said of them, and users before their ratings; then the other way round, so that each is new once.
        order = {first: 0, then: 1}
        for operation in sorted(
            writing, key=lambda each: (not each.path.startswith("/v1/items"), order.get(each.method, 2), len(each.path))
        ):
            await run.example(operation)
        for user in ("42", "ada"):
            for number in range(3):
                body = {"user_id": user, "item_id": item_id("Comedy", number), "value": 5}
                await run.guarded.send("POST", "/v1/ratings", run.guarded.full, json=body)
        for operation in (*reading, *sorted(undoing, key=lambda each: -len(each.path))):
            await run.example(operation)


async def show_refusals(run: Run) -> None:
    """What any operation refuses in one way; what it is asked for is not there; and an id that is taken."""
    everywhere = (
        run.guarded.make("write", "admin"),
        run.guarded.make("read", "admin"),
        run.guarded.make("read", "write"),
    )
    await run.guarded.look()
    without = dict(zip(("read", "write", "admin"), everywhere, strict=True))
    for operation in operations():
        described = operation.described["responses"].keys()
        address = operation.address({}, **run.names)
        for status, (query, headers, body) in EVERYWHERE.items():
            if str(status) in described:
                shown_key = bearer(run.guarded.full) | headers
                if not shown_key["Authorization"]:
                    del shown_key["Authorization"]
                answer = await run.send(operation, address + query, headers=shown_key, content=body)
                assert answer.status_code == status, f"{operation.id}: {answer.text}"
        if "403" in described:
            (scope,) = operation.described["security"][0]["serverKey"]
            assert (await run.send(operation, address, headers=bearer(without[scope]))).status_code == 403
        if "404" in described:
            names = dict.fromkeys(("item_id", "event_id", "release_id", "run_id"), "nobody-knows")
            if "user_id" in operation.path and not names.keys() & set(re.findall(r"{(\w+)}", operation.path)):
                names["user_id"] = "nobody-knows"
            answer = await run.send(operation, operation.address({}, **names), json=operation.body)
            assert answer.status_code == 404, f"{operation.id}: {answer.text}"
    (event,) = [each for each in operations() if each.id == "post_event"]
    await run.prepare()
    for value, status in ((0.5, 201), (0.5, 200), (0.6, 409)):
        body = event.body | {"item_id": "527", "event_id": "taken", "value": value}
        assert (await run.send(event, "/v1/events", json=body)).status_code == status
    (merge,) = [each for each in operations() if each.id == "merge_users"]
    await run.guarded.send("POST", "/v1/users/42:merge", run.guarded.full, json={"from_user_id": "taken"})
    assert (await run.send(merge, "/v1/users/ada:merge", json={"from_user_id": "taken"})).status_code == 409


async def show_limits(run: Run, start_service: "ServiceStarter") -> None:
    limited = run.guarded.service.settings.model_copy(update={"rate_limit_per_key": "1/hour"})
    async with start_service(limited) as service:
        guarded = Guarded(service, run.guarded.url, run.guarded.read, run.guarded.write, run.guarded.full)
        assert (await guarded.send("GET", "/v1/items", guarded.full)).status_code == 200
        for operation in operations():
            if "429" in operation.described["responses"]:
                answer = await guarded.send(operation.method, operation.address({}, **run.names), guarded.full)
                run.check(operation, answer)
                assert (answer.status_code, answer.headers["RateLimit-Policy"]) == (429, '"key-3600";q=1;w=3600')
                assert answer.headers["RateLimit"].startswith('"key-3600";r=0;t=')


async def show_outage(run: Run, start_service: "ServiceStarter") -> None:
    """Of a service that knows its keys and does not reach its database: lists are there, everything else is not."""
    away = {"database_url": "postgresql://nobody@127.0.0.1:1/nothing", "history_timeout_ms": 50, "artifacts": None}
    settings = Settings.model_validate(run.guarded.service.settings.model_dump() | away)
    async with start_service(settings) as service:
        guarded = Guarded(service, run.guarded.url, run.guarded.read, run.guarded.write, run.guarded.full)
        for operation in operations():
            address = operation.address(operation.required_query, **run.names)
            answer = await guarded.send(operation.method, address, guarded.full, json=operation.body)
            run.check(operation, answer)
            assert answer.status_code in {200, 404, 503}, f"{operation.id}: {answer.text}"


async def test_what_is_described_is_what_happens(run: Run, start_service: "ServiceStarter") -> None:
    """Every operation gives the answers that its examples show, and each of the statuses that it lists."""
    await show_examples(run)
    await show_refusals(run)
    await show_limits(run, start_service)
    await show_outage(run, start_service)
    assert not run.differences, "\n".join(run.differences)
    for operation in operations():
        listed = {int(status) for status in operation.described["responses"]} - SHOWN_ELSEWHERE.keys()
        if not operation.described["security"]:
            listed -= {503}  # health checks: where there is neither a release nor a database
        if operation.described["security"] and operation.described["security"][0]["serverKey"] == ["read"]:
            listed -= {503}  # lists are given without the database, too
        assert listed <= run.statuses[operation.id], operation.id


@pytest.mark.parametrize("operation", [each for each in operations() if each.query], ids=lambda each: each.id)
async def test_every_query_parameter_is_taken_and_none_takes_anything(run: Run, operation: Operation) -> None:
    for name, value in operation.query.items():
        for text, statuses in (("\0", {422}), (query_text(value), {200, 404})):
            if text is not None:
                address = operation.address(operation.required_query | {name: text}, **run.names)
                answer = await run.send(operation, address, json=operation.body)
                assert answer.status_code in statuses, (name, answer.text)
                if answer.status_code == 422:
                    assert {each["pointer"].split("/")[2] for each in answer.json()["errors"]} == {name}


def query_text(value: Any) -> Any:
    """A value as it is written in a query."""
    return str(value).lower() if isinstance(value, bool) else value


FILTERS = {
    "category", "exclude_category", "exclude_item", "released_from", "released_to", "max_duration", "certificate", "min_rating",
    "min_ratings", "language", "person", "tag",
}  # fmt: skip
PAGED = FILTERS | {"limit", "cursor", "explain", "fields", "diversity"}
PERSONAL = PAGED | {"include_seen", "popularity", "signals"}
# What is promised of reading: the calls, and what each may be asked for.
READING = {
    "GET /v1/users/{user_id}/recommendations": PERSONAL,
    "POST /v1/recommendations": PERSONAL,
    "GET /v1/users/{user_id}/home": PERSONAL - {"cursor", "diversity"},
    "GET /v1/items/{item_id}/similar": PAGED | {"by"},
    "GET /v1/popular": PAGED | {"period"},
    "GET /v1/trending": PAGED | {"period"},
    "GET /v1/latest": PAGED,
    "GET /v1/categories": {"limit"},
    "GET /v1/users/{user_id}": set(),
    "GET /v1/items": FILTERS | {"limit", "cursor", "fields"},
    "GET /v1/items/{item_id}": set(),
    "GET /v1/search": FILTERS | {"q", "user_id", "limit", "cursor", "explain", "fields"},
    "GET /v1/users/{user_id}/predictions": {"item_id"},
    "GET /v1/users/{user_id}/neighbours": {"limit"},
    "GET /v1/users/{user_id}/ratings": {"limit", "cursor", "item_id"},
    "GET /v1/users/{user_id}/recommendations/{item_id}/explanation": PERSONAL,
}


def test_everything_that_is_promised_of_reading_is_described() -> None:
    """What is described is exercised above, each operation and each parameter."""
    described = {f"{each.method} {each.path}": each for each in operations()}
    for call, parameters in READING.items():
        assert parameters <= described[call].query.keys(), call
    for call in ("GET /v1/popular", "GET /v1/items/{item_id}", "GET /v1/categories"):
        assert "304" in described[call].described["responses"]
