"""The registry: training runs and the releases they publish."""

from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Double, ForeignKey, Index, Integer, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, created_column, id_column, instant, key_column


class Release(Base):
    """A published artifact. ``location`` is its URL, ``manifest`` a copy of what its manifest.json says.

    At most one release is active, which a partial unique index keeps true. One with a ``collected_at`` has lost its
    artifact to make room and cannot be activated again."""

    __tablename__ = "releases"
    __table_args__ = (Index("uq_releases_active", "active", unique=True, postgresql_where=text("active")),)

    key: Mapped[key_column]
    id: Mapped[id_column]
    location: Mapped[str] = mapped_column(Text)
    format: Mapped[int] = mapped_column(Integer)
    manifest: Mapped[dict[str, Any]] = mapped_column(JSONB)
    data_from: Mapped[instant | None]
    data_until: Mapped[instant | None]
    active: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[created_column]
    activated_at: Mapped[instant | None]
    collected_at: Mapped[instant | None]


class TrainingRun(Base):
    """One attempt to train. ``progress`` goes from 0 to 1; ``result`` holds metrics, the gate's verdict and what tuning tried.

    At most one waits and at most one runs. ``rejected`` is one whose configuration the gate turned away; ``forced`` publishes
    even so. ``tune_minutes`` is how long it was asked to tune, None for what the worker's setting says. ``error_code`` is
    stable, ``error`` a sentence. ``planned_release`` names the artifact that a run writes, before it does. ``ratings_written``
    says how far the server's count of writes to ratings had come when the run began.
    """

    __tablename__ = "training_runs"
    __table_args__ = (
        CheckConstraint("state IN ('queued', 'running', 'succeeded', 'failed', 'rejected')", name="state_known"),
        CheckConstraint("progress BETWEEN 0 AND 1", name="progress_share"),
        Index("ix_training_runs_requested_at", "requested_at"),
        Index("uq_training_runs_queued", "state", unique=True, postgresql_where=text("state = 'queued'")),
        Index("uq_training_runs_running", "state", unique=True, postgresql_where=text("state = 'running'")),
    )

    key: Mapped[key_column]
    id: Mapped[id_column]
    state: Mapped[str] = mapped_column(Text, server_default="queued")
    cause: Mapped[str] = mapped_column(Text)
    forced: Mapped[bool] = mapped_column(server_default=text("false"))
    tune_minutes: Mapped[float | None] = mapped_column(Double)
    stage: Mapped[str | None] = mapped_column(Text)
    progress: Mapped[float] = mapped_column(Double, server_default=text("0"))
    error: Mapped[str | None] = mapped_column(Text)
    error_code: Mapped[str | None] = mapped_column(Text)
    planned_release: Mapped[str | None] = mapped_column(Text)
    ratings_written: Mapped[int | None] = mapped_column(BigInteger)
    result: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    release_key: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("releases.key", ondelete="SET NULL"))
    requested_at: Mapped[created_column]
    started_at: Mapped[instant | None]
    finished_at: Mapped[instant | None]
