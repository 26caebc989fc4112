"""Training runs as clients see them: asked for, listed, looked at. ``training`` carries them out."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import NotFound
from app.models import Release, TrainingRun

CHANNEL = "medley_training"
"""Where a worker listens for requests. It looks every second anyway: this only hurries it."""

WORKER_NAME = "medley worker"
"""The name of a worker's connection in pg_stat_activity."""


@dataclass(frozen=True, slots=True)
class RunWithRelease:
    """A run and the id of the release it published, if it did."""

    run: TrainingRun
    release: str | None


@dataclass(frozen=True, slots=True)
class RunPage:
    """Runs, newest first, and the id to go on after: None on the last page."""

    runs: Sequence[RunWithRelease]
    next_after: str | None


async def request_run(
    session: AsyncSession, *, now: datetime, force: bool = False, tune_minutes: float | None = None
) -> RunWithRelease:
    """Queue a run, or give the one that is queued already: it has read nothing yet, so it serves both requests. It is forced if
    one of them asks for that, and tunes as long as the newest that says so."""
    row = {
        "id": new_run_id(now),
        "state": "queued",
        "cause": "request",
        "forced": force,
        "tune_minutes": tune_minutes,
        "requested_at": now,
    }
    new = insert(TrainingRun).values(row)
    both = new.on_conflict_do_update(
        index_elements=[TrainingRun.state],
        index_where=text("state = 'queued'"),
        set_={
            "forced": TrainingRun.forced | new.excluded.forced,
            "tune_minutes": func.coalesce(new.excluded.tune_minutes, TrainingRun.tune_minutes),
        },
    )
    queued: TrainingRun | None = None
    while queued is None:  # a queued run that begins between the two statements is not there for the second
        await session.execute(both)
        queued = (await session.scalars(select(TrainingRun).where(TrainingRun.state == "queued"))).one_or_none()
    await session.execute(select(func.pg_notify(CHANNEL, queued.id)))
    return RunWithRelease(queued, None)


async def list_runs(session: AsyncSession, *, limit: int, after: str | None = None) -> RunPage:
    """Runs in the order in which they were asked for, newest first, beginning after the one called ``after``."""
    query = _RUNS.order_by(TrainingRun.key.desc()).limit(limit + 1)
    if after is not None:
        query = query.where(TrainingRun.key < select(TrainingRun.key).where(TrainingRun.id == after).scalar_subquery())
    found = [RunWithRelease(*row) for row in (await session.execute(query)).all()]
    return RunPage(found[:limit], found[limit - 1].run.id if len(found) > limit else None)


async def get_run(session: AsyncSession, run_id: str) -> RunWithRelease:
    """One run; NotFound where there is none."""
    row = (await session.execute(_RUNS.where(TrainingRun.id == run_id))).one_or_none()
    if row is None:
        raise NotFound("There is no such training run.", code="unknown_training_run")
    return RunWithRelease(*row)


def new_run_id(now: datetime) -> str:
    """An id that tells when the run was asked for."""
    return f"run-{now.astimezone(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


_RUNS = select(TrainingRun, Release.id).outerjoin(Release, Release.key == TrainingRun.release_key)
