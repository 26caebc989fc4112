"""One request, one transaction: committed before the answer, and what happens where that fails."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import httpx
import psycopg
import pytest
from fastapi import FastAPI
from pydantic import BaseModel
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as SessionTimeout

from app.api.deps import AfterCommitDep, SessionDep
from app.api.routing import Router
from app.config import Settings
from app.errors import Conflict
from app.main import create_app

pytestmark = pytest.mark.anyio

SECRET = "password=hunter2"


class FakeSession:
    """Notes what is done with it; ``failure`` is what its commit raises."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure
        self.journal: list[str] = []

    async def commit(self) -> None:
        self.journal.append("commit")
        if self.failure is not None:
            raise self.failure

    @asynccontextmanager
    async def open(self) -> AsyncIterator["FakeSession"]:
        try:
            yield self
        finally:
            self.journal.append("close")


class Order(BaseModel):
    fail: bool = False


router = Router()


@router.post("/orders", status_code=201)
async def place(order: Order, session: SessionDep, after_commit: AfterCommitDep) -> dict[str, bool]:
    journal = cast("FakeSession", session).journal
    journal.append("route")

    async def tell() -> None:
        journal.append("told")

    async def break_down() -> None:
        raise RuntimeError(SECRET)

    after_commit.add(break_down)
    after_commit.add(tell)
    if order.fail:
        raise Conflict("Somebody was faster.")
    return {"placed": True}


def serve(session: FakeSession) -> FastAPI:
    app = create_app(Settings(allow_unauthenticated=True))
    app.state.services = SimpleNamespace(
        settings=Settings(), after_commit=None, database=SimpleNamespace(sessions=session.open)
    )
    app.include_router(router)
    return app


async def post(app: FastAPI, body: dict[str, Any], journal: list[str]) -> httpx.Response:
    async def noted(scope: Any, receive: Any, send: Any) -> None:
        async def note(message: Any) -> None:
            if message["type"] == "http.response.start":
                journal.append("answer")
            await send(message)

        await app(scope, receive, note)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=noted), base_url="http://medley.test") as client:
        return await client.post("/orders", json=body)


async def test_the_commit_comes_before_the_answer_and_the_rest_between_them() -> None:
    session = FakeSession()
    answer = await post(serve(session), {}, session.journal)
    assert answer.status_code == 201
    # One callback failed; the others ran, and the committed write was acknowledged all the same.
    assert session.journal == ["route", "commit", "close", "told", "answer"]


FAILURES = [
    (OperationalError("COMMIT", {}, psycopg.OperationalError(f"connection lost {SECRET}")), 503, "unavailable"),
    (SessionTimeout(f"QueuePool limit {SECRET}"), 503, "unavailable"),
    (psycopg.OperationalError(SECRET), 503, "unavailable"),
    (IntegrityError("COMMIT", {}, psycopg.errors.UniqueViolation(SECRET)), 409, "write_conflict"),
    (RuntimeError(SECRET), 500, "internal_error"),
    (TimeoutError(SECRET), 503, "unavailable"),
]


@pytest.mark.parametrize(
    ("failure", "status", "code"), FAILURES, ids=[type(each[0]).__name__ + str(i) for i, each in enumerate(FAILURES)]
)
async def test_a_commit_that_fails_is_never_acknowledged(failure: Exception, status: int, code: str) -> None:
    session = FakeSession(failure)
    answer = await post(serve(session), {}, session.journal)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert SECRET not in answer.text
    assert ("retry-after" in answer.headers) == (status == 503)
    assert session.journal == ["route", "commit", "close", "answer"]


async def test_a_route_that_refuses_commits_nothing() -> None:
    session = FakeSession()
    answer = await post(serve(session), {"fail": True}, session.journal)
    assert (answer.status_code, answer.json()["detail"]) == (409, "Somebody was faster.")
    assert session.journal == ["route", "close", "answer"]


async def test_a_body_that_is_refused_commits_nothing() -> None:
    session = FakeSession()
    answer = await post(serve(session), {"fail": "perhaps"}, session.journal)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/fail")
    assert "commit" not in session.journal
