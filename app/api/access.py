"""Who may call a route: what each declares, and the gate that lets a request in.

What a route does not declare: reading needs the scope ``read``, anything else ``write``; user tokens are good for reading only. A
user token goes with one user, and every ``user_id`` in the path, the query or the body has to be that one.
"""

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, cast
from urllib.parse import unquote

from fastapi import Depends, Request
from starlette.datastructures import QueryParams
from starlette.types import Scope as ASGIScope

from app.api.errors import Forbidden, TooManyRequests, Unauthenticated
from app.config import Settings
from app.errors import Unavailable
from app.services.api_keys import PREFIX, SCOPES, Scope, digest_of, id_of
from app.services.exposure import is_loopback
from app.services.former_ids import FormerIds
from app.services.key_ring import KeyRing
from app.services.rate_limits import RateLimiter, identity_of
from app.services.user_tokens import TokenReader, TokenRefused

EndpointT = TypeVar("EndpointT", bound=Callable[..., Any])
_NO_KEY = "This needs an API key or a user token: send it as `Authorization: Bearer`."
_BAD_KEY = "The key or token is not valid."
_FORMER_USER = "The token is for an id that was merged into a user: get one for that user."
_OTHER_USER = "A user token is for one user, and every user_id must be that one."


@dataclass(frozen=True, slots=True)
class Access:
    """What a route asks of its callers.

    ``scope`` None is open to everybody. ``users`` lets user tokens in. ``names_user`` says that the body names a user, and
    ``rows`` the list in it whose rows do.
    """

    scope: Scope | None
    users: bool = False
    names_user: bool = False
    rows: str | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request. ``id`` tells callers apart: what is kept for one must not be given to another. ``user_id`` is the user
    whom a user token is for; a server key stands for all of them."""

    id: str
    scopes: frozenset[str]
    user_id: str | None = None


ANYBODY = Caller("anybody", frozenset(SCOPES))
_declared: dict[Callable[..., Any], Access] = {}


def requires(
    scope: Scope, *, users: bool = False, names_user: bool = False, rows: str | None = None
) -> Callable[[EndpointT], EndpointT]:
    """Declare what a route asks of its callers; below the router's decorator. Without ``users`` only server keys are let in."""
    return _declare(Access(scope, users, names_user or rows is not None, rows))


def open_to_all(endpoint: EndpointT) -> EndpointT:
    """Declare a route that needs no key and has no rate limit."""
    return _declare(Access(None))(endpoint)


def _declare(access: Access) -> Callable[[EndpointT], EndpointT]:
    def declare(endpoint: EndpointT) -> EndpointT:
        _declared[endpoint] = access
        return endpoint

    return declare


def access_to(endpoint: Callable[..., Any], methods: set[str] | None) -> Access:
    """What a route asks, declared or not."""
    reads = methods == {"GET"}
    return _declared.get(endpoint) or Access("read" if reads else "write", users=reads)


class Gate:
    """Lets requests in. Without any key the service is open, where strangers cannot reach it; once there was one it never is."""

    def __init__(self, settings: Settings, ring: KeyRing, tokens: TokenReader) -> None:
        self._settings = settings
        self._ring = ring
        self._tokens = tokens
        self._may_be_open: bool | None = None
        self._addresses = _limiter("address", settings.rate_limit_per_address)
        self._keys = _limiter("key", settings.rate_limit_per_key)
        self._users = _limiter("user", settings.rate_limit_per_user)

    def admit(self, scope: ASGIScope, access: Access) -> Caller:
        """The caller of a request, who may call this route and has not done so too often.

        Raises Unauthenticated, Forbidden, TooManyRequests, and Unavailable while nobody knows which keys there are.
        """
        if access.scope is None:
            return ANYBODY
        state = scope["state"]
        if self._addresses is not None:
            client = scope.get("client")
            _take(self._addresses, identity_of(client[0]) if client else "", state)
        if self._is_open():
            caller = ANYBODY
        else:
            caller = self._authenticate(scope)
            limiter = self._keys if caller.user_id is None else self._users
            if limiter is not None:
                _take(limiter, caller.id, state)
            if access.scope not in caller.scopes or (caller.user_id is not None and not access.users):
                raise _forbidden(access.scope)
        return caller

    def _is_open(self) -> bool:
        configured = self._ring.configured
        if configured:
            return False
        if configured is None:
            return self._settings.allow_unauthenticated
        if self._may_be_open is None:
            self._may_be_open = self._settings.allow_unauthenticated or is_loopback(self._settings.host)
        return self._may_be_open

    def _authenticate(self, scope: ASGIScope) -> Caller:
        credentials = _bearer(scope["headers"])
        if self._ring.configured is None:
            raise Unavailable("The API keys could not be read yet.", code="keys_unknown")
        if credentials is None:
            raise Unauthenticated(_NO_KEY, {"WWW-Authenticate": 'Bearer realm="medley"'})
        if credentials.startswith(PREFIX):
            key_id = id_of(credentials)
            key = self._ring.find(key_id) if key_id is not None else None
            if key is None or not hmac.compare_digest(key.digest, digest_of(credentials)):
                raise _unauthenticated(_BAD_KEY)
            self._ring.note_use(key)
            return Caller(key.id, key.scopes)
        try:
            token = self._tokens.read(credentials)
        except TokenRefused as refused:
            raise _unauthenticated(str(refused)) from None
        self._ring.note_use(token.key)
        return Caller(f"{token.key.id}/{token.user_id}", token.scopes, token.user_id)


