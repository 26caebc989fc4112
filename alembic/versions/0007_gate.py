"""The gate: runs that it rejected, runs that publish whatever it says, and how long a run is to tune.

Revision 0007, after 0006, of 2026-11-21.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("training_runs", sa.Column("forced", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.add_column("training_runs", sa.Column("tune_minutes", sa.Double()))
    allow_states("'queued', 'running', 'succeeded', 'failed', 'rejected'")


def downgrade() -> None:
    op.execute("UPDATE training_runs SET state = 'failed' WHERE state = 'rejected'")
    allow_states("'queued', 'running', 'succeeded', 'failed'")
    op.drop_column("training_runs", "tune_minutes")
    op.drop_column("training_runs", "forced")


def allow_states(states: str) -> None:
    op.drop_constraint("ck_training_runs_state_known", "training_runs")
    op.create_check_constraint("state_known", "training_runs", f"state IN ({states})")
