"""A service with keys, and what the tests of access send to it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
from trained import Service

from app.api.access import Gate
from app.db import driver_url
from app.services.api_keys import Scope, create_key
from app.services.key_ring import KeyRing
from app.services.user_tokens import mint_user_token

ADA, BOB = "ada", "bob/é"


def bearer(credentials: str) -> dict[str, str]:
    """The header that shows a key or a token."""
    return {"Authorization": f"Bearer {credentials}"}


def mint(key: str, user_id: str = ADA, *scopes: Scope, minutes: float = 5) -> str:
    """A user token, for reading and writing unless scopes are named."""
    lifetime = timedelta(minutes=minutes)
    return mint_user_token(key, user_id, scopes or ("read", "write"), now=datetime.now(UTC), lifetime=lifetime)


@dataclass(frozen=True)
class Guarded:
    """A running service, and its keys by their scope; ``full`` has every scope."""

    service: Service
    url: str
    read: str
    write: str
    full: str

    @property
    def client(self) -> httpx.AsyncClient:
        """A client that shows nothing by itself."""
        return self.service.client

    @property
    def ring(self) -> KeyRing:
        """The keys as the service holds them."""
        return self.service.app.state.key_ring

    @property
    def gate(self) -> Gate:
        """What lets requests in."""
        return self.service.app.state.gate

    async def look(self) -> None:
        """Let the service see now what it would see within a second."""
        await self.ring.look(self.service.app.state.services.database.sessions)

    def make(self, *scopes: Scope) -> str:
        """Another key, which the service has not seen yet."""
        with psycopg.connect(driver_url(self.url), autocommit=True) as connection:
            return create_key(connection, "made by a test", scopes)

    async def send(self, method: str, path: str, credentials: str, **options: Any) -> httpx.Response:
        """One request with a key or a token."""
        return await self.client.request(method, path, headers=bearer(credentials), **options)


def make_keys(url: str) -> tuple[str, str, str]:
    """A key for reading, one for writing, and one for everything."""
    with psycopg.connect(driver_url(url), autocommit=True) as connection:
        read = create_key(connection, "reader", ["read"])
        write = create_key(connection, "writer", ["write"])
        return read, write, create_key(connection, "backend", ["read", "write", "admin"])