def admit(scope: ASGIScope, access: Access) -> Caller:
    """The caller of a request to a route that was matched, looked at once however often this is asked.

    Raises as :meth:`Gate.admit` does, and Forbidden where the path or the query names another user than a user token.
    """
    state = scope["state"]
    caller: Caller | None = state.get("caller")
    if caller is None:
        caller = cast("Gate", scope["app"].state.gate).admit(scope, access)
        if caller.user_id is not None:
            path, query = scope["path_params"], QueryParams(scope["query_string"])
            named = [unquote(path["user_id"])] if "user_id" in path else []
            if any(user_id != caller.user_id for user_id in (*named, *query.getlist("user_id"))):
                raise _other_user()
        state["caller"] = caller
    return caller


async def refuse_former_user(scope: ASGIScope, caller: Caller) -> None:
    """Raise Unauthenticated for a user token whose id stands for somebody else since a merge.

    Where the database does not say, writes are refused as Unavailable; what can be read without it is nobody's.
    """
    if caller.user_id is None:
        return
    former = await cast("FormerIds", scope["app"].state.services.former_ids).is_former(caller.user_id)
    if former:
        raise _unauthenticated(_FORMER_USER)
    if former is None and scope["method"] != "GET":
        raise Unavailable("The database cannot be reached now, or is too busy.")


def check_body(caller: Caller, access: Access, body: Any) -> None:
    """Raise Forbidden where the body names another user than a user token, or none where it has to name one."""
    if caller.user_id is None or not isinstance(body, dict):
        return
    top = cast("dict[str, Any]", body)
    if "user_id" in top or (access.names_user and access.rows is None):
        _check_row(caller, top)
    rows = top.get(access.rows) if access.rows is not None else None
    if isinstance(rows, list):
        for row in cast("list[Any]", rows):
            if isinstance(row, dict):
                _check_row(caller, cast("dict[str, Any]", row))


def _check_row(caller: Caller, row: dict[str, Any]) -> None:
    if row.get("user_id") != caller.user_id:
        raise _other_user()


async def get_caller(request: Request) -> Caller:
    """Who sent the request."""
    return cast("Caller", request.scope["state"]["caller"])


CallerDep = Annotated[Caller, Depends(get_caller)]


def _limiter(kind: str, rates: str | None) -> RateLimiter | None:
    return RateLimiter(kind, rates) if rates else None


def _take(limiter: RateLimiter, identity: str, state: dict[str, Any]) -> None:
    taken = limiter.take(identity)
    headers = state.setdefault("answer_headers", {})
    for name, value in ((b"ratelimit", taken.left), (b"ratelimit-policy", limiter.policy)):
        headers[name] = headers[name] + b", " + value.encode() if name in headers else value.encode()
    if taken.retry_after is not None:
        raise TooManyRequests("Too many requests: come again later.", {"Retry-After": str(taken.retry_after)})


def _bearer(headers: Sequence[tuple[bytes, bytes]]) -> str | None:
    given = [value for name, value in headers if name == b"authorization"]
    if len(given) != 1:
        return None  # of two nobody knows which one a proxy has looked at
    scheme, _, credentials = given[0].decode("latin-1").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else None


def _unauthenticated(detail: str) -> Unauthenticated:
    return Unauthenticated(detail, {"WWW-Authenticate": 'Bearer realm="medley", error="invalid_token"'})


def _forbidden(scope: Scope) -> Forbidden:
    challenge = f'Bearer realm="medley", error="insufficient_scope", scope="{scope}"'
    return Forbidden("The key or token does not allow this.", {"WWW-Authenticate": challenge})


def _other_user() -> Forbidden:
    return Forbidden(_OTHER_USER, {"WWW-Authenticate": 'Bearer realm="medley", error="insufficient_scope"'})
