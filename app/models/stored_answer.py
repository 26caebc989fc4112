"""Answers that are given again where a request is sent twice."""

from sqlalchemy import BigInteger, Index, LargeBinary, SmallInteger
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, instant


class StoredAnswer(Base):
    """What was answered to a request under an `Idempotency-Key`. ``id`` is a digest of the key and of who sent it, ``request``
    one of what was asked. ``users`` are digests of the ids of users whom the request named: the answer is erased with each."""

    __tablename__ = "stored_answers"
    __table_args__ = (
        Index("ix_stored_answers_expires_at", "expires_at"),
        Index("ix_stored_answers_users", "users", postgresql_using="gin"),
    )

    id: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    request: Mapped[bytes] = mapped_column(LargeBinary)
    users: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    status: Mapped[int] = mapped_column(SmallInteger)
    headers: Mapped[dict[str, str]] = mapped_column(JSONB)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    expires_at: Mapped[instant]
