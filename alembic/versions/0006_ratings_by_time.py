"""An index that finds the ratings of the last hours: block ranges, a few kilobytes, next to nothing to keep.

Revision 0006, after 0005, of 2026-11-21. It reads the table once, a few seconds for tens of millions of ratings, in which
writes wait and reads do not.
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_ratings_rated_at",
        "ratings",
        ["rated_at"],
        postgresql_using="brin",
        postgresql_with={"autosummarize": "on", "pages_per_range": 32},
    )


def downgrade() -> None:
    op.drop_index("ix_ratings_rated_at", "ratings")
