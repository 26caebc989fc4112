"""Publishing: the artifact first, then its row in the registry with activation and the end of the run in one transaction."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, insert, update

from app.engine.artifact import FORMAT, Manifest, read_manifest
from app.models import Release
from app.services.releases import REGISTRY_LOCK
from training.lock import TrainingLock
from training.runs import ActiveRun, succeed_run


@dataclass(frozen=True, slots=True)
class Published:
    """What a training run ended with."""

    release: str
    location: Path
    metrics: dict[str, Any]
    counts: dict[str, int]
    gate: dict[str, Any]
    tuning: dict[str, Any]


def publish_release(lock: TrainingLock, run: ActiveRun, location: Path) -> Published:
    """Register a finished artifact, activate it and end the run, all or nothing.

    The transaction is one of the session that holds the training lock, and it ends the run only where its row still says
    "running". So a run that lost its lock publishes nothing: :class:`training.lock.LockLost`.
    """
    manifest = read_manifest(location)
    with lock.transaction() as connection:
        connection.execute(REGISTRY_LOCK)
        key = register_release(connection, manifest, location)
        activate_release(connection, key)
        metrics, gate, tuning = dict(manifest.metrics), dict(manifest.gate), dict(manifest.tuning)
        succeed_run(connection, run, key, {"metrics": metrics, "gate": gate, "tuning": tuning})
    return Published(manifest.release, location, metrics, dict(manifest.counts), gate, tuning)


def register_release(connection: Connection, manifest: Manifest, location: Path) -> int:
    """Enter a finished artifact into the registry, not active; returns its key."""
    statement = (
        insert(Release)
        .values(
            id=manifest.release,
            location=str(location.resolve()),
            format=FORMAT,
            manifest=asdict(manifest),
            data_from=_instant(manifest.data_from),
            data_until=_instant(manifest.data_until),
        )
        .returning(Release.key)
    )
    return int(connection.execute(statement).scalar_one())


def activate_release(connection: Connection, key: int) -> None:
    """Make a release the active one, in the caller's transaction."""
    connection.execute(update(Release).where(Release.active, Release.key != key).values(active=False))
    activated = {"active": True, "activated_at": func.clock_timestamp()}
    connection.execute(update(Release).where(Release.key == key).values(**activated))


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).astimezone(UTC)
