"""Answers that are kept for a day, to be given again where a request is sent twice. A new table: what is stored stays untouched.

Revision 0012, after 0011, of 2026-11-22.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "stored_answers",
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.Column("users", ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("headers", JSONB(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_stored_answers"),
    )
    op.create_index("ix_stored_answers_expires_at", "stored_answers", ["expires_at"])
    op.create_index("ix_stored_answers_users", "stored_answers", ["users"], postgresql_using="gin")


def downgrade() -> None:
    op.drop_table("stored_answers")
