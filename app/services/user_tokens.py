"""User tokens: short-lived JWTs that a backend signs for one of its users with what it derives from its own key.

Header: ``alg`` HS256, ``kid`` the key's public id. Claims: ``sub`` the user's id, ``scope`` a list of ``read`` and ``write``
parted by blanks, ``exp``. The service is not asked to make one, and a revoked key takes its tokens along.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import jwt
from jwt.types import Options

from app.errors import InvalidInput
from app.services.api_keys import Scope, id_of, token_secret_of
from app.services.key_ring import KeyRing, KnownKey
from app.services.limits import LONGEST_ID, refuse_id

ALGORITHM = "HS256"
GRANTED = frozenset({"read", "write"})
"""What a token can give, if its key has it."""
LEEWAY_SECONDS = 10
LONGEST_TOKEN = 4_096
REMEMBERED = 10_000
_NEVER = 10**12  # larger integers may be none that a float can hold
_EXPIRED = "The token has expired."


class TokenRefused(Exception):
    """A token that does not count; the sentence may be told to who sent it."""


@dataclass(frozen=True, slots=True)
class UserToken:
    """What a valid token says, and the key that signed it."""

    user_id: str
    scopes: frozenset[str]
    expires: float
    key: KnownKey


class TokenReader:
    """Checks tokens. One that was found good is remembered: a client sends the same one over and over, and checking a signature
    takes as long as a tenth of a list."""

    def __init__(self, ring: KeyRing, longest_seconds: int, clock: Callable[[], float]) -> None:
        self._ring = ring
        self._longest_seconds = longest_seconds
        self._clock = clock
        self._good: OrderedDict[str, UserToken] = OrderedDict()

    def read(self, token: str) -> UserToken:
        """What the token says. Raises TokenRefused for one that is forged, expired, lasts too long, or is of a revoked key."""
        known = self._good.get(token)
        if known is not None and self._ring.find(known.key.id) == known.key and self._clock() < known.expires:
            return known
        self._good.pop(token, None)
        checked = self._check(token)
        self._good[token] = checked
        if len(self._good) > REMEMBERED:
            self._good.popitem(last=False)
        return checked

    def _check(self, token: str) -> UserToken:
        try:
            kid = jwt.get_unverified_header(token).get("kid") if len(token) <= LONGEST_TOKEN else None
            key = self._ring.find(kid) if isinstance(kid, str) else None
            if key is None or key.token_secret is None:
                raise TokenRefused("The token is not valid.")
            claims = _verified(token, key.token_secret)
            expires = int(claims["exp"]) + LEEWAY_SECONDS
        except jwt.ExpiredSignatureError:
            raise TokenRefused(_EXPIRED) from None
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError):
            raise TokenRefused("The token is not valid.") from None
        left = min(expires, _NEVER) - self._clock()
        if left <= 0:
            raise TokenRefused(_EXPIRED)
        if left > self._longest_seconds + 2 * LEEWAY_SECONDS:
            raise TokenRefused(f"The token lasts longer than the {self._longest_seconds} seconds that are allowed.")
        asked = claims.get("scope", "")
        scopes = frozenset(asked.split(" ")) if isinstance(asked, str) else frozenset[str]()
        return UserToken(claims["sub"], scopes & GRANTED & key.scopes, float(expires), key)


def mint_user_token(key: str, user_id: str, scopes: Sequence[Scope], *, now: datetime, lifetime: timedelta) -> str:
    """A token for one user, as the holder of a server key makes it; needs no connection to anything."""
    key_id = id_of(key)
    if key_id is None:
        raise InvalidInput("This is not an API key.", code="malformed_key")
    claims = {"sub": user_id, "scope": " ".join(scopes), "iat": now, "exp": now + lifetime}
    return jwt.encode(claims, token_secret_of(key), ALGORITHM, headers={"kid": key_id})  # pyright: ignore[reportUnknownMemberType] - keys of cryptography, not installed


def _verified(token: str, secret: bytes) -> dict[str, Any]:
    options: Options = {"require": ["exp", "sub"]}
    claims = jwt.decode(token, secret, algorithms=[ALGORITHM], leeway=LEEWAY_SECONDS, options=options)  # pyright: ignore[reportUnknownMemberType] - as above
    sub = claims["sub"]
    if not 1 <= len(sub) <= LONGEST_ID or refuse_id(sub) is not None:
        raise TokenRefused("The token names no user.")
    return claims
