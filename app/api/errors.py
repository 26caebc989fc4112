"""The one place where a failure becomes an answer: RFC 9457 problem+json.

Pointers (RFC 6901) name the offending field: ``/items/0/title`` is a field of the body, ``/query/limit`` a query
parameter, ``/path/item_id`` a part of the path, ``/header/x-name`` a header. No body has a field ``query``, ``path``
or ``header`` at its top.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Any, cast

import orjson
import psycopg
import sqlalchemy.exc
import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Scope

from app.errors import Conflict, FieldError, InvalidInput, MedleyError, NotFound, Unavailable

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:medley:problem:"
RETRY_AFTER_SECONDS = 2
MAX_ERRORS = 100
LONGEST_NAME = 256
"""Of a name in a pointer, which may be one that somebody made up."""

# What the same request may get over later: the database is gone, too slow, or out of connections.
OUTAGES = (
    sqlalchemy.exc.OperationalError,
    sqlalchemy.exc.InterfaceError,
    sqlalchemy.exc.TimeoutError,
    psycopg.OperationalError,
    psycopg.InterfaceError,
    ConnectionError,
    TimeoutError,
)

READ_ONLY = "25006"
"""The SQLSTATE of a write to a server that takes none, as a replica just after a failover."""

DUPLICATE = "23505"
"""The SQLSTATE of a second row where there may be one: a writer who takes no lock came in between."""

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class MalformedRequest(InvalidInput):
    """The request cannot be read at all: not JSON, not UTF-8, a broken escape."""

    code = "malformed_request"


class UnsupportedMediaType(InvalidInput):
    """The body is of a kind that is not read here."""

    code = "unsupported_media_type"


class ContentTooLarge(InvalidInput):
    """The body is larger than the settings allow."""

    code = "content_too_large"


class Refused(MedleyError):
    """The request is not let in; ``headers`` tell a client what to do about it."""

    def __init__(self, detail: str, headers: Mapping[str, str]) -> None:
        super().__init__(detail)
        self.headers = headers


class Unauthenticated(Refused):
    """Nobody knows who sent this."""

    code = "unauthenticated"


class Forbidden(Refused):
    """Who sent this may not do it, whatever there is."""

    code = "forbidden"


class TooManyRequests(Refused):
    """Who sent this has sent too many already."""

    code = "too_many_requests"


# Looked up along the class hierarchy; what is not listed is an internal error.
STATUS: Mapping[type[BaseException], HTTPStatus] = {
    MalformedRequest: HTTPStatus.BAD_REQUEST,
    UnsupportedMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    ContentTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    InvalidInput: HTTPStatus.UNPROCESSABLE_ENTITY,
    NotFound: HTTPStatus.NOT_FOUND,
    Conflict: HTTPStatus.CONFLICT,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    Unauthenticated: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    TooManyRequests: HTTPStatus.TOO_MANY_REQUESTS,
}

TITLES = {
    400: "Malformed request",
    401: "Unauthenticated",
    403: "Forbidden",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    413: "Content too large",
    415: "Unsupported media type",
    422: "Invalid input",
    429: "Too many requests",
    500: "Internal error",
    503: "Unavailable",
}

_HTTP_DETAILS = {
    404: "There is nothing at this address.",
    405: "This method is not offered at this address; Allow lists those that are.",
}

# Pydantic's names of what is wrong with a value, where ours say it better; its other names are kept as they are.
_CODES = {
    "missing": "required",
    "extra_forbidden": "unknown_field",
    "finite_number": "not_finite",
    "int_type": "not_an_integer",
    "int_parsing": "not_an_integer",
    "int_from_float": "not_an_integer",
    "float_type": "not_a_number",
    "float_parsing": "not_a_number",
    "string_type": "not_a_string",
    "string_unicode": "lone_surrogate",  # what else a decoded JSON text cannot be in UTF-8
    "bool_type": "not_a_boolean",
    "list_type": "not_a_list",
    "dict_type": "not_an_object",
    "model_type": "not_an_object",
    "model_attributes_type": "not_an_object",
    "literal_error": "not_allowed",
    "enum": "not_allowed",
    "string_too_short": "too_short",
    "string_too_long": "too_long",
    "string_pattern_mismatch": "wrong_form",
    "greater_than": "too_small",
    "greater_than_equal": "too_small",
    "less_than": "too_large",
    "less_than_equal": "too_large",
}

# Pydantic's sentence names a class of ours.
_DETAILS = {"not_an_object": "This must be an object."}


def in_path(error: InvalidInput, name: str) -> InvalidInput:
    """The same error of a service, which names a field, where that field is part of the address."""
    errors = [replace(each, pointer=each.pointer.replace(f"/{name}", f"/path/{name}")) for each in error.errors]
    return InvalidInput(error.detail, code=error.code, errors=errors)


def pointer_to(parts: Sequence[str | int]) -> str:
    """A JSON Pointer from the names and positions on the way to a value."""
    return "".join("/" + str(part)[:LONGEST_NAME].replace("~", "~0").replace("/", "~1") for part in parts)


def field_errors(errors: Sequence[Mapping[str, Any]], inside: tuple[str | int, ...] = ()) -> list[FieldError]:
    """Pydantic's errors as ours: of a request, or of the value that is found at ``inside`` in its body."""
    found: list[FieldError] = []
    for error in errors[:MAX_ERRORS]:
        place = cast("tuple[str | int, ...]", error["loc"])
        # The first part of a FastAPI location says where in the request to look.
        path = (*inside, *place) if inside else place[1:] if place[:1] == ("body",) else place
        kind = str(error["type"])
        code = _CODES.get(kind, kind)
        found.append(FieldError(pointer_to(path), code, _DETAILS.get(code) or str(error["msg"])))
    return found


