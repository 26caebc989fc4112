"""The API keys as a worker holds them: read every second, so that no request waits for the database and a revocation counts.

What was read last is noted in the data directory, for a process that starts while the database is away.
"""

import asyncio
import os
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import orjson
import structlog
from sqlalchemy import exists, func, or_, select, text, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.models import ApiKey

POLL_SECONDS = 1.0
USE_SECONDS = 60
NOTE = "keys.json"
_log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key that has not been revoked: what its holder is checked against."""

    id: str
    digest: bytes
    scopes: frozenset[str]
    token_secret: bytes | None


class KeyRing:
    """All the keys there are. ``configured`` says whether there ever was one, revoked ones included; None is not known yet."""

    def __init__(self, data_dir: Path, poll_seconds: float = POLL_SECONDS, use_seconds: float = USE_SECONDS) -> None:
        self._note = data_dir / NOTE
        self._poll_seconds = poll_seconds
        self._use_seconds = use_seconds
        self._keys: Mapping[str, KnownKey] = {}
        self._used: set[str] = set()
        self._noted: object = None
        self._failing = False
        self.configured: bool | None = None

    def find(self, key_id: str) -> KnownKey | None:
        """The valid key with this id."""
        return self._keys.get(key_id)

    def note_use(self, key: KnownKey) -> None:
        """Remember that the key is in use; the database hears of it within some minutes."""
        self._used.add(key.id)

    async def open(self, sessions: async_sessionmaker[AsyncSession]) -> None:
        """Take the first look: into the database, or else at the note of the last one who could."""
        await self.look(sessions)
        if self.configured is None:
            await asyncio.to_thread(self._recall)

    async def watch(self, sessions: async_sessionmaker[AsyncSession]) -> None:
        """Follow the database until cancelled."""
        tell_at = monotonic() + self._use_seconds
        while True:
            await asyncio.sleep(self._poll_seconds)
            await self.look(sessions)
            if monotonic() >= tell_at:
                tell_at = monotonic() + self._use_seconds
                await self.tell_use(sessions)

    async def look(self, sessions: async_sessionmaker[AsyncSession]) -> None:
        """Read the keys. Where that fails those known so far stay."""
        try:
            async with sessions() as session:
                found = await session.execute(
                    select(ApiKey.id, ApiKey.digest, ApiKey.scopes, ApiKey.token_secret).where(
                        ApiKey.revoked_at.is_(None)
                    )
                )
                keys = {row.id: KnownKey(row.id, row.digest, frozenset(row.scopes), row.token_secret) for row in found}
                configured = bool(keys) or bool(await session.scalar(select(exists().select_from(ApiKey))))
        except (SQLAlchemyError, OSError) as error:
            if not self._failing:
                _log.warning("keys.look_failed", error=type(error).__name__)
            self._failing = True
            return
        self._failing = False
        if keys != self._keys or configured != self.configured:
            self._keys, self.configured = keys, configured
            _log.info("keys.read", valid=len(keys))
            await asyncio.to_thread(self._remember)

    async def tell_use(self, sessions: async_sessionmaker[AsyncSession]) -> None:
        """Write down which keys were used, each at most once a minute whoever is told."""
        used, self._used = sorted(self._used), set()
        if not used:
            return
        stale = or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < func.now() - text("interval '1 minute'"))
        told = update(ApiKey).where(ApiKey.id == func.any(used), stale).values(last_used_at=func.now())
        try:
            async with sessions.begin() as session:
                await session.execute(told)
        except (SQLAlchemyError, OSError) as error:
            _log.warning("keys.use_not_told", error=type(error).__name__)

    def _remember(self) -> None:
        """Write the note, for the owner's eyes only. A directory that cannot be written to only costs what the note is for."""
        unfinished = self._note.with_name(f".{NOTE}.{os.getpid()}")
        try:
            self._note.parent.mkdir(parents=True, exist_ok=True)
            unfinished.unlink(missing_ok=True)
            descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(_written(self._keys.values(), configured=bool(self.configured)))
            unfinished.replace(self._note)
        except OSError as error:
            _log.warning("keys.not_remembered", reason=error.strerror)

    def _recall(self) -> None:
        try:
            keys, configured = _read(self._note.read_bytes())
        except (OSError, ValueError, TypeError, KeyError):
            return
        self._keys, self.configured = keys, configured
        _log.warning("keys.recalled", valid=len(keys))


def _written(keys: Iterable[KnownKey], *, configured: bool) -> bytes:
    rows = [
        {
            "id": key.id,
            "digest": b64encode(key.digest).decode(),
            "scopes": sorted(key.scopes),
            "token_secret": None if key.token_secret is None else b64encode(key.token_secret).decode(),
        }
        for key in keys
    ]
    return orjson.dumps({"configured": configured, "keys": rows})


def _read(note: bytes) -> tuple[Mapping[str, KnownKey], bool]:
    content: dict[str, Any] = orjson.loads(note)
    keys = {
        row["id"]: KnownKey(
            row["id"],
            b64decode(row["digest"]),
            frozenset(row["scopes"]),
            None if row["token_secret"] is None else b64decode(row["token_secret"]),
        )
        for row in content["keys"]
    }
    return keys, bool(content["configured"])
