"""The worked examples of the description: those of the schemas in full, those of single answers, and those of problems.

A test sends every example to a service and compares what it shows with what is answered.
"""

from collections.abc import Mapping
from typing import Any, cast

from app.api.errors import MEDIA_TYPE, TITLES, TYPE_PREFIX
from app.api.schemas.base import Answer, Strict

_QUERY_FIELD = "This query parameter is not known here."
# What a problem of each status says, by its code. Each can be had of every operation that lists the status.
PROBLEMS: Mapping[str, dict[str, Any]] = {
    "400": {"code": "malformed_query", "detail": "The query is not correctly percent-encoded."},
    "401": {
        "code": "unauthenticated",
        "detail": "This needs an API key or a user token: send it as `Authorization: Bearer`.",
    },
    "403": {"code": "forbidden", "detail": "The key or token does not allow this."},
    "409": {"code": "write_conflict", "detail": "Somebody else has just written the same; send it again."},
    "413": {"code": "content_too_large", "detail": "The body is larger than 8000000 bytes."},
    "415": {"code": "unsupported_media_type", "detail": "The body must be sent as application/json."},
    "422": {
        "code": "invalid_input",
        "detail": "The query parameters cannot be accepted.",
        "errors": [{"pointer": "/query/nobody", "code": "unknown_parameter", "detail": _QUERY_FIELD}],
    },
    "429": {"code": "too_many_requests", "detail": "Too many requests: come again later."},
    "500": {"code": "internal_error", "detail": "Something went wrong here; the log has it under request_id."},
    "503": {"code": "unavailable", "detail": "The database cannot be reached now, or is too busy."},
}

# Answers that the example of their schema is not true of, by operation and status.
_ANSWERS: Mapping[tuple[str, str], Any] = {
    ("suppress_category", "200"): {"kind": "category", "id": "Horror", "expires_at": "2026-12-21T10:15:00Z"},
    ("patch_user", "200"): {
        "outcome": "updated",
        "user_id": "42",
        "attributes": {"age_group": "18-24", "country": "FR"},
    },
    ("patch_user", "201"): {"outcome": "created", "user_id": "42", "attributes": {"country": "FR"}},
}


def problem_example(status: str, code: str, detail: str, errors: list[dict[str, str]] | None = None) -> dict[str, Any]:
    """A problem as it is answered."""
    return {
        "type": TYPE_PREFIX + code,
        "title": TITLES[int(status)],
        "status": int(status),
        "detail": detail,
        "code": code,
        "request_id": "6f1c0a52e9",
        "errors": errors or [],
    }


def refused(
    status: int, code: str, detail: str, *, description: str | None = None, pointer: str | None = None
) -> dict[int | str, dict[str, Any]]:
    """For ``responses`` of a route: a problem of its own that it answers, in the words in which it does."""
    errors = [] if pointer is None else [{"pointer": pointer, "code": code, "detail": detail}]
    example = problem_example(str(status), code, detail, errors)
    return {status: {"description": description or detail, "content": {MEDIA_TYPE: {"example": example}}}}


def complete_examples(schema: dict[str, Any]) -> None:
    """Put back what FastAPI takes out of the examples (all that is null), and show of each status what it answers."""
    schemas = schema["components"]["schemas"]
    for model in _models():
        extra = cast("Any", model.model_config.get("json_schema_extra"))
        if isinstance(extra, dict) and "examples" in extra and model.__name__ in schemas:
            schemas[model.__name__]["examples"] = extra["examples"]
    for operations in schema["paths"].values():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if status < "300" and "application/json" in response.get("content", {}):
                    _show_answer(operation, status, response["content"]["application/json"], schemas)


def _show_answer(operation: dict[str, Any], status: str, media: dict[str, Any], schemas: dict[str, Any]) -> None:
    example = _ANSWERS.get((operation["operationId"], status))
    if example is None and status == "200" and "201" in operation["responses"]:
        described = schemas[media["schema"]["$ref"].rpartition("/")[2]]
        outcomes = described["properties"]["outcome"]["enum"]
        again = next(outcome for outcome in ("updated", "duplicate") if outcome in outcomes)
        example = described["examples"][0] | {"outcome": again}
    if example is not None:
        media["example"] = example


def _models() -> list[type[Answer] | type[Strict]]:
    found: list[Any] = [Answer, Strict]
    for model in found:
        found += model.__subclasses__()
    return found
