"""Items: whatever is recommended."""

import datetime as dt
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Double, Index, Integer, Text, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import UserDefinedType

from app.models.base import Base, created_column, id_column, instant, key_column


class TransactionId(UserDefinedType[str]):
    """Postgres' 64-bit transaction id, ``xid8``; compared in SQL, carried as text."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "xid8"


class Item(Base):
    """One item of the catalogue. ``people`` is a list of ``{"name", "role"}``; ``attributes`` is free JSON.

    ``changed_in`` is the transaction that wrote the row last (kept by a trigger): workers read what changed since by it.
    A deleted item keeps its row, with ``deleted_at``, so that workers hear of it and ratings keep their item.
    """

    __tablename__ = "items"
    __table_args__ = (
        CheckConstraint("octet_length(id) BETWEEN 1 AND 1024", name="id_length"),
        CheckConstraint("duration_minutes >= 0", name="duration_minutes_positive"),
        CheckConstraint("votes >= 0", name="votes_positive"),
        Index("ix_items_changed_in", "changed_in"),
        Index("ix_items_categories", "categories", postgresql_using="gin"),
        Index("ix_items_people", "people", postgresql_using="gin", postgresql_ops={"people": "jsonb_path_ops"}),
    )

    key: Mapped[key_column]
    id: Mapped[id_column]
    title: Mapped[str] = mapped_column(Text)
    description: Mapped[str | None] = mapped_column(Text)
    categories: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    people: Mapped[list[dict[str, str]]] = mapped_column(JSONB, server_default=text("'[]'"))
    released_on: Mapped[dt.date | None]
    duration_minutes: Mapped[int | None] = mapped_column(Integer)
    certificate: Mapped[str | None] = mapped_column(Text)
    language: Mapped[str | None] = mapped_column(Text)
    image_url: Mapped[str | None] = mapped_column(Text)
    url: Mapped[str | None] = mapped_column(Text)
    available_from: Mapped[instant | None]
    available_until: Mapped[instant | None]
    votes: Mapped[int | None] = mapped_column(BigInteger)
    vote_mean: Mapped[float | None] = mapped_column(Double)
    attributes: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    hidden: Mapped[bool] = mapped_column(server_default=text("false"))
    safe_for_all: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[created_column]
    updated_at: Mapped[created_column]
    deleted_at: Mapped[instant | None]
    changed_in: Mapped[str] = mapped_column(TransactionId, server_default=func.pg_current_xact_id())
