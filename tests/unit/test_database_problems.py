"""What Postgres refuses becomes an answer that a client can act on."""

import json

import psycopg
import pytest
import sqlalchemy.exc
from structlog.testing import capture_logs

from app.api.errors import problem_of

FAILURES = [
    (psycopg.errors.ReadOnlySqlTransaction("a replica"), 503, "unavailable"),
    (psycopg.errors.UniqueViolation("Key (id)=(ann) already exists."), 409, "write_conflict"),
    (psycopg.OperationalError("gone"), 503, "unavailable"),
    (psycopg.errors.UndefinedColumn("there is none"), 500, "internal_error"),
]


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize(("failure", "status", "code"), FAILURES, ids=lambda value: type(value).__name__)
def test_a_failure_of_the_database_has_its_answer(
    failure: psycopg.Error, status: int, code: str, wrapped: bool
) -> None:
    error = sqlalchemy.exc.DBAPIError.instance("SELECT", None, failure, psycopg.Error) if wrapped else failure
    with capture_logs() as logs:
        answer = problem_of(error, {"type": "http"})
    assert (answer.status_code, json.loads(bytes(answer.body))["code"]) == (status, code)
    assert ("retry-after" in answer.headers) == (status == 503)
    assert status == 500 or "ann" not in str(logs)
