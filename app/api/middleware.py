"""Plain ASGI middleware around the whole application: request id, access log, last resort, limits, headers, HEAD."""

import re
import secrets
import time

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.errors import ContentTooLarge, problem_of
from app.telemetry.metrics import Metrics

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:\-]{1,128}")

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    # Most answers are about a person. A route that may be cached says so itself.
    "Cache-Control": "no-store",
}

_SECURITY_HEADERS = [(name.lower().encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]

access_log: structlog.stdlib.BoundLogger = structlog.get_logger("medley.access")


def _header(scope: Scope, name: bytes) -> bytes | None:
    return next((value for key, value in scope["headers"] if key == name), None)


class RequestContext:
    """Gives each request its id, answers what nobody foresaw, measures, and writes one line of the access log.

    The line holds the template of the route, never the path, the query or the body: those may name people.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        request_id = self._request_id(scope)
        # A copy: servers share the lifespan's state among requests.
        scope["state"] = {**scope.get("state", {}), "request_id": request_id}
        status = 0
        self.metrics.in_flight += 1

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
                present = {name for name, _ in message["headers"]}
                missing = [pair for pair in _SECURITY_HEADERS if pair[0] not in present]
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", request_id.encode()),
                    *scope["state"].get("answer_headers", {}).items(),
                    *missing,
                ]
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self.app(scope, receive, send_with_headers)
            except Exception as error:  # noqa: BLE001 - the last resort: problem_of logs it, the client gets no detail
                answer = problem_of(error, scope)
                if status == 0:
                    await answer(scope, receive, send_with_headers)
            finally:
                route = getattr(scope.get("route"), "path_format", None)
                seconds = time.perf_counter() - began
                self.metrics.in_flight -= 1
                self.metrics.request(route, scope["method"], status, seconds)
                access_log.info(
                    "request", method=scope["method"], route=route, status=status, ms=round(seconds * 1e3, 2)
                )

    @staticmethod
    def _request_id(scope: Scope) -> str:
        given = _header(scope, b"x-request-id")
        return given.decode() if given is not None and _REQUEST_ID.fullmatch(given) else secrets.token_hex(16)


class BodyLimit:
    """Refuses a body that is too long: before it is read where its length is given, while it is read otherwise."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        error = ContentTooLarge(f"The body is larger than {self.max_bytes} bytes.")
        declared = _header(scope, b"content-length")
        if declared is not None and declared.isdigit() and int(declared[:19]) > self.max_bytes:
            await problem_of(error, scope)(scope, receive, send)
            return
        received = 0

        async def receive_counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.max_bytes:
                raise error
            return message

        await self.app(scope, receive_counted, send)


class HeadAsGet:
    """Answers HEAD as GET without the body."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        # A copy: the server looks into its own to know whether a body has to follow the headers.
        inner = {**scope, "method": "GET"}
        try:
            await self.app(inner, receive, send_head)
        finally:
            # What the router found out, which the access log and the metrics need.
            scope.update({**inner, "method": "HEAD"})
