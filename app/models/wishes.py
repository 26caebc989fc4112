"""What users state themselves: preferences with hard limits, and what they do not want to see."""

from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, instant
from app.models.item import TransactionId


class UserWishes(Base):
    """What one user has stated. ``preferences`` are as the API has them; ``limited`` says whether they hold a hard limit.
    ``suppressions`` maps ``i`` and the key of an item, or ``c`` and a category, to when it may be shown again, in seconds
    since 1970, or null for never. One row, for each list reads it.

    ``changed_in`` is the transaction that wrote the preferences last: workers read by it whose limits changed. Preferences
    that are taken back leave an empty document, so that workers hear of it. ``updated_at`` is NULL where there were none."""

    __tablename__ = "user_wishes"
    __table_args__ = (Index("ix_user_wishes_changed_in", "changed_in"),)

    user_key: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("users.key", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    preferences: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    suppressions: Mapped[dict[str, float | None]] = mapped_column(JSONB, server_default=text("'{}'"))
    limited: Mapped[bool] = mapped_column(server_default=text("false"))
    updated_at: Mapped[instant | None]
    changed_in: Mapped[str] = mapped_column(TransactionId, server_default=func.pg_current_xact_id())
