"""Feedback: explicit ratings and implicit events."""

from sqlalchemy import BigInteger, CheckConstraint, Double, ForeignKey, Identity, Index, Integer, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, created_column, instant


class Rating(Base):
    """One user's newest rating of one item. ``value`` NULL is a tombstone: deleted at ``rated_at``."""

    __tablename__ = "ratings"
    __table_args__ = (
        CheckConstraint("value > '-Infinity' AND value < 'Infinity'", name="value_finite"),
        Index(
            "ix_ratings_user_key_rated_at",
            "user_key",
            "rated_at",
            "item_key",
            postgresql_include=["value"],
            postgresql_where=text("value IS NOT NULL"),
        ),
        Index(
            "ix_ratings_item_key", "item_key", postgresql_include=["value"], postgresql_where=text("value IS NOT NULL")
        ),
    )

    user_key: Mapped[int] = mapped_column(ForeignKey("users.key", ondelete="CASCADE"), primary_key=True)
    item_key: Mapped[int] = mapped_column(ForeignKey("items.key"), primary_key=True)
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
        Index("ix_events_user_key_occurred_at", "user_key", "occurred_at"),
        Index("ix_events_item_key", "item_key"),
        Index("ix_events_occurred_at", "occurred_at"),
    )

    key: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    event_id: Mapped[str | None] = mapped_column(Text(collation="C"), unique=True)
    user_key: Mapped[int | None] = mapped_column(ForeignKey("users.key", ondelete="CASCADE"))
    item_key: Mapped[int] = mapped_column(ForeignKey("items.key"))
    kind: Mapped[str] = mapped_column(Text)
    value: Mapped[float | None] = mapped_column(Double)
    session_id: Mapped[str | None] = mapped_column(Text)
    recommendation_id: Mapped[str | None] = mapped_column(Text)
    position: Mapped[int | None] = mapped_column(Integer)
    occurred_at: Mapped[instant]
    received_at: Mapped[created_column]
