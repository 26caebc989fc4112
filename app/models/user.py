"""Users: created by writing about them."""

from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, created_column, id_column, instant, key_column


class User(Base):
    """Somebody, known by the client's own string. ``attributes`` is whatever the client has (age group, country)."""

    __tablename__ = "users"
    __table_args__ = (CheckConstraint("octet_length(id) BETWEEN 1 AND 1024", name="id_length"),)

    key: Mapped[key_column]
    id: Mapped[id_column]
    attributes: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    created_at: Mapped[created_column]


class UserAlias(Base):
    """An id that was another user's until the two were merged, and is this user's until ``expires_at``. No user is created under
    it meanwhile, which a trigger sees to."""

    __tablename__ = "user_aliases"
    __table_args__ = (
        Index("ix_user_aliases_user_key", "user_key"),
        Index("ix_user_aliases_expires_at", "expires_at"),
    )

    id: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    user_key: Mapped[int] = mapped_column(BigInteger, ForeignKey("users.key", ondelete="CASCADE"))
    expires_at: Mapped[instant]
