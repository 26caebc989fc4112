"""Who has hard limits, as a worker remembers it for the time when the database cannot be asked."""

import asyncio
from pathlib import Path

import structlog
from sqlalchemy import func, literal, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.models import User, UserAlias, UserWishes
from app.models.item import TransactionId

NOTE = "nobody-has-limits"
_log: structlog.stdlib.BoundLogger = structlog.get_logger()


class LimitedUsers:
    """Follows the limits of all users; who they are is kept as hashes that mean nothing outside this process.

    A user whom it once took for limited and who was erased since stays so until the process ends: that errs on the safe side.
    A note beside the artifacts tells a worker that starts without the database that nobody had any limit; without the note
    everybody may have some.
    """

    def __init__(
        self, sessions: async_sessionmaker[AsyncSession], poll_seconds: float, *, artifacts: Path | None = None
    ) -> None:
        self._sessions = sessions
        self._poll_seconds = poll_seconds
        self._note = artifacts / NOTE if artifacts else None
        self._hashes: set[int] | None = None
        self._seen_until = "0"

    def may_be_limited(self, user_id: str) -> bool:
        """Whether this user may have hard limits: they have, or it is not known of anybody."""
        return self._hashes is None or hash(user_id) in self._hashes

    def note(self, user_id: str) -> None:
        """Take over that a user has limits, as this worker has just read. That they have none any more is left to the next look,
        which sees the order of writes."""
        if self._hashes is not None:
            self._hashes.add(hash(user_id))

    async def hear(self, user_id: str) -> None:
        """Take over that a user has limits, as this worker has just written."""
        self.note(user_id)
        await asyncio.to_thread(self._write_note, nobody=False)

    async def watch(self) -> None:
        """Follow what is stored until cancelled."""
        while True:
            await asyncio.sleep(self._poll_seconds)
            await self.look()

    async def look(self) -> None:
        """Take one look; when it fails, what is known stays."""
        try:
            await self.refresh()
        except (SQLAlchemyError, OSError) as error:
            _log.warning("limited_users.look_failed", error=type(error).__name__)
            if self._hashes is None and self._note is not None and await asyncio.to_thread(self._note.exists):
                self._hashes = set()

    async def refresh(self) -> None:
        """Read whose limits were written by transactions that had not ended at the last look, as changes of the catalogue are."""
        aliased = select(UserAlias.id, UserWishes.limited).join(UserAlias, UserAlias.user_key == UserWishes.user_key)
        # One that has run out may be somebody else's id by now.
        aliased = aliased.where(UserAlias.expires_at > func.now())
        written = select(User.id, UserWishes.limited).join(User, User.key == UserWishes.user_key)
        async with self._sessions() as session:
            bound = select(func.pg_snapshot_xmin(func.pg_current_snapshot()).cast(TransactionId))
            seen_until = str((await session.execute(bound)).scalar_one())
            since = literal(self._seen_until, TransactionId)
            rows = [
                row
                for query in (written, aliased)
                for row in (await session.execute(query.where(UserWishes.changed_in >= since))).all()
            ]
        first = self._hashes is None or self._seen_until == "0"
        hashes = set[int]() if self._hashes is None else self._hashes
        for user_id, limited in rows:
            (hashes.add if limited else hashes.discard)(hash(user_id))
        self._hashes, self._seen_until = hashes, seen_until
        if first or rows:
            await asyncio.to_thread(self._write_note, nobody=not hashes)

    def _write_note(self, *, nobody: bool) -> None:
        """Keep the note true. That nobody has limits is only told; that somebody has must not be lost."""
        if self._note is None:
            return
        try:
            if nobody and not self._note.exists():
                self._note.parent.mkdir(parents=True, exist_ok=True)
                self._note.touch()
            elif not nobody:
                self._note.unlink(missing_ok=True)
        except OSError as error:
            _log.warning("limited_users.note_not_written", reason=error.strerror)
