"""Collecting old artifacts, so that months of nightly trainings do not fill the disk.

The registry is told first, then the files go: a release that it offers has its artifact. Every step may be done by several
processes at once, and what one that was killed left undone, the next one does.
"""

import shutil
from pathlib import Path

import structlog
from sqlalchemy import Connection, Engine, func, select, update

from app.engine.artifact import UNFINISHED
from app.models import Release, TrainingRun
from app.services.releases import REGISTRY_LOCK

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


def collect_artifacts(engine: Engine, artifacts: Path, kept: int) -> list[str]:
    """Delete the artifacts in this directory but for the active release's, the newest ``kept`` others and what a run is
    writing now; returns the names of the directories that went.

    A directory goes only if this database says that its release was collected or that the run that wrote it failed.
    Anything else is somebody else's.
    """
    with engine.begin() as connection:
        connection.execute(REGISTRY_LOCK)
        _mark_old(connection, artifacts.resolve(), kept)
    found = [path for path in artifacts.iterdir() if path.is_dir()] if artifacts.is_dir() else []
    with engine.connect() as connection:
        dead = _find_dead(connection, {_release_of(path) for path in found})
    gone = sorted(path for path in found if _release_of(path) in dead)
    for path in gone:
        shutil.rmtree(path, ignore_errors=True)
    if gone:
        _log.info("artifacts.collected", directories=[path.name for path in gone])
    return [path.name for path in gone]


def _mark_old(connection: Connection, artifacts: Path, kept: int) -> None:
    """Say of releases that have lost their place here that their artifact is gone."""
    offered = select(Release.key, Release.id, Release.location)
    offered = offered.where(Release.collected_at.is_(None), Release.active.is_(False))
    old = connection.execute(offered.order_by(Release.key.desc()).offset(kept)).all()
    keys = [row.key for row in old if Path(row.location) == artifacts / row.id]
    if keys:
        statement = update(Release).where(Release.key.in_(keys))
        connection.execute(statement.values(collected_at=func.clock_timestamp()))


def _find_dead(connection: Connection, releases: set[str]) -> set[str]:
    """Which of these releases were collected, or never came to be because their run failed."""
    names = sorted(releases)
    collected = select(Release.id).where(Release.id.in_(names), Release.collected_at.is_not(None))
    failed = select(TrainingRun.planned_release).where(
        TrainingRun.planned_release.in_(names),
        TrainingRun.state == "failed",
        ~select(Release.key).where(Release.id == TrainingRun.planned_release).exists(),
    )
    return set(connection.scalars(collected.union(failed)))


def _release_of(path: Path) -> str:
    return path.name.removeprefix(UNFINISHED)
