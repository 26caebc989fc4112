"""An index that a history is read from alone: a user's events in the order of time, without impressions.

Revision 0003, after 0002, of 2026-11-21.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_events_history",
        "events",
        ["user_key", "occurred_at", "item_key"],
        postgresql_include=["kind", "value"],
        postgresql_where=sa.text("kind <> 'impression'"),
    )


def downgrade() -> None:
    op.drop_index("ix_events_history", "events")
