"""What users state themselves: preferences with hard limits, and what they do not want to see for a while or for good.

Revision 0005, after 0004, of 2026-11-21.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from app.models.item import TransactionId

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "user_wishes",
        sa.Column("user_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("preferences", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("suppressions", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("limited", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("changed_in", TransactionId(), server_default=sa.text("pg_current_xact_id()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_key"], ["users.key"], name=op.f("fk_user_wishes_user_key_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_key", name=op.f("pk_user_wishes")),
    )
    op.create_index("ix_user_wishes_changed_in", "user_wishes", ["changed_in"])


def downgrade() -> None:
    op.drop_table("user_wishes")
