"""Users: created by writing about them."""

from typing import Any

from sqlalchemy import CheckConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, created_column, id_column, key_column


class User(Base):
    """Somebody, known by the client's own string. ``attributes`` is whatever the client has (age group, country)."""

    __tablename__ = "users"
    __table_args__ = (CheckConstraint("octet_length(id) BETWEEN 1 AND 1024", name="id_length"),)

    key: Mapped[key_column]
    id: Mapped[id_column]
    attributes: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    created_at: Mapped[created_column]