def problem_response(
    status: int,
    code: str,
    detail: str,
    scope: Scope,
    errors: Sequence[FieldError] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An answer of type application/problem+json, with the id of the request."""
    content = {
        "type": TYPE_PREFIX + code,
        "title": TITLES.get(status, HTTPStatus(status).phrase),
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": scope.get("state", {}).get("request_id"),
        "errors": [{"pointer": each.pointer, "code": each.code, "detail": each.detail} for each in errors[:MAX_ERRORS]],
    }
    return Response(orjson.dumps(content), status, dict(headers or {}), MEDIA_TYPE)


def problem_of(error: BaseException, scope: Scope) -> Response:
    """The answer to any failure. What nobody foresaw is logged and told to nobody."""
    if isinstance(error, ClientDisconnect):
        # No failure of ours. Nobody is there to hear of it but the log and the metrics.
        error = MalformedRequest("The connection was closed before the body had come.", code="incomplete_body")
    if isinstance(error, MedleyError):
        for kind in type(error).__mro__:
            if kind in STATUS:
                return _known_problem(error, STATUS[kind], scope)
    if isinstance(error, RequestValidationError):
        detail = "The request cannot be accepted; errors says which fields and why."
        return problem_response(422, "invalid_input", detail, scope, field_errors(error.errors()))
    if isinstance(error, HTTPException):
        code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_")
        detail = _HTTP_DETAILS.get(error.status_code, f"{error.detail}.")
        return problem_response(error.status_code, code, detail, scope, headers=error.headers)
    if _is_outage(error):
        # One line and no traceback: during an outage there is one for every request.
        log.warning("database_unavailable", kind=type(error).__name__, reason=str(getattr(error, "orig", error))[:300])
        return _known_problem(Unavailable("The database cannot be reached now, or is too busy."), 503, scope)
    if _sqlstate(error) == DUPLICATE:
        log.warning("write_conflict", kind=type(error).__name__)
        conflict = Conflict("Somebody else has just written the same; send it again.", code="write_conflict")
        return _known_problem(conflict, 409, scope)
    log.error("unexpected_error", exc_info=error)
    return problem_response(500, "internal_error", "Something went wrong here; the log has it under request_id.", scope)


def _known_problem(error: MedleyError, status: int, scope: Scope) -> Response:
    headers = dict(error.headers) if isinstance(error, Refused) else {}
    if status == 503:
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    if status == 413:
        headers["Connection"] = "close"  # the rest of the body is not worth reading
    return problem_response(status, error.code, error.detail, scope, error.errors, headers)


def _is_outage(error: BaseException) -> bool:
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    return lost or isinstance(error, OUTAGES) or _sqlstate(error) == READ_ONLY


def _sqlstate(error: BaseException) -> str | None:
    """What Postgres calls the failure, with or without SQLAlchemy around it."""
    origin = getattr(error, "orig", error)
    return origin.sqlstate if isinstance(origin, psycopg.Error) else None


def install_error_handlers(app: FastAPI) -> None:
    """Map every failure that leaves a route; those that nobody foresaw are caught by the outermost middleware."""

    async def answer(request: Request, error: Exception) -> Response:
        return problem_of(error, request.scope)

    async def answer_http(request: Request, error: Exception) -> Response:
        if isinstance(error, HTTPException) and error.status_code == 405:
            error = HTTPException(405, headers={"Allow": _allowed_methods(app, request.scope["path"])})
        return problem_of(error, request.scope)

    for kind in (MedleyError, RequestValidationError, DBAPIError, *OUTAGES):
        app.add_exception_handler(kind, answer)
    app.add_exception_handler(HTTPException, answer_http)


def _allowed_methods(app: FastAPI, path: str) -> str:
    """Every method of every route at the path: the router alone knows the first route only."""
    methods: set[str] = set()
    for context in iter_route_contexts(app.routes):
        if context.path_regex.match(path):
            methods |= context.methods or set()
    if "GET" in methods:
        methods.add("HEAD")
    return ", ".join(sorted(methods))
