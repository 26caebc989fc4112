"""Ratings and events that can be written by the ten thousand: fewer indexes, and references checked a statement at a time.

Foreign keys look at one row after the other, which takes more time than the rows themselves. Triggers keep the same promise
(record 10): what is inserted names an item and a user that are there, items are never removed, and an erased user takes
ratings and events along.

Revision 0004, after 0003, of 2026-11-21.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

FEEDBACK = ("ratings", "events")

# Set by set, and each look-up an index probe: the function's plan is made once, for whatever number of rows comes first.
REFUSE_UNKNOWN_KEYS = """
CREATE FUNCTION refuse_unknown_keys() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM (SELECT DISTINCT item_key FROM written) AS named
    LEFT JOIN LATERAL (SELECT key FROM items WHERE key = named.item_key LIMIT 1) AS stored ON true
    WHERE stored.key IS NULL;
    IF FOUND THEN
        RAISE foreign_key_violation USING MESSAGE = format('a row of %I names an item that is not there', TG_TABLE_NAME),
            TABLE = TG_TABLE_NAME, CONSTRAINT = format('fk_%s_item_key_items', TG_TABLE_NAME);
    END IF;
    PERFORM FROM (SELECT DISTINCT user_key FROM written WHERE user_key IS NOT NULL ORDER BY user_key) AS named
    LEFT JOIN LATERAL (SELECT key FROM users WHERE key = named.user_key FOR KEY SHARE) AS stored ON true
    WHERE stored.key IS NULL;
    IF FOUND THEN
        RAISE foreign_key_violation USING MESSAGE = format('a row of %I names a user who is not there', TG_TABLE_NAME),
            TABLE = TG_TABLE_NAME, CONSTRAINT = format('fk_%s_user_key_users', TG_TABLE_NAME);
    END IF;
    RETURN NULL;
END
$$
"""

REFUSE_UNKNOWN_KEY = """
CREATE FUNCTION refuse_unknown_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM items WHERE key = NEW.item_key;
    IF NOT FOUND THEN
        RAISE foreign_key_violation USING MESSAGE = format('a row of %I names an item that is not there', TG_TABLE_NAME),
            TABLE = TG_TABLE_NAME, CONSTRAINT = format('fk_%s_item_key_items', TG_TABLE_NAME);
    END IF;
    PERFORM FROM users WHERE key = NEW.user_key FOR KEY SHARE;
    IF NOT FOUND AND NEW.user_key IS NOT NULL THEN
        RAISE foreign_key_violation USING MESSAGE = format('a row of %I names a user who is not there', TG_TABLE_NAME),
            TABLE = TG_TABLE_NAME, CONSTRAINT = format('fk_%s_user_key_users', TG_TABLE_NAME);
    END IF;
    RETURN NULL;
END
$$
"""

# Each DELETE here sees what was committed while the user's row was waited for; at the higher levels of isolation it would not.
# The two of events each have an index.
ERASE_FEEDBACK = """
CREATE FUNCTION erase_feedback() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('transaction_isolation') NOT LIKE 'read%' THEN
        RAISE invalid_transaction_state USING MESSAGE = 'users are erased in READ COMMITTED transactions only';
    END IF;
    DELETE FROM ratings WHERE user_key = OLD.key;
    DELETE FROM events WHERE user_key = OLD.key AND kind <> 'impression';
    DELETE FROM events WHERE user_key = OLD.key AND kind = 'impression';
    RETURN NULL;
END
$$
"""

REFUSE_REMOVAL = """
CREATE FUNCTION refuse_removal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE restrict_violation USING MESSAGE = format('%s of %I is refused: feedback may name what is there', TG_OP, TG_TABLE_NAME),
        TABLE = TG_TABLE_NAME, CONSTRAINT = format('%s_refuse_%s', TG_TABLE_NAME, lower(TG_OP));
END
$$
"""


def upgrade() -> None:
    for function in (REFUSE_UNKNOWN_KEYS, REFUSE_UNKNOWN_KEY, ERASE_FEEDBACK, REFUSE_REMOVAL):
        op.execute(function)
    for table in FEEDBACK:
        op.drop_constraint(f"fk_{table}_item_key_items", table)
        op.drop_constraint(f"fk_{table}_user_key_users", table)
        op.execute(
            f"CREATE TRIGGER {table}_refuse_unknown_keys AFTER INSERT ON {table} REFERENCING NEW TABLE AS written"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_unknown_keys()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_refuse_unknown_key AFTER UPDATE OF user_key, item_key ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION refuse_unknown_key()"
        )
    op.execute(
        "CREATE TRIGGER users_erase_feedback AFTER DELETE ON users FOR EACH ROW EXECUTE FUNCTION erase_feedback()"
    )
    for table, event in (("items", "delete"), ("items", "truncate"), ("users", "truncate")):
        op.execute(
            f"CREATE TRIGGER {table}_refuse_{event} BEFORE {event.upper()} ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_removal()"
        )
    exchange_indexes()


def exchange_indexes() -> None:
    """One index of ratings serves their identity, the history and the list of a user; no query asks for events by item."""
    op.drop_index("ix_ratings_user_key_rated_at", "ratings")
    op.execute(
        "ALTER TABLE ratings DROP CONSTRAINT pk_ratings,"
        " ADD CONSTRAINT pk_ratings PRIMARY KEY (user_key, item_key) INCLUDE (value, rated_at)"
    )
    op.drop_index("ix_events_item_key", "events")
    op.drop_index("ix_events_user_key_occurred_at", "events")
    op.create_index("ix_events_impressions", "events", ["user_key"], postgresql_where=sa.text("kind = 'impression'"))


def downgrade() -> None:
    restore_indexes()
    for table, event in (("users", "truncate"), ("items", "truncate"), ("items", "delete")):
        op.execute(f"DROP TRIGGER {table}_refuse_{event} ON {table}")
    op.execute("DROP TRIGGER users_erase_feedback ON users")
    for table in FEEDBACK:
        op.execute(f"DROP TRIGGER {table}_refuse_unknown_key ON {table}")
        op.execute(f"DROP TRIGGER {table}_refuse_unknown_keys ON {table}")
        op.create_foreign_key(f"fk_{table}_user_key_users", table, "users", ["user_key"], ["key"], ondelete="CASCADE")
        op.create_foreign_key(f"fk_{table}_item_key_items", table, "items", ["item_key"], ["key"])
    for function in ("refuse_unknown_keys", "refuse_unknown_key", "erase_feedback", "refuse_removal"):
        op.execute(f"DROP FUNCTION {function}()")


def restore_indexes() -> None:
    op.drop_index("ix_events_impressions", "events")
    op.create_index("ix_events_user_key_occurred_at", "events", ["user_key", "occurred_at"])
    op.create_index("ix_events_item_key", "events", ["item_key"])
    op.drop_constraint("pk_ratings", "ratings")
    op.create_primary_key("pk_ratings", "ratings", ["user_key", "item_key"])
    op.create_index(
        "ix_ratings_user_key_rated_at",
        "ratings",
        ["user_key", "rated_at", "item_key"],
        postgresql_include=["value"],
        postgresql_where=sa.text("value IS NOT NULL"),
    )
