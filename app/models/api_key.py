"""API keys, stored as digests only."""

from sqlalchemy import CheckConstraint, LargeBinary, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, created_column, id_column, instant, key_column


class ApiKey(Base):
    """A server key: the sha256 ``digest`` of its secret, and what it may do (``read``, ``write``, ``admin``)."""

    __tablename__ = "api_keys"
    __table_args__ = (
        CheckConstraint("octet_length(digest) = 32", name="digest_sha256"),
        CheckConstraint("scopes <@ ARRAY['read', 'write', 'admin']", name="scopes_known"),
    )

    key: Mapped[key_column]
    id: Mapped[id_column]
    name: Mapped[str] = mapped_column(Text)
    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_at: Mapped[created_column]
    last_used_at: Mapped[instant | None]
    revoked_at: Mapped[instant | None]
