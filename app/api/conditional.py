"""Conditional reads: an ETag, and 304 for a client that has the answer already.

Put ``@with_etag()`` below the router's decorator of a GET whose answer is the same for everybody, or says itself that it is not:
that of one person says no-store. The tag is weak: it is made of
what the answer says, whatever its compression, without the fields that differ each time and mean nothing to a reader. A cursor
ends some time: the tag of an answer with one changes before that, so that no 304 keeps a page whose cursor is refused.
"""

import hashlib
import re
from collections.abc import Callable
from typing import Any, TypeVar, cast

from starlette.requests import Request
from starlette.responses import Response

from app.api.deps import Services

EndpointT = TypeVar("EndpointT", bound=Callable[..., Any])
CACHE_CONTROL = "private, no-cache"
"""Kept by the client alone, and asked for again each time: whoever calls has shown a key."""
NO_STORE = "no-store"
"""What is for one person alone: nobody may keep it, and it has no tag."""
EACH_TIME = ("recommendation_id", "generated_at", "as_of", "next_cursor")
"""What differs from one answer to the next though the list is the same."""
_CURSOR = b'"next_cursor":"'
_ITEMS, _AFTER_ITEMS = b'"items":', b'"next_cursor":'
_DIGEST_BYTES = 12
_TAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')


class ETag:
    """How the answers of one route are tagged."""

    def __init__(self, ignored: tuple[str, ...]) -> None:
        fields = "|".join(map(re.escape, ignored)).encode()
        # A quotation mark inside a JSON string has a backslash before it, so this finds names of fields only.
        self._ignored = re.compile(rb'(?<!\\)"(?:' + fields + rb')":"[^"]*"') if ignored else None
        self._cursor_ends = "next_cursor" in ignored

    def apply(self, request: Request, response: Response) -> Response:
        """The same answer with its tag, or 304 without a body where the client names that tag. An answer that is for one person
        is left as it is."""
        if response.status_code != 200 or response.headers.get("cache-control") == NO_STORE:
            return response
        body = bytes(response.body)
        said = _without(self._ignored, body) if self._ignored else body
        if self._cursor_ends and _CURSOR in body:
            said += _cursor_period(cast("Services", request.app.state.services))
        tag = f'W/"{hashlib.blake2b(said, digest_size=_DIGEST_BYTES).hexdigest()}"'
        response.headers["ETag"] = tag
        response.headers.setdefault("Cache-Control", CACHE_CONTROL)
        known = request.headers.getlist("if-none-match")
        if not known or not matches(", ".join(known), tag):
            return response
        kept = {name: response.headers[name] for name in ("ETag", "Cache-Control")}
        return Response(status_code=304, headers=kept)


def _without(ignored: re.Pattern[bytes], body: bytes) -> bytes:
    """The body without what differs each time. That stands before and after the items, whose own fields may have such names."""
    begin, end = max(body.find(_ITEMS), 0), max(body.rfind(_AFTER_ITEMS), 0)
    return ignored.sub(b"", body[:begin]) + body[begin:end] + ignored.sub(b"", body[end:])


def _cursor_period(services: Services) -> bytes:
    """The present half of the time for which a cursor is good: one that is kept until the next has the other half to go."""
    seconds = services.settings.cursor_hours * 3_600 // 2
    return b"%d" % (int(services.now().timestamp()) // seconds)


def matches(if_none_match: str, tag: str) -> bool:
    """Whether the header names the tag, by the weak comparison of RFC 9110."""
    if if_none_match.strip() == "*":
        return True
    return tag.removeprefix("W/") in _TAG.findall(if_none_match)


_tagged: dict[Callable[..., Any], ETag] = {}


def with_etag(*ignored: str) -> Callable[[EndpointT], EndpointT]:
    """Tag the answers of a route; ``ignored`` are fields with text values that do not count."""

    def declare(endpoint: EndpointT) -> EndpointT:
        _tagged[endpoint] = ETag(ignored)
        return endpoint

    return declare


def etag_of(endpoint: Callable[..., Any]) -> ETag | None:
    """How a route's answers are tagged, if they are."""
    return _tagged.get(endpoint)
