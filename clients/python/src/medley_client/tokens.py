"""User tokens, for the backends of apps and pages: those never hold a key."""

import base64
import hmac
import json
import time
from typing import Literal


def user_token(
    key: str, user_id: str, *, seconds: int = 3600, scope: Literal["read", "write", "read write"] = "read write"
) -> str:
    """A token that lets its bearer act as one user; made here, without a call. It ends with its key at the latest."""
    secret = hmac.digest(key.encode(), b"medley-user-token", "sha256")
    header = {"alg": "HS256", "typ": "JWT", "kid": key.split("_")[1]}
    claims = {"sub": user_id, "scope": scope, "exp": int(time.time()) + seconds}
    signed = f"{_base64(json.dumps(header).encode())}.{_base64(json.dumps(claims).encode())}"
    return f"{signed}.{_base64(hmac.digest(secret, signed.encode(), 'sha256'))}"


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
