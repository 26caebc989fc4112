"""HTTP as uvicorn reads it, with bounds for when no proxy stands in front: how long a request's head may be, and how slowly a
request may come. Without them one connection, and no key, is enough to fill the memory of a worker and keep it busy.
"""

import asyncio
from http import HTTPStatus

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 64 * 1024
"""Of a head, or of what stands behind the parts of a body, that does not come in one piece, beside the first piece."""
PERIOD_SECONDS = 30.0
"""How long a head may take, and how often it is looked whether a body still comes."""
LEAST_BYTES = 30 * 1024
"""Of a body in each period: a kilobyte a second."""
_DETAILS = {
    HTTPStatus.REQUEST_TIMEOUT: "The request came too slowly.",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "The head of the request, or what stands behind its body, is too long.",
}


class BoundedProtocol(HttpToolsProtocol):
    """One connection. What comes in one piece, as nearly every request does, needs no timer."""

    _timer: asyncio.TimerHandle | None = None
    _arriving = True
    _in_head = True
    _begun = False
    _came_on = False
    _head_bytes = 0
    _period_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request, and not for good."""
        super().connection_made(transport)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._arriving = False
        self._stop_watching()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read what came; what is not whole after it is watched."""
        self._came_on = False
        super().data_received(data)
        if not self._arriving:
            if self._timer is not None:
                self._stop_watching()
            if not self._is_answering():
                self._expect_another()
            return
        self._period_bytes += len(data)
        self._head_bytes = 0 if self._came_on else self._head_bytes + len(data)
        if self._head_bytes > HEAD_BYTES:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        elif self._timer is None and not self.transport.is_closing():
            self._watch()

    def on_message_begin(self) -> None:
        """A request begins."""
        self._arriving = self._in_head = self._begun = self._came_on = True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header. What comes behind a body is dropped: nobody reads it, and it must not pass for a header."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Its head is whole."""
        self._in_head = False
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Part of its body came."""
        self._came_on = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """It is whole."""
        self._arriving = False
        super().on_message_complete()

    def _expect_another(self) -> None:
        """Wait for the next request, and not for good: something came that is none, an empty line or what is left of a
        request that was answered before, and with it uvicorn has stopped to wait."""
        if not self.transport.is_closing():
            self._arriving = self._in_head = True
            self._begun = False
            self._watch()

    def _watch(self) -> None:
        self._period_bytes = 0
        self._timer = self.loop.call_later(PERIOD_SECONDS, self._look)

    def _stop_watching(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        """Give up a request that does not come on, unless it waits for us: nobody reads it now, or the one before is answered."""
        self._timer = None
        if self.transport.is_closing() or not self._arriving:
            return
        comes_on = self._is_answering() if self._in_head else self._period_bytes >= LEAST_BYTES
        if comes_on or self.flow.read_paused:
            self._watch()
        else:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)

    def _is_answering(self) -> bool:
        return not getattr(self.cycle, "response_complete", True)  # before the first request there is none

    def _refuse(self, status: HTTPStatus) -> None:
        """Hang up, with a word to who has sent something, where it would not stand in the middle of an answer."""
        silent = self._is_answering() if self._in_head else self.cycle.response_started
        if self._begun and not silent and not self.transport.is_closing():
            self.transport.write(_problem(status))
        self._stop_watching()
        self.transport.close()


def _problem(status: HTTPStatus) -> bytes:
    """The whole answer, in the form that all refusals have."""
    code = status.phrase.lower().replace(" ", "_")
    body = orjson.dumps(
        {
            "type": f"urn:medley:problem:{code}",
            "title": status.phrase,
            "status": status.value,
            "detail": _DETAILS[status],
            "code": code,
            "request_id": None,
            "errors": [],
        }
    )
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/problem+json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
