"""Conversions on their way to the lists that led to them: gathered in memory, stored together a moment later.

A rating is answered before anybody looks for the list that showed its item. What a killed process had gathered, of a second at
the most, is missing from the metrics and from nothing else.
"""

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta

import psycopg
import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.config import Settings
from app.services.deadlines import run_within
from app.services.exposure_merge import Conversion, convert_steps
from app.services.merge_steps import run_merge

MOST_WAITING = 100_000
_LIKED_SHARE = 0.8
_SECONDS_BETWEEN = 1.0
_ROWS_A_TRANSACTION = 10_000
_LAST_SECONDS = 2.0
_OUTAGES = (SQLAlchemyError, psycopg.Error, OSError, TimeoutError)
_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Conversions:
    """What a process has gathered. Past :data:`MOST_WAITING` more is passed over, and the log says so."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession], settings: Settings) -> None:
        self._sessions = sessions
        self._window = timedelta(days=settings.attribution_days)
        self._skew = timedelta(seconds=settings.clock_skew_seconds)
        self._waiting: list[Conversion] = []
        self._passed_over = 0
        chosen = settings.conversion_rating
        self.liked_from = _LIKED_SHARE * settings.rating_max if chosen is None else chosen
        """Ratings from here on are conversions."""

    def note(
        self, user_id: str | None, session_id: str | None, item_id: str, at: datetime | None, now: datetime
    ) -> None:
        """Something that speaks for an item was stored. What is older than all exposures that are kept is passed over."""
        # A clock that is a little behind must not put it before the list that it came from.
        at = now if at is None or abs(now - at) < self._skew else at
        if now - at > 2 * self._window:
            return
        if len(self._waiting) >= MOST_WAITING:
            self._passed_over += 1
            return
        self._waiting.append(Conversion(user_id, session_id, item_id, at))

    async def run(self) -> None:
        """Store what comes, until cancelled; then what is left, if the database takes it at once."""
        try:
            while True:
                await asyncio.sleep(_SECONDS_BETWEEN)
                await self._try_flush()
        finally:
            if self._waiting:
                with suppress(TimeoutError):
                    await run_within(_LAST_SECONDS, self._try_flush())

    async def flush(self) -> None:
        """Store all that waits. What cannot be stored now waits on."""
        while self._waiting:
            part, self._waiting = self._waiting[:_ROWS_A_TRANSACTION], self._waiting[_ROWS_A_TRANSACTION:]
            try:
                async with self._sessions() as session:
                    await run_merge(session, convert_steps(part, self._window))
                    await session.commit()
            except (*_OUTAGES, asyncio.CancelledError):
                # Some may be stored already: storing them again changes nothing.
                self._waiting = part + self._waiting
                raise

    async def _try_flush(self) -> None:
        try:
            await self.flush()
        except _OUTAGES as error:
            _log.warning("conversions.wait", error=type(error).__name__, waiting=len(self._waiting))
        except Exception:  # noqa: BLE001 - whatever it was, the next second must come
            _log.exception("conversions.lost")
        if self._passed_over:
            _log.warning("conversions.passed_over", count=self._passed_over)
            self._passed_over = 0
