"""Aliases of users: the ids of visitors who have logged in. A new table and a trigger: nothing that is stored is touched.

Revision 0011, after 0010, of 2026-11-21.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# Whoever did not see the alias yet, because it was made a moment ago, would create the user anew. Nothing is inserted then, as
# with ON CONFLICT DO NOTHING: the writer looks again. A statement in a function sees what was committed before it.
KEEP_ALIASES = """
CREATE FUNCTION keep_aliases() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM user_aliases WHERE id = NEW.id AND expires_at > now();
    IF FOUND THEN
        RETURN NULL;
    END IF;
    RETURN NEW;
END
$$
"""


def upgrade() -> None:
    op.create_table(
        "user_aliases",
        sa.Column("id", sa.Text(collation="C"), nullable=False),
        sa.Column("user_key", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_user_aliases"),
        sa.ForeignKeyConstraint(["user_key"], ["users.key"], name="fk_user_aliases_user_key_users", ondelete="CASCADE"),
    )
    op.create_index("ix_user_aliases_user_key", "user_aliases", ["user_key"])
    op.create_index("ix_user_aliases_expires_at", "user_aliases", ["expires_at"])
    op.execute(KEEP_ALIASES)
    op.execute("CREATE TRIGGER users_keep_aliases BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION keep_aliases()")


def downgrade() -> None:
    op.execute("DROP TRIGGER users_keep_aliases ON users")
    op.execute("DROP FUNCTION keep_aliases()")
    op.drop_table("user_aliases")
