"""``Idempotency-Key``: a POST that is sent twice is carried out once, and answered with the same words for a day.

Only what was done is kept: a refusal has stored nothing, and the same request may succeed later. The answer is stored in the
transaction of the request, which the request's session is made to share.
"""

import re
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from app.api.access import Access, Caller
from app.api.deps import AfterCommit, Services, share_session
from app.errors import FieldError, InvalidInput
from app.services.stored_answers import POINTER, Answered, Asked, digest, find_answer, keep_answer, user_digest

HEADER = b"idempotency-key"
PATTERN = "^[!-~]{1,255}$"
REPLAYED = "Idempotent-Replayed"
_KEY = re.compile(rb"[!-~]{1,255}")
_KEPT_HEADERS = ("content-type", "location", "cache-control")


def takes_key(access: Access, methods: set[str] | None) -> bool:
    """Whether a route does something that must not be done twice. One that reads stores nothing, not even its answer."""
    return methods == {"POST"} and access.scope not in {None, "read"}


def has_key(scope: Scope) -> bool:
    """Whether a request was sent with a key, good or bad."""
    return HEADER in dict(scope["headers"])


def key_of(scope: Scope) -> bytes | None:
    """The key that a request was sent with. InvalidInput where it is none, or not one."""
    given = [value for name, value in scope["headers"] if name == HEADER]
    if not given:
        return None
    if len(given) == 1 and _KEY.fullmatch(given[0]):
        return given[0]
    error = FieldError(POINTER, "malformed", "One key of 1 to 255 visible ASCII characters.")
    raise InvalidInput("The Idempotency-Key cannot be accepted.", errors=[error])


async def answer_once(
    request: Request, caller: Caller, key: bytes, body: Any, handle: Callable[[Request], Awaitable[Response]]
) -> Response:
    """Carry the request out, or answer as before. ``body`` is its value, for the users whom it names."""
    services = cast("Services", request.app.state.services)
    asked = Asked(
        digest(caller.id.encode(), key),
        digest(request.scope["path"].encode(), request.scope["query_string"], await request.body()),
        {user_digest(each) for each in _users(request.scope, caller, body)},
    )
    after_commit = AfterCommit()
    async with services.database.sessions() as session:
        before = await find_answer(session, asked, now=services.now())
        if before is not None:
            return Response(before.body, before.status, {**before.headers, REPLAYED: "true"})
        await share_session(request.scope, services, session, after_commit)
        response = await handle(request)
        headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
        await keep_answer(
            session, asked, Answered(response.status_code, headers, bytes(response.body)), now=services.now()
        )
        await session.commit()
    await after_commit.run()
    return response


def _users(scope: Scope, caller: Caller, body: Any) -> Iterator[str]:
    """The ids of all users whom a request is about."""
    if caller.user_id is not None:
        yield caller.user_id
    if "user_id" in scope["path_params"]:
        yield scope["path_params"]["user_id"]
    if isinstance(body, dict):
        yield from _named(cast("dict[str, Any]", body))


def _named(body: dict[str, Any]) -> Iterator[str]:
    for name, value in body.items():
        if name in {"user_id", "from_user_id"} and isinstance(value, str):
            yield value
        elif isinstance(value, list):
            for row in cast("list[Any]", value):
                user_id = cast("dict[str, Any]", row).get("user_id") if isinstance(row, dict) else None
                if isinstance(user_id, str):
                    yield user_id
