"""From a request to bytes and from bytes to an answer, and whether to try again: what both clients share, without any waiting."""

import json
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar, cast
from urllib.parse import quote, urlencode
from uuid import uuid4

import httpx

from medley_client.errors import Unreachable, refusal
from medley_client.requests import Request

Answer = TypeVar("Answer")
Bearer = str | Callable[[], str] | None
AsyncBearer = str | Callable[[], str | Awaitable[str]] | None
Outcome = httpx.Response | httpx.RequestError

WORTH_RETRYING = {429, 502, 503, 504}
STILL_AT_WORK = "idempotency_key_in_use"  # 409: an earlier try, whose answer was lost, is being carried out
FIRST_WAIT = 0.2  # seconds; doubles with every retry
WAIT_AT_WORK = 1.0  # seconds; what is still being carried out takes long


@dataclass(frozen=True)
class Wire:
    """Where the service is, and how patiently it is called."""

    base_url: httpx.URL
    retries: int
    longest_wait: float  # seconds

    def encode(self, request: Request[Any], bearer: str | None, key: str | None) -> httpx.Request:
        """What to send. Ids are encoded whole: they may hold slashes. ``key`` is the same for every try."""
        path = request.path.format_map({name: quote(value, safe="") for name, value in request.ids.items()})
        query = urlencode([pair for name, value in request.query.items() for pair in pairs(name, value)])
        prefix = self.base_url.raw_path.decode().rstrip("/")
        url = self.base_url.copy_with(raw_path=f"{prefix}{path}{'?' if query else ''}{query}".encode())
        headers = {"accept": "application/json"}
        if bearer:
            headers["authorization"] = f"Bearer {bearer}"
        if key:
            headers["idempotency-key"] = key
        if request.body is None:
            return httpx.Request(request.method, url, headers=headers)
        headers["content-type"] = "application/json"
        content = json.dumps(request.body, default=isoformat, allow_nan=False).encode()
        return httpx.Request(request.method, url, headers=headers, content=content)

    def wait_before_retry(self, outcome: Outcome, retried: int) -> float | None:
        """Seconds to wait before another try, None if there is to be none."""
        if retried >= self.retries:
            return None
        backoff = FIRST_WAIT * 2**retried * random.uniform(0.5, 1)  # noqa: S311 - spreads retries, guards nothing
        if isinstance(outcome, httpx.UnsupportedProtocol):
            return None  # the address is none
        if isinstance(outcome, httpx.RequestError):
            return min(backoff, self.longest_wait)
        if outcome.status_code not in WORTH_RETRYING:
            return None
        asked = seconds_until(outcome.headers.get("retry-after"))
        wait = backoff if asked is None else max(asked, backoff)
        return wait if wait <= self.longest_wait else None


@dataclass
class Tries:
    """What became of one request: how often it was sent again, and for how long an earlier try of it was waited for."""

    wire: Wire
    retried: int = 0
    waited_at_work: float = 0.0  # seconds

    def wait_before_next(self, outcome: Outcome) -> float | None:
        """Seconds to wait before another try, which is counted; None if there is to be none. What the service still
        carries out is no failure: it is waited for until ``longest_wait`` is over."""
        if self.wire.retries and isinstance(outcome, httpx.Response) and is_still_at_work(outcome):
            wait = WAIT_AT_WORK * random.uniform(1, 1.5)  # noqa: S311 - spreads retries, guards nothing
            self.waited_at_work += wait
            return wait if self.waited_at_work <= self.wire.longest_wait else None
        wait = self.wire.wait_before_retry(outcome, self.retried)
        self.retried += wait is not None
        return wait


def key_for(request: Request[Any]) -> str | None:
    """A new ``Idempotency-Key`` for a request that must not be carried out twice."""
    return uuid4().hex if request.method == "POST" and not request.repeatable else None


def is_still_at_work(answer: httpx.Response) -> bool:
    """Whether the service is carrying out an earlier try of the same request."""
    return answer.status_code == 409 and refusal(answer).code == STILL_AT_WORK


def decode(request: Request[Answer], outcome: Outcome, retried: int) -> Answer:
    """The answer, or the exception that stands for it; typed as the request says, and not checked again."""
    if isinstance(outcome, httpx.RequestError):
        raise Unreachable(f"{request.method} {request.path}: {outcome or type(outcome).__name__}") from outcome
    if outcome.status_code == 404 and request.method == "DELETE" and retried:
        return cast("Answer", None)  # an earlier try got through, and its answer was lost
    if outcome.status_code >= 300:
        raise refusal(outcome)
    try:
        return cast("Answer", outcome.json() if outcome.content else None)
    except ValueError:
        kind = outcome.headers.get("content-type", "nothing that it names")
        detail = f"{request.method} {request.path}: {kind} came where JSON was asked for; is this the service?"
        raise Unreachable(detail) from None


def pairs(name: str, value: object) -> list[tuple[str, str]]:
    """A query parameter as it is written, once for every element of a list."""
    if value is None:
        return []
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [pair for each in cast("Sequence[object]", value) for pair in pairs(name, each)]
    if isinstance(value, bool):
        return [(name, "true" if value else "false")]
    return [(name, value.isoformat() if isinstance(value, date) else str(value))]


def isoformat(value: object) -> object:
    """What JSON has no type for: times, days, and mappings and sequences that are no dict and list."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(cast("Mapping[str, object]", value))
    if isinstance(value, Sequence):
        return list(cast("Sequence[object]", value))
    raise TypeError(f"{type(value).__name__} cannot be sent as JSON")


def seconds_until(retry_after: str | None) -> float | None:
    """What Retry-After says, as seconds or as a date; None where it says nothing that can be read."""
    if retry_after is None:
        return None
    if retry_after.isdecimal():
        return float(retry_after)
    try:
        until = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max((until.astimezone(UTC) - datetime.now(UTC)).total_seconds(), 0.0)
