"""First tables: items, users, their ratings and events, releases, training runs and API keys.

Revision 0001, after nothing, of 2026-11-21.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

DOUBLE: sa.types.TypeEngine[float] = sa.Double()


class TransactionId(sa.types.UserDefinedType[str]):
    """``xid8``, spelt out here so that this revision stays what it is when the models move on."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        return "xid8"


def upgrade() -> None:
    create_api_keys()
    create_items()
    note_changes_of_items()
    create_users()
    create_ratings()
    create_events()
    create_releases()
    create_training_runs()


def downgrade() -> None:
    for table in ("training_runs", "releases", "events", "ratings", "users", "items", "api_keys"):
        op.drop_table(table)
    op.execute("DROP FUNCTION items_note_transaction()")


def key_and_id() -> tuple[sa.Column[int], sa.Column[str]]:
    """Our key and the client's id beside it; COLLATE "C" makes their order the same everywhere."""
    return (
        sa.Column("key", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("id", sa.Text(collation="C"), nullable=False),
    )


def instant(name: str, *, nullable: bool = True, now: bool = False) -> sa.Column[object]:
    """A column of times with their zone."""
    default = sa.text("now()") if now else None
    return sa.Column(name, sa.DateTime(timezone=True), server_default=default, nullable=nullable and not now)


def create_api_keys() -> None:
    op.create_table(
        "api_keys",
        *key_and_id(),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", ARRAY(sa.Text()), nullable=False),
        instant("created_at", now=True),
        instant("last_used_at"),
        instant("revoked_at"),
        sa.PrimaryKeyConstraint("key", name="pk_api_keys"),
        sa.UniqueConstraint("id", name="uq_api_keys_id"),
        sa.UniqueConstraint("digest", name="uq_api_keys_digest"),
        sa.CheckConstraint("octet_length(digest) = 32", name=op.f("ck_api_keys_digest_sha256")),
        sa.CheckConstraint("scopes <@ ARRAY['read', 'write', 'admin']", name=op.f("ck_api_keys_scopes_known")),
    )


def create_items() -> None:
    op.create_table(
        "items",
        *key_and_id(),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text()),
        sa.Column("categories", ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("tags", ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("people", JSONB(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("released_on", sa.Date()),
        sa.Column("duration_minutes", sa.Integer()),
        sa.Column("certificate", sa.Text()),
        sa.Column("language", sa.Text()),
        sa.Column("image_url", sa.Text()),
        sa.Column("url", sa.Text()),
        instant("available_from"),
        instant("available_until"),
        sa.Column("votes", sa.BigInteger()),
        sa.Column("vote_mean", DOUBLE),
        sa.Column("attributes", JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("hidden", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("safe_for_all", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        instant("created_at", now=True),
        instant("updated_at", now=True),
        instant("deleted_at"),
        sa.Column("changed_in", TransactionId(), server_default=sa.text("pg_current_xact_id()"), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_items"),
        sa.UniqueConstraint("id", name="uq_items_id"),
        sa.CheckConstraint("octet_length(id) BETWEEN 1 AND 1024", name=op.f("ck_items_id_length")),
        sa.CheckConstraint("duration_minutes >= 0", name=op.f("ck_items_duration_minutes_positive")),
        sa.CheckConstraint("votes >= 0", name=op.f("ck_items_votes_positive")),
    )
    op.create_index("ix_items_changed_in", "items", ["changed_in"])
    op.create_index("ix_items_categories", "items", ["categories"], postgresql_using="gin")


def note_changes_of_items() -> None:
    """Let every update leave its transaction in ``changed_in``, whoever wrote it; an insert has it by default."""
    op.execute(
        """
        CREATE FUNCTION items_note_transaction() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            NEW.changed_in := pg_current_xact_id();
            RETURN NEW;
        END
        $$
        """
    )
    op.execute(
        "CREATE TRIGGER items_note_transaction BEFORE UPDATE ON items"
        " FOR EACH ROW EXECUTE FUNCTION items_note_transaction()"
    )


def create_users() -> None:
    op.create_table(
        "users",
        *key_and_id(),
        sa.Column("attributes", JSONB(), server_default=sa.text("'{}'"), nullable=False),
        instant("created_at", now=True),
        sa.PrimaryKeyConstraint("key", name="pk_users"),
        sa.UniqueConstraint("id", name="uq_users_id"),
        sa.CheckConstraint("octet_length(id) BETWEEN 1 AND 1024", name=op.f("ck_users_id_length")),
    )


def create_ratings() -> None:
    op.create_table(
        "ratings",
        sa.Column("user_key", sa.BigInteger(), nullable=False),
        sa.Column("item_key", sa.BigInteger(), nullable=False),
        sa.Column("value", DOUBLE),
        instant("rated_at", nullable=False),
        sa.PrimaryKeyConstraint("user_key", "item_key", name="pk_ratings"),
        sa.ForeignKeyConstraint(["user_key"], ["users.key"], name="fk_ratings_user_key_users", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["item_key"], ["items.key"], name="fk_ratings_item_key_items"),
        # NaN sorts above Infinity in Postgres, so this refuses it too.
        sa.CheckConstraint("value > '-Infinity' AND value < 'Infinity'", name=op.f("ck_ratings_value_finite")),
    )
    alive = sa.text("value IS NOT NULL")
    op.create_index(
        "ix_ratings_user_key_rated_at",
        "ratings",
        ["user_key", "rated_at", "item_key"],
        postgresql_include=["value"],
        postgresql_where=alive,
    )
    op.create_index(
        "ix_ratings_item_key", "ratings", ["item_key"], postgresql_include=["value"], postgresql_where=alive
    )


def create_events() -> None:
    op.create_table(
        "events",
        sa.Column("key", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("event_id", sa.Text(collation="C")),
        sa.Column("user_key", sa.BigInteger()),
        sa.Column("item_key", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("value", DOUBLE),
        sa.Column("session_id", sa.Text()),
        sa.Column("recommendation_id", sa.Text()),
        sa.Column("position", sa.Integer()),
        instant("occurred_at", nullable=False),
        instant("received_at", now=True),
        sa.PrimaryKeyConstraint("key", name="pk_events"),
        sa.UniqueConstraint("event_id", name="uq_events_event_id"),
        sa.ForeignKeyConstraint(["user_key"], ["users.key"], name="fk_events_user_key_users", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["item_key"], ["items.key"], name="fk_events_item_key_items"),
        sa.CheckConstraint("user_key IS NOT NULL OR session_id IS NOT NULL", name=op.f("ck_events_somebody")),
    )
    op.create_index("ix_events_user_key_occurred_at", "events", ["user_key", "occurred_at"])
    op.create_index("ix_events_item_key", "events", ["item_key"])
    op.create_index("ix_events_occurred_at", "events", ["occurred_at"])


def create_releases() -> None:
    op.create_table(
        "releases",
        *key_and_id(),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("format", sa.Integer(), nullable=False),
        sa.Column("manifest", JSONB(), nullable=False),
        instant("data_from"),
        instant("data_until"),
        sa.Column("active", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        instant("created_at", now=True),
        instant("activated_at"),
        sa.PrimaryKeyConstraint("key", name="pk_releases"),
        sa.UniqueConstraint("id", name="uq_releases_id"),
    )
    op.create_index("uq_releases_active", "releases", ["active"], unique=True, postgresql_where=sa.text("active"))


def create_training_runs() -> None:
    op.create_table(
        "training_runs",
        *key_and_id(),
        sa.Column("state", sa.Text(), server_default="queued", nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text()),
        sa.Column("progress", DOUBLE, server_default=sa.text("0"), nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("result", JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("release_key", sa.BigInteger()),
        instant("requested_at", now=True),
        instant("started_at"),
        instant("finished_at"),
        sa.PrimaryKeyConstraint("key", name="pk_training_runs"),
        sa.UniqueConstraint("id", name="uq_training_runs_id"),
        sa.ForeignKeyConstraint(
            ["release_key"], ["releases.key"], name="fk_training_runs_release_key_releases", ondelete="SET NULL"
        ),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'succeeded', 'failed')", name=op.f("ck_training_runs_state_known")
        ),
        sa.CheckConstraint("progress BETWEEN 0 AND 1", name=op.f("ck_training_runs_progress_share")),
    )
    op.create_index("ix_training_runs_requested_at", "training_runs", ["requested_at"])
