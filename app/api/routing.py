"""Routing on the raw path, so that an id may hold anything, and the route class that reads requests strictly.

``CanonicalPath`` decodes each segment of the raw path once and writes it back in ONE encoded form. Routes match that
form, so that a slash inside an id is not a separator and a literal that a client chose to encode still matches.
``StrictRoute`` decodes the matched parameters.
"""

import re
from collections.abc import Callable, Coroutine
from math import inf
from typing import Any
from urllib.parse import quote, unquote, unquote_to_bytes

from fastapi import APIRouter
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query
from fastapi.routing import APIRoute
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.access import Access, access_to, admit, check_body, refuse_former_user
from app.api.conditional import etag_of
from app.api.errors import MalformedRequest, problem_of
from app.api.idempotency import answer_once, has_key, key_of, takes_key
from app.api.query_memory import QueryRefused, remembering
from app.api.quick_route import QuickRoute
from app.api.strict_json import MAX_FIELDS, StrictRequest
from app.errors import FieldError, InvalidInput

# What RFC 3986 lets stand in a path segment besides letters, digits and "-._~", which are never quoted.
_SEGMENT_SAFE = "!$&'()*+,;=:@"
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_NOT_PLAIN = re.compile(rb"[^A-Za-z0-9\-._~!$&'()*+,;=:@/]")


def canonical_path(raw_path: bytes) -> str:
    """The path with each segment decoded once and encoded again in one way; empty segments are refused."""
    if b"//" in raw_path or (raw_path.endswith(b"/") and raw_path != b"/"):
        raise MalformedRequest("A segment of the path is empty.", code="empty_path_segment")
    if not _NOT_PLAIN.search(raw_path):
        return raw_path.decode("ascii")
    if _BAD_ESCAPE.search(raw_path):
        raise MalformedRequest("The path holds a '%' that two hexadecimal digits do not follow.", code="malformed_path")
    try:
        segments = [unquote_to_bytes(segment).decode("utf-8") for segment in raw_path.split(b"/")]
    except UnicodeDecodeError:
        raise MalformedRequest("The path is not valid UTF-8.", code="malformed_path") from None
    return "/".join(quote(segment, safe=_SEGMENT_SAFE) for segment in segments)


class CanonicalPath:
    """ASGI middleware that puts the canonical, still encoded path where the router looks for it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            # Servers may leave raw_path out; then an encoded slash cannot be told from a separator.
            raw_path = scope.get("raw_path") or quote(scope["path"]).encode()
            try:
                scope["path"] = canonical_path(raw_path)
            except MalformedRequest as error:
                await problem_of(error, scope)(scope, receive, send)
                return
        await self.app(scope, receive, send)


class StrictRoute(APIRoute):
    """A route that decodes its path parameters once, reads JSON strictly and knows all of its query parameters."""

    quick: QuickRoute | None = None
    once_only = False
    """Whether the route heeds an ``Idempotency-Key``."""

    @property
    def access(self) -> Access:
        """What the route asks of its callers."""
        return access_to(self.endpoint, self.methods)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's handler: what is wrong with the request as such is refused before its fields are looked at."""
        handle = self._quick_handler()
        query = [field for field in get_flat_params(self.dependant) if isinstance(field.field_info, Query)]
        once = frozenset(field.alias for field in query if not _is_list(field.field_info.annotation))
        many = frozenset(field.alias for field in query) - once
        reads_json = self.body_field is not None
        needs_json = self.body_field is not None and self.body_field.field_info.is_required()
        access = self.access
        etag = etag_of(self.endpoint)
        once_only = self.once_only = takes_key(access, self.methods)
        most_fields = inf if self.path.endswith(":batch") else MAX_FIELDS

        async def handle_strictly(request: Request) -> Response:
            scope = request.scope
            caller = admit(scope, access)
            scope["path_params"] = {name: unquote(text) for name, text in scope["path_params"].items()}
            if scope["query_string"]:
                check_query(scope["query_string"], request.query_params, once, many)
            body = None
            if reads_json:
                request = StrictRequest(scope, request.receive)
                request.most_fields = most_fields
                if needs_json or await request.body():
                    body = await request.json()
                    check_body(caller, access, body)
            key = key_of(scope) if once_only else None
            response = await (handle(request) if key is None else answer_once(request, caller, key, body, handle))
            return response if etag is None else etag.apply(request, response)

        return handle_strictly

    def _quick_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, which remembers query strings; what the route declares, which is documented, stays."""
        declared = self.dependant
        handle_fully = super().get_route_handler()
        self.dependant = remembering(declared)
        try:
            handle_quickly = super().get_route_handler()
            self.quick = QuickRoute.of(self.dependant, self.body_field, self.access, etag_of(self.endpoint))
        finally:
            self.dependant = declared

        async def handle(request: Request) -> Response:
            try:
                return await handle_quickly(request)
            except QueryRefused:
                return await handle_fully(request)

        return handle

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the caller in, and take the quick way where there is one. Traces show FastAPI's own steps, so that a traced request
        takes those."""
        if scope["method"] in (self.methods or ()):
            await refuse_former_user(scope, admit(scope, self.access))
            ordinary = scope.get("fastapi.telemetry") is None and not (self.once_only and has_key(scope))
            if self.quick is not None and ordinary:
                left = await self.quick.handle(scope, receive, send)
                if left is None:
                    return
                receive = left
        await super().handle(scope, receive, send)


class Router(APIRouter):
    """A router whose routes are all strict."""

    def __init__(self, **options: Any) -> None:
        super().__init__(route_class=StrictRoute, redirect_slashes=False, **options)


def check_query(raw: bytes, params: QueryParams, once: frozenset[str], many: frozenset[str]) -> None:
    """Refuse unknown parameters, repeated ones that take one value, and text that is not valid UTF-8."""
    # Starlette would put U+FFFD in the place of what it cannot decode.
    if not raw.isascii() or _BAD_ESCAPE.search(raw):
        raise MalformedRequest("The query is not correctly percent-encoded.", code="malformed_query")
    try:
        decoded = unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedRequest("The query is not valid UTF-8.", code="malformed_query") from None
    errors: list[FieldError] = []
    seen: set[str] = set()
    for name, value in params.multi_items():
        pointer = f"/query/{name.replace('~', '~0').replace('/', '~1')}"[:300]
        if name not in once and name not in many:
            errors.append(FieldError(pointer, "unknown_parameter", "This query parameter is not known here."))
        elif name in seen and name in once:
            errors.append(FieldError(pointer, "repeated_parameter", "This query parameter may be given once only."))
        elif "\0" in decoded and "\0" in value:
            errors.append(FieldError(pointer, "nul_character", "Text must not hold U+0000."))
        seen.add(name)
    if errors:
        raise InvalidInput("The query parameters cannot be accepted.", errors=errors[:100])


def _is_list(annotation: Any) -> bool:
    origin = getattr(annotation, "__origin__", None)
    if origin is list or annotation is list:
        return True
    return any(_is_list(argument) for argument in getattr(annotation, "__args__", ()))
