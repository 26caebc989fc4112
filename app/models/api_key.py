"""API keys, stored as digests only."""

from sqlalchemy import CheckConstraint, LargeBinary, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, created_column, id_column, instant, key_column


class ApiKey(Base):
    """A server key: its sha256 ``digest``, what it may do (``read``, ``write``, ``admin``), and the derived secret with which its
    holder signs user tokens."""

    __tablename__ = "api_keys"
    __table_args__ = (
        CheckConstraint("octet_length(digest) = 32", name="digest_sha256"),
        CheckConstraint("octet_length(token_secret) = 32", name="token_secret_size"),
        CheckConstraint("scopes <@ ARRAY['read', 'write', 'admin']", name="scopes_known"),
    )

    key: Mapped[key_column]
    id: Mapped[id_column]
    name: Mapped[str] = mapped_column(Text)
    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    token_secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at: Mapped[created_column]
    last_used_at: Mapped[instant | None]
    revoked_at: Mapped[instant | None]
