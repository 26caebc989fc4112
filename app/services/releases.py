"""Releases: what training has published, which one is active, and whose artifact is still there."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from anyio import to_thread
from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.engine.artifact import open_artifact
from app.engine.assembly import build_engine, build_transform, read_configuration
from app.errors import ArtifactRejected, Conflict, NotFound
from app.models import Release

REGISTRY_LOCK = text("LOCK TABLE releases IN SHARE ROW EXCLUSIVE MODE")
"""Lets the writers of the registry in one at a time: activation, publication and collection. Readers are not held up."""


@dataclass(frozen=True, slots=True)
class ReleasePage:
    """Releases, newest first, and the id to go on after: None on the last page."""

    releases: Sequence[Release]
    next_after: str | None


async def list_releases(session: AsyncSession, *, limit: int, after: str | None = None) -> ReleasePage:
    """Releases in the order of their publication, newest first, beginning after the one called ``after``."""
    query = select(Release).order_by(Release.key.desc()).limit(limit + 1)
    if after is not None:
        query = query.where(Release.key < select(Release.key).where(Release.id == after).scalar_subquery())
    found = (await session.scalars(query)).all()
    return ReleasePage(found[:limit], found[limit - 1].id if len(found) > limit else None)


async def get_release(session: AsyncSession, release_id: str) -> Release:
    """One release; NotFound where there is none."""
    query = select(Release).where(Release.id == release_id).execution_options(populate_existing=True)
    release = (await session.scalars(query)).one_or_none()
    if release is None:
        raise NotFound("There is no such release.", code="unknown_release")
    return release


async def activate_release(session: AsyncSession, release_id: str, *, now: datetime) -> Release:
    """Make a release the active one; nothing happens to one that is. Raises Conflict where its artifact cannot be served."""
    release = await get_release(session, release_id)
    if release.active:
        return release
    await _check_artifact(release)  # before the lock, for it reads the whole artifact
    await session.execute(REGISTRY_LOCK)
    release = await get_release(session, release_id)
    _refuse_collected(release)
    if not release.active:
        await session.execute(update(Release).where(Release.active).values(active=False))
        await session.execute(update(Release).where(Release.key == release.key).values(active=True, activated_at=now))
    return await get_release(session, release_id)


def check_artifact(location: Path) -> None:
    """Open an artifact as a worker would that is to serve it; raises :class:`ArtifactRejected`."""
    artifact = open_artifact(location)
    build_engine(artifact.arrays, read_configuration(artifact.manifest.configuration))
    build_transform(artifact.arrays)


async def _check_artifact(release: Release) -> None:
    _refuse_collected(release)
    try:
        await to_thread.run_sync(check_artifact, Path(release.location))
    except ArtifactRejected as error:
        raise Conflict(f"The artifact of this release cannot be served: {error.detail}.", code=error.code) from error


def _refuse_collected(release: Release) -> None:
    if release.collected_at is not None:
        raise Conflict("The artifact of this release was deleted to make room.", code="release_collected")
