"""Exposures, for impressions, clicks and conversions of lists. New tables alone: nothing that is stored is touched.

Revision 0009, after 0008, of 2026-11-21.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# As ratings and events do, exposures go with their user.
ERASE_EXPOSURES = """
CREATE FUNCTION erase_exposures() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM exposures WHERE viewer = OLD.key;
    RETURN NULL;
END
$$
"""


def upgrade() -> None:
    op.create_table(
        "list_origins",
        sa.Column("key", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("release", sa.Text(collation="C"), nullable=False),
        sa.Column("variant", sa.Text(collation="C"), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_list_origins"),
    )
    op.create_index("uq_list_origins_release_variant", "list_origins", ["release", "variant"], unique=True)
    false = sa.text("false")
    op.create_table(
        "exposures",
        sa.Column("viewer", sa.BigInteger(), nullable=False),
        sa.Column("item_key", sa.BigInteger(), nullable=False),
        sa.Column("nonce", sa.BigInteger(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("origin_key", sa.Integer(), nullable=False),
        sa.Column("list", sa.SmallInteger(), nullable=False),
        sa.Column("shown", sa.Boolean(), server_default=false, nullable=False),
        sa.Column("clicked", sa.Boolean(), server_default=false, nullable=False),
        sa.Column("converted", sa.Boolean(), server_default=false, nullable=False),
        sa.PrimaryKeyConstraint("viewer", "item_key", "nonce", name="pk_exposures"),
    )
    op.create_index("ix_exposures_made_at", "exposures", ["made_at"])
    op.create_table(
        "exposed_items",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("origin_key", sa.Integer(), nullable=False),
        sa.Column("item_key", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", "origin_key", "item_key", name="pk_exposed_items"),
    )
    op.create_table(
        "exposure_counts",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("origin_key", sa.Integer(), nullable=False),
        sa.Column("list", sa.SmallInteger(), nullable=False),
        sa.Column("slot", sa.SmallInteger(), nullable=False),
        *(
            sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False)
            for name in ("impressions", "clicks", "conversions", "items")
        ),
        sa.PrimaryKeyConstraint("day", "origin_key", "list", "slot", name="pk_exposure_counts"),
    )
    op.execute(ERASE_EXPOSURES)
    op.execute(
        "CREATE TRIGGER users_erase_exposures AFTER DELETE ON users FOR EACH ROW EXECUTE FUNCTION erase_exposures()"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER users_erase_exposures ON users")
    op.execute("DROP FUNCTION erase_exposures()")
    for table in ("exposure_counts", "exposed_items", "exposures", "list_origins"):
        op.drop_table(table)
