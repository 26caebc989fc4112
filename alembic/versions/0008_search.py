r"""What the search looks through: folded titles and names, kept by triggers, with indexes of their trigrams.

Both tables are filled from ``items``, some 3 s for 100,000 of them; meanwhile writes of items wait, and nothing else does.
No row of ``items`` is rewritten.

Revision 0008, after 0007, of 2026-11-21.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.exc import DBAPIError

from app.errors import ConfigurationError

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# Privilege missing, no such file (the server has no such extension), not supported.
REFUSALS = {"42501", "58P01", "0A000"}

# The same as app.services.search_text, and without stop words where other words are left. Ranges of characters are named by their
# numbers, so that the server's locale changes nothing.
FOLD = r"""
CREATE FUNCTION fold_search_text(value text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
SELECT coalesce(nullif(btrim(regexp_replace(
    ' ' || words || ' ',
    ' ((the|a|an|of|and|le|la|les|el|los|las|il|lo|gli|der|die|das|den|det|l) )+', ' ', 'g')), ''), words)
FROM (
    SELECT btrim(regexp_replace(
        replace(replace(replace(replace(
            translate(
                regexp_replace(lower(normalize(value, NFKD)), '[\u0300-\u036f\ufe00-\ufe0f]+', '', 'g'),
                'øłđðħ' || U&'\0131' || '.''`' || U&'\2018\2019\02bc\00b4', 'olddhi'
            ), 'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'þ', 'th'),
        '[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00bf\u00d7\u00f7\u2000-\u2bff\u3000-\u3004\u3006\u3008-\u303f]+',
        ' ', 'g')) AS words
) AS folded
$$
"""

# Names in one order, so that two writers of the same names wait for each other and never in a circle.
KEEP = """
CREATE FUNCTION keep_search_texts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO search_titles (item_key, text) SELECT key, fold_search_text(title) FROM written;
        INSERT INTO search_people (name, text)
        SELECT name, fold_search_text(name) FROM (
            SELECT DISTINCT (person ->> 'name') COLLATE "C" AS name
            FROM written, jsonb_array_elements(written.people) AS person
        ) AS named
        WHERE name IS NOT NULL AND NOT EXISTS (SELECT FROM search_people AS known WHERE known.name = named.name)
        ORDER BY name ON CONFLICT DO NOTHING;
    ELSE
        UPDATE search_titles SET text = fold_search_text(written.title)
        FROM written JOIN replaced USING (key)
        WHERE search_titles.item_key = written.key AND written.title <> replaced.title;
        INSERT INTO search_people (name, text)
        SELECT name, fold_search_text(name) FROM (
            SELECT DISTINCT (person ->> 'name') COLLATE "C" AS name
            FROM written JOIN replaced USING (key), jsonb_array_elements(written.people) AS person
            WHERE written.people <> replaced.people
        ) AS named
        WHERE name IS NOT NULL AND NOT EXISTS (SELECT FROM search_people AS known WHERE known.name = named.name)
        ORDER BY name ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END
$$
"""


def upgrade() -> None:
    create_extension()
    op.execute(FOLD)
    op.create_table(
        "search_titles",
        sa.Column("item_key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("item_key", name="pk_search_titles"),
    )
    op.create_table(
        "search_people",
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_search_people"),
    )
    op.execute(KEEP)
    # The first of them locks out writers of items until all is filled, so that none is missed.
    op.execute(
        "CREATE TRIGGER items_keep_search_insert AFTER INSERT ON items REFERENCING NEW TABLE AS written"
        " FOR EACH STATEMENT EXECUTE FUNCTION keep_search_texts()"
    )
    op.execute(
        "CREATE TRIGGER items_keep_search_update AFTER UPDATE ON items REFERENCING OLD TABLE AS replaced NEW TABLE AS written"
        " FOR EACH STATEMENT EXECUTE FUNCTION keep_search_texts()"
    )
    op.execute("INSERT INTO search_titles SELECT key, fold_search_text(title) FROM items")
    op.execute(
        "INSERT INTO search_people SELECT name, fold_search_text(name)"
        " FROM (SELECT DISTINCT (person ->> 'name') COLLATE \"C\" AS name"
        " FROM items, jsonb_array_elements(people) AS person) AS named WHERE name IS NOT NULL"
    )
    for table in ("search_titles", "search_people"):
        op.create_index(
            f"ix_{table}_text", table, ["text"], postgresql_using="gin", postgresql_ops={"text": "gin_trgm_ops"}
        )
    op.create_index(
        "ix_items_people", "items", ["people"], postgresql_using="gin", postgresql_ops={"people": "jsonb_path_ops"}
    )


def create_extension() -> None:
    try:
        op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) not in REFUSALS:
            raise
        raise ConfigurationError(
            "the search needs Postgres' extension pg_trgm, which this role may not create or this server does not have:"
            " install postgresql-contrib where it is missing, run CREATE EXTENSION pg_trgm in this database as an administrator,"
            " and upgrade again",
            code="extension_missing",
        ) from error


def downgrade() -> None:
    op.drop_index("ix_items_people", "items")
    for event in ("update", "insert"):
        op.execute(f"DROP TRIGGER items_keep_search_{event} ON items")
    op.execute("DROP FUNCTION keep_search_texts()")
    op.drop_table("search_people")
    op.drop_table("search_titles")
    op.execute("DROP FUNCTION fold_search_text(text)")
    # Kept where somebody else uses it, or made it.
    op.execute(
        "DO $$ BEGIN DROP EXTENSION IF EXISTS pg_trgm;"
        " EXCEPTION WHEN dependent_objects_still_exist OR insufficient_privilege THEN NULL; END $$"
    )
