"""What the description says of keys, tokens, limits and tags: schemes, per operation what it asks for, and the headers."""

from typing import Any

from fastapi import FastAPI

from app.api.conditional import etag_of
from app.api.idempotency import PATTERN, REPLAYED
from app.api.routing import StrictRoute
from app.services.stored_answers import KEPT_HOURS

SCHEMES: dict[str, Any] = {
    "serverKey": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "medley_<id>_<secret>",
        "description": "An API key, made by `medley keys create`, for backends only. The names beside it are the scopes that an "
        "operation needs. As long as there is no key, the service asks for none and listens on loopback only.",
    },
    "userToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "For apps and pages: a short-lived JWT (HS256) with `sub`, `scope` and `exp`, and the key's id as "
        "`kid`, that a backend signs with HMAC-SHA256(key, `medley-user-token`). Every `user_id` has to be its `sub`.",
    },
}

_TEXT: dict[str, Any] = {"type": "string"}
HEADERS: dict[str, Any] = {
    "X-Request-ID": {
        "description": "The id of the request: that which the client sent, or a new one. The log has it too.",
        "schema": _TEXT,
        "example": "6f1c0a52e9",
    },
    "RateLimit": {
        "description": "Where limits are set: requests left (`r`) and seconds until there are more (`t`), for each window.",
        "schema": _TEXT,
        "example": '"key-60";r=99;t=60',
    },
    "RateLimit-Policy": {
        "description": "Where limits are set: requests (`q`) in a window of seconds (`w`).",
        "schema": _TEXT,
        "example": '"key-60";q=100;w=60',
    },
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}, "example": 2},
    "WWW-Authenticate": {
        "description": "What is asked for, RFC 6750.",
        "schema": _TEXT,
        "example": 'Bearer realm="medley", error="invalid_token"',
    },
    "ETag": {
        "description": "Changes with what the answer says; send it as `If-None-Match`.",
        "schema": _TEXT,
        "example": 'W/"9f86d081884c7d659a2feaa0"',
    },
}
HEADERS[REPLAYED] = {
    "description": "`true` where the answer was given before, to the same `Idempotency-Key`; else absent.",
    "schema": {"type": "string", "enum": ["true"]},
    "example": "true",
}
PROBLEM_HEADERS = {
    "401": ("WWW-Authenticate",),
    "403": ("WWW-Authenticate",),
    "429": ("Retry-After", "RateLimit", "RateLimit-Policy"),
    "503": ("Retry-After",),
}
REFUSALS = {
    "401": "There is no key or token, or it is not valid.",
    "403": "The key or token does not allow this, or is for another user, whether or not there is what was asked for.",
    "429": "Too many requests; try again after `Retry-After` seconds.",
}
_IDEMPOTENCY_KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "pattern": PATTERN, "maxLength": 255},
    "example": "1c9f3c0e-6d0b-4f0a-9d52-3b0f8a7c2e11",
    "description": "A new one for each thing to be done, such as a UUID, and the same one when the request is sent again: within "
    f"{KEPT_HOURS} hours it is carried out once, and answered with the same words. A refusal is not kept. The same key with "
    "another request is refused with 422 (`idempotency_key_reused`), and with 409 (`idempotency_key_in_use`) while the first is "
    "being carried out.",
}
_ANSWERED = ("X-Request-ID", "RateLimit", "RateLimit-Policy")
_IF_NONE_MATCH: dict[str, Any] = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "schema": _TEXT,
    "example": 'W/"9f86d081884c7d659a2feaa0"',
    "description": "The `ETag` of the answer that the client has: 304 if it has not changed.",
}


def headers_of(*names: str) -> dict[str, Any]:
    """References to the headers with these names."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def describe_access(app: FastAPI, schema: dict[str, Any]) -> None:
    """Add to each operation who may call it, and the headers and answers that come of it."""
    schema["components"]["securitySchemes"] = SCHEMES
    schema["components"]["headers"] = HEADERS
    for route in app.routes:
        if isinstance(route, StrictRoute) and route.include_in_schema:
            for method in route.methods or ():
                _describe(schema["paths"][route.path_format][method.lower()], route)


def _describe(operation: dict[str, Any], route: StrictRoute) -> None:
    access, responses = route.access, operation["responses"]
    operation["security"] = []
    if access.scope is not None:
        users = [{"userToken": [access.scope]}] if access.users else []
        operation["security"] = [{"serverKey": [access.scope]}, *users]
        for status in REFUSALS:
            responses[status] = {"$ref": f"#/components/responses/{status}"}
    tagged = etag_of(route.endpoint) is not None
    if tagged:
        operation.setdefault("parameters", []).append(_IF_NONE_MATCH)
        responses["304"] = {"description": "The client has this answer already.", "headers": headers_of("ETag")}
    names = _ANSWERED if access.scope is not None else _ANSWERED[:1]
    if route.once_only:
        operation.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
        names = (*names, REPLAYED)
    for status, response in responses.items():
        if status < "300":
            response["headers"] = response.get("headers", {}) | headers_of(*names, *(("ETag",) if tagged else ()))
    operation["responses"] = dict(sorted(responses.items()))
