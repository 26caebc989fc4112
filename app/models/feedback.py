"""Feedback: explicit ratings and implicit events.

Triggers keep the promises of foreign keys, a statement at a time (record 10): a row names an item and a user who are there, and
goes with its user.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Double,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Text,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, created_column, instant


class Rating(Base):
    """One user's newest rating of one item. ``value`` NULL is a tombstone: deleted at ``rated_at``."""

    __tablename__ = "ratings"
    __table_args__ = (
        # Everything that a history or a list needs, so that they are read from this index alone.
        PrimaryKeyConstraint("user_key", "item_key", postgresql_include=["value", "rated_at"]),
        CheckConstraint("value > '-Infinity' AND value < 'Infinity'", name="value_finite"),
        Index(
            "ix_ratings_item_key", "item_key", postgresql_include=["value"], postgresql_where=text("value IS NOT NULL")
        ),
        # Finds the ratings of the last hours by ranges of blocks: what was written lately lies together.
        Index(
            "ix_ratings_rated_at",
            "rated_at",
            postgresql_using="brin",
            postgresql_with={"autosummarize": "on", "pages_per_range": 32},
        ),
    )

    user_key: Mapped[int] = mapped_column(BigInteger)
    item_key: Mapped[int] = mapped_column(BigInteger)
    value: Mapped[float | None] = mapped_column(Double)
    rated_at: Mapped[instant]


class Event(Base):
    """One piece of implicit feedback. ``event_id`` is the client's and makes a retry harmless; ``value`` is how much
    of it (the share played, say). ``user_key`` is NULL for the anonymous, who have a ``session_id``."""

    __tablename__ = "events"
    __table_args__ = (
        CheckConstraint("user_key IS NOT NULL OR session_id IS NOT NULL", name="somebody"),
        # The history's index: everything it needs and no impression, which are most of all events.
        Index(
            "ix_events_history",
            "user_key",
            "occurred_at",
            "item_key",
            postgresql_include=["kind", "value"],
            postgresql_where=text("kind <> 'impression'"),
        ),
        Index("ix_events_impressions", "user_key", postgresql_where=text("kind = 'impression'")),
        Index("ix_events_occurred_at", "occurred_at"),
    )

    key: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    event_id: Mapped[str | None] = mapped_column(Text(collation="C"), unique=True)
    user_key: Mapped[int | None] = mapped_column(BigInteger)
    item_key: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str] = mapped_column(Text)
    value: Mapped[float | None] = mapped_column(Double)
    session_id: Mapped[str | None] = mapped_column(Text)
    recommendation_id: Mapped[str | None] = mapped_column(Text)
    position: Mapped[int | None] = mapped_column(Integer)
    occurred_at: Mapped[instant]
    received_at: Mapped[created_column]
