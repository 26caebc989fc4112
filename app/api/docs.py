"""The description of the API: openapi.json, and Swagger UI at /docs from the installed package, under a strict CSP."""

from functools import cache
from importlib.resources import files
from typing import Any

import orjson
from anyio import to_thread
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from app.api.docs_access import PROBLEM_HEADERS, REFUSALS, describe_access, headers_of
from app.api.docs_examples import PROBLEMS, complete_examples, problem_example
from app.api.errors import MEDIA_TYPE
from app.api.schemas.problem import Problem

DESCRIPTION = """\
Ratings in, a personal list out, on the very next call.

Ids are your own strings: percent-encode each segment of a path (`/` as `%2F`). Times are RFC 3339. Unknown fields and
query parameters are refused. Errors are `application/problem+json` with a stable `code` and a JSON Pointer for each
offending field: `/items/0/title` points into the body, `/query/limit` at a query parameter, `/path/item_id` at a part
of the path.

Send an API key, or in apps and pages a user token, as `Authorization: Bearer`; a service that has no keys yet asks for none.
Bodies may be sent, and answers are given, with gzip.
"""

# Reading order: what a newcomer needs first comes first.
TAGS: list[dict[str, Any]] = [
    {"name": "Recommendations", "description": "What to show: personal lists, similar items, charts."},
    {"name": "Search", "description": "Find items by title and people."},
    {"name": "Ratings", "description": "What users think, one at a time or in batches."},
    {
        "name": "Users",
        "description": "What they say of themselves: preferences, hard limits, what they do not want to see.",
    },
    {
        "name": "Events",
        "description": "What users and visitors do: plays, purchases, clicks, impressions and your own kinds.",
    },
    {"name": "Items", "description": "The catalogue."},
    {"name": "Metrics", "description": "What came of the lists."},
    {"name": "Training", "description": "Train, look at what was published, roll back."},
    {"name": "Health", "description": "For orchestrators."},
]

# Swagger UI draws icons from data: addresses and sets styles by script, which a CSP without inline styles allows.
DOCS_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

# Where each file of the page lives, and its type.
ASSETS = {
    "swagger-ui-bundle.js": ("fastapi_offline", "text/javascript"),
    "swagger-ui.css": ("fastapi_offline", "text/css"),
    "docs.js": ("app.api", "text/javascript"),
}

_PROBLEMS = {
    "400": "The request cannot be read.",
    "409": "Somebody else writes the same at the same time: send it again.",
    "413": "The body is too large.",
    "415": "The body is not sent as application/json.",
    "422": "The request was read and cannot be accepted; `errors` points at the fields.",
    "500": "Something unforeseen went wrong here.",
    "503": "Something this needs is away now; try again after `Retry-After` seconds.",
}
_BODY_ONLY = {"413", "415"}

# Pydantic gives the bounds of what it reads by a function under its own names, which mean nothing in a JSON Schema.
_BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}


def install_docs(app: FastAPI) -> None:
    """Serve ``/openapi.json`` and ``/docs``."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = describe(app)
        return app.openapi_schema

    async def openapi_json(_: Request) -> Response:
        # The first time takes a second of processor time: in a thread, for others are served meanwhile.
        described = app.openapi_schema or await to_thread.run_sync(app.openapi)
        return Response(orjson.dumps(described), media_type="application/json")

    async def page(_: Request) -> Response:
        return _static("app.api", "docs.html", "text/html")

    app.openapi = openapi
    app.add_route("/openapi.json", openapi_json, include_in_schema=False)
    app.add_route("/docs", page, include_in_schema=False)
    for name, (package, media_type) in ASSETS.items():
        app.add_route(f"/docs/{name}", _asset_route(package, name, media_type), include_in_schema=False)


def describe(app: FastAPI) -> dict[str, Any]:
    """OpenAPI 3.1 of the application, with the problems that any operation may answer."""
    schema = get_openapi(
        title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes, tags=_tags_in_use(app)
    )
    components = schema.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    # FastAPI describes its own form of a 422, which is never sent here.
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    reference = {"$ref": "#/components/schemas/Problem"}
    described = Problem.model_json_schema(mode="serialization", ref_template="#/components/schemas/{model}")
    schemas |= described.pop("$defs") | {"Problem": described}
    components["schemas"] = dict(sorted(schemas.items()))
    components["responses"] = {
        status: {
            "description": text,
            "headers": headers_of("X-Request-ID", *PROBLEM_HEADERS.get(status, ())),
            "content": {MEDIA_TYPE: {"schema": reference, "example": problem_example(status, **PROBLEMS[status])}},
        }
        for status, text in sorted((_PROBLEMS | REFUSALS).items())
    }
    for operations in schema["paths"].values():
        for method, operation in operations.items():
            _add_problems(operation, writes=method != "get")
            _name_bounds(operation)
    describe_access(app, schema)
    complete_examples(schema)
    return schema


def _tags_in_use(app: FastAPI) -> list[dict[str, Any]]:
    used = {
        tag for route in app.routes if isinstance(route, APIRoute) and route.include_in_schema for tag in route.tags
    }
    return [tag for tag in TAGS if tag["name"] in used]


def _add_problems(operation: dict[str, Any], *, writes: bool) -> None:
    responses = operation["responses"]
    has_body = "requestBody" in operation
    for status in _PROBLEMS:
        if status == "409" and (not writes or status in responses):
            continue
        if status not in _BODY_ONLY or has_body:
            responses[status] = {"$ref": f"#/components/responses/{status}"}
    for status, response in responses.items():
        if status >= "400" and "$ref" not in response:
            media = response.setdefault("content", {}).setdefault(MEDIA_TYPE, {})
            media["schema"] = {"$ref": "#/components/schemas/Problem"}
    operation["responses"] = dict(sorted(responses.items()))


def _name_bounds(operation: dict[str, Any]) -> None:
    for parameter in operation.get("parameters", ()):
        for schema in (parameter["schema"], *parameter["schema"].get("anyOf", ())):
            for ours, theirs in _BOUNDS.items():
                if ours in schema:
                    schema[theirs] = schema.pop(ours)


def _asset_route(package: str, name: str, media_type: str) -> Any:
    async def asset(_: Request) -> Response:
        return _static(package, name, media_type)

    return asset


def _static(package: str, name: str, media_type: str) -> Response:
    headers = {"Content-Security-Policy": DOCS_CSP, "Cache-Control": "public, max-age=3600"}
    return Response(_read(package, name), media_type=media_type, headers=headers)


@cache
def _read(package: str, name: str) -> bytes:
    return (files(package) / "static" / name).read_bytes()
