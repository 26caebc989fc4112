"""gzip both ways, as plain ASGI middleware: answers of some size, for clients that take it, and bodies of requests.

An answer holds no secret beside text that a stranger may choose, which is what attacks by the length of compressed pages live on:
keys and tokens are never answered, and a page of another origin cannot send the `Authorization` header.
"""

import zlib

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.errors import ContentTooLarge, MalformedRequest

LEVEL = 1
"""The others take up to five times as long for a list, which then is an eighth smaller."""
PIECE_BYTES = 64 * 1024
_GZIP_MEMBER = 31  # zlib's name for a window of 32 kB inside a gzip header and trailer


class CompressAnswers:
    """Starlette's compression, for requests that ask for it; the others pay nothing for it."""

    def __init__(self, app: ASGIApp, min_bytes: int) -> None:
        self.app = app
        self._compressing = GZipMiddleware(app, minimum_size=min_bytes, compresslevel=LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        wanted = scope["type"] == "http" and takes_gzip(scope["headers"])
        await (self._compressing if wanted else self.app)(scope, receive, send)


def takes_gzip(headers: list[tuple[bytes, bytes]]) -> bool:
    """Whether the client names gzip among what it takes, and not with the weight 0."""
    for name, value in headers:
        if name == b"accept-encoding":
            return any(_is_gzip(each) for each in value.lower().split(b","))
    return False


def _is_gzip(coding: bytes) -> bool:
    name, _, weight = coding.partition(b";")
    return name.strip() == b"gzip" and weight.replace(b" ", b"").rstrip(b"0") not in {b"q=", b"q=0."}


def _encodings(headers: list[tuple[bytes, bytes]]) -> list[bytes]:
    """How the body is encoded, as each header says; more than one is more than is read here."""
    return [value.strip().lower() for name, value in headers if name == b"content-encoding"]


class InflateBody:
    """Reads bodies sent with `Content-Encoding: gzip`, up to ``max_bytes`` of what they hold."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _encodings(scope["headers"]) == [b"gzip"]:
            gone = {b"content-encoding", b"content-length"}
            scope["headers"] = [pair for pair in scope["headers"] if pair[0] not in gone]
            receive = _Inflated(receive, self.max_bytes)
        await self.app(scope, receive, send)


class _Inflated:
    """What is received, inflated in pieces: a small body may hold much, and none is made larger than it may be."""

    def __init__(self, receive: Receive, max_bytes: int) -> None:
        self._receive = receive
        self._left = max_bytes
        self._max_bytes = max_bytes
        self._decoder = zlib.decompressobj(_GZIP_MEMBER)
        self._input = b""
        self._all_read = False

    async def __call__(self) -> Message:
        while True:
            piece = self._next_piece()
            if piece or (self._all_read and not self._input):
                break
            message = await self._receive()
            if message["type"] != "http.request":
                return message
            self._input += message.get("body", b"")
            self._all_read = not message.get("more_body", False)
        self._left -= len(piece)
        if self._left < 0:
            raise ContentTooLarge(f"The body is larger than {self._max_bytes} bytes.")
        if not piece and not self._decoder.eof:
            raise MalformedRequest("The body ends in the middle of its gzip data.", code="truncated_gzip")
        return {"type": "http.request", "body": piece, "more_body": bool(piece)}

    def _next_piece(self) -> bytes:
        """The next piece of what has been received; empty where more has to be received, or all is done."""
        while True:
            if self._decoder.eof and self._input:
                self._decoder = zlib.decompressobj(_GZIP_MEMBER)  # several members are one body
            if self._decoder.eof:
                return b""
            try:
                piece = self._decoder.decompress(self._input, PIECE_BYTES)
            except zlib.error:
                raise MalformedRequest("The body is not gzip data.", code="malformed_gzip") from None
            self._input = self._decoder.unconsumed_tail or self._decoder.unused_data
            if piece or not self._input:
                return piece
