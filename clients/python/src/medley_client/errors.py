"""What can go wrong, as exceptions: one for each kind that a caller treats in its own way."""

from collections.abc import Mapping, Sequence
from typing import TypedDict, cast

import httpx


class ProblemField(TypedDict):
    """One field that was refused: a JSON Pointer to it, a stable code, and a sentence."""

    pointer: str
    code: str
    detail: str


class MedleyError(Exception):
    """Anything that this client raises on purpose."""


class Unreachable(MedleyError):
    """No answer of the service came, after all retries. The cause is httpx's own exception, if there is one."""


class Refused(MedleyError):
    """The service answered with a problem; ``code`` is stable and meant for programs."""

    def __init__(self, status: int, problem: Mapping[str, object]) -> None:
        self.status = status
        self.code = str(problem.get("code") or "unknown")
        self.detail = str(problem.get("detail") or problem.get("title") or "")
        self.request_id = cast("str | None", problem.get("request_id"))
        self.errors = cast("Sequence[ProblemField]", problem.get("errors") or ())
        fields = "".join(f"; {each['pointer']}: {each['detail']}" for each in self.errors)
        super().__init__(f"{status} {self.code}: {self.detail}{fields} (request {self.request_id})")


class NotAllowed(Refused):
    """401 or 403: no key, one that is no longer good, or one that may not do this."""


class NotFound(Refused):
    """404: no such item, rating or user."""


class Invalid(Refused):
    """400 or 422: the request breaks the contract; ``errors`` says where."""


class TooManyRequests(Refused):
    """429, still after all retries."""


class Unavailable(Refused):
    """A 5xx answer, still after all retries."""


KINDS: dict[int, type[Refused]] = {
    400: Invalid,
    401: NotAllowed,
    403: NotAllowed,
    404: NotFound,
    422: Invalid,
    429: TooManyRequests,
}


def refusal(response: httpx.Response) -> Refused:
    """The exception for an answer of 400 and above; also for one that a proxy made and that is no problem document."""
    kind = Unavailable if response.status_code >= 500 else KINDS.get(response.status_code, Refused)
    try:
        document: object = response.json()
    except ValueError:
        document = None
    problem: dict[str, object] = {
        "detail": response.reason_phrase,
        "request_id": response.headers.get("x-request-id"),
    }
    if isinstance(document, dict):
        problem |= cast("dict[str, object]", document)
    return kind(response.status_code, problem)
