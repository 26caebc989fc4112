"""What the periodic trainer needs: one run waits and one runs at most, why a run failed, what became of an artifact.

Revision 0002, after 0001, of 2026-11-21.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("releases", sa.Column("collected_at", sa.DateTime(timezone=True)))
    op.add_column("training_runs", sa.Column("error_code", sa.Text()))
    op.add_column("training_runs", sa.Column("planned_release", sa.Text()))
    op.add_column("training_runs", sa.Column("ratings_written", sa.BigInteger()))
    for state in ("queued", "running"):
        op.create_index(
            f"uq_training_runs_{state}",
            "training_runs",
            ["state"],
            unique=True,
            postgresql_where=sa.text(f"state = '{state}'"),
        )


def downgrade() -> None:
    for state in ("queued", "running"):
        op.drop_index(f"uq_training_runs_{state}", "training_runs")
    for column in ("error_code", "planned_release", "ratings_written"):
        op.drop_column("training_runs", column)
    op.drop_column("releases", "collected_at")
