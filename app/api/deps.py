"""What routes ask for: settings, the clock, a session whose commit comes before the answer, work after the commit."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Annotated, cast

import structlog
from fastapi import Depends, Request
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.types import Scope

from app.config import Settings
from app.db import Database, OneConnection
from app.models import ItemKey
from app.services.conversions import Conversions
from app.services.former_ids import FormerIds
from app.services.history_guard import HistoryGuard
from app.services.limited_users import LimitedUsers
from app.services.live_engine import LiveEngine
from app.services.merge_steps import driver_connection
from app.services.process_state import record_state
from app.services.signing import Signer
from app.services.user_export import Exports
from app.telemetry.metrics import Metrics

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

ItemsListener = Callable[[Sequence[ItemKey]], Awaitable[None]]


def utc_now() -> datetime:
    """The clock of a running service."""
    return datetime.now(UTC)


async def ignore_items(_: Sequence[ItemKey]) -> None:
    """The listener of a process that holds no catalogue."""


async def never_ready() -> bool:
    """The readiness of a process that holds neither an engine nor a popularity list."""
    return False


@dataclass(frozen=True, slots=True)
class Services:
    """What a running process holds, put together by ``create_app`` and the same for every request.

    ``after_commit`` is there where the request's transaction was begun for it: what is written through ``database`` is not yet
    committed when the route returns.
    ``on_items_written`` hears of the items that a committed request changed, before the answer is sent.
    ``has_ranking`` says whether an engine or a popularity list is there, which makes a process ready.
    """

    settings: Settings
    database: Database
    live: LiveEngine
    limited: LimitedUsers
    former_ids: FormerIds
    exports: Exports
    histories: HistoryGuard
    metrics: Metrics
    signer: Signer
    conversions: Conversions
    now: Callable[[], datetime] = utc_now
    after_commit: "AfterCommit | None" = None
    on_items_written: ItemsListener = ignore_items
    has_ranking: Callable[[], Awaitable[bool]] = never_ready

    def record_state(self) -> None:
        """Tell the metrics what this process holds now."""
        record_state(self.metrics, self.database, self.live, self.histories.breaker)


@dataclass(slots=True)
class AfterCommit:
    """Work that has to wait until the request's transaction is committed, and is dropped where it is not."""

    callbacks: list[Callable[[], Awaitable[None]]] = field(default_factory=list[Callable[[], Awaitable[None]]])

    def add(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Run ``callback`` after the commit and before the answer."""
        self.callbacks.append(callback)

    async def run(self) -> None:
        """Run everything; what fails is logged, for the write itself is committed and must be acknowledged."""
        for callback in self.callbacks:
            try:
                await callback()
            except Exception:
                log.exception("after_commit_failed")


async def get_services(request: Request) -> Services:
    """What the process holds; for a request whose transaction was begun for it, with all that is written in that."""
    shared: Services | None = request.scope["state"].get("services")
    return shared or cast("Services", request.app.state.services)


async def get_settings(request: Request) -> Settings:
    """The settings of the process."""
    return (await get_services(request)).settings


async def get_now(request: Request) -> datetime:
    """The time of this request, the same wherever it is asked for."""
    return (await get_services(request)).now()


async def get_after_commit(request: Request) -> AfterCommit:
    """The request's list of work to do after the commit."""
    return (await get_services(request)).after_commit or AfterCommit()


async def get_session(
    request: Request, after_commit: Annotated[AfterCommit, Depends(get_after_commit)]
) -> AsyncIterator[AsyncSession]:
    """One request, one transaction: committed when the route has returned, rolled back when it raised."""
    shared: AsyncSession | None = request.scope["state"].get("session")
    if shared is not None:
        yield shared
        return
    services = await get_services(request)
    async with services.database.sessions() as session:
        yield session
        await session.commit()
    await after_commit.run()


async def share_session(scope: Scope, services: Services, session: AsyncSession, after_commit: AfterCommit) -> None:
    """Have a request do all that it does in this session, and leave the commit and what comes after it to the caller."""
    writes = OneConnection(await driver_connection(session))
    scope["state"] |= {
        "services": replace(services, database=replace(services.database, writes=writes), after_commit=after_commit),
        "session": session,
    }


ServicesDep = Annotated[Services, Depends(get_services)]
SettingsDep = Annotated[Settings, Depends(get_settings)]
NowDep = Annotated[datetime, Depends(get_now)]
AfterCommitDep = Annotated[AfterCommit, Depends(get_after_commit)]
# The scope ends the dependency when the route returns. The default would commit after the answer has gone out,
# so that a commit that fails would still have answered 200.
SessionDep = Annotated[AsyncSession, Depends(get_session, scope="function")]
