"""Some columns of many items into the catalogue: only what a file knows is written, and by a rule for each column.

The merge of the API replaces an item in full (``app.services.item_merge``); a file knows a part of it, and another
source may know the rest. A row that would not change is left alone, so that workers are not told of it. Rows are
locked in the order of their ids, as every merge of items does.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Self

import psycopg
from psycopg.sql import SQL, Composable, Composed, Identifier
from psycopg.types.json import Jsonb

from app.services.item_limits import refuse_item
from app.services.item_merge import ItemFields
from app.services.limits import MOST_LABELS
from training.importers.lines import BadLineError

ANALYZE_FROM_ROWS = 1_000

Rule = Literal["replace", "update", "fill", "add", "merge", "refine", "year", "keep"]
Row = tuple[int, str, ItemFields]
"""The line a row comes from, the item's id, and what the file says; columns without a rule are not looked at."""


@dataclass(frozen=True, slots=True)
class MergeRules:
    """What becomes of a stored item, column by column:

    * ``replace``: what the file says stands afterwards, be it nothing;
    * ``update``: what the file says stands afterwards; where it says nothing, what was stored stays;
    * ``fill``: what was stored stays; where nothing was, the file's is taken;
    * ``add``: the file's labels are put after those that are stored, up to the limit;
    * ``merge``: the file's attributes are set, other attributes stay; those in ``owned`` go where the file has none;
    * ``refine``: as ``fill``, but a stored 1 January, which says the year only, gives way to a day of that year;
    * ``year``: as ``update``, but a 1 January of the file gives way to a day of that year that is stored;
    * ``keep``: written with a new item only.

    ``revive`` says whether an item that was deleted comes back.
    """

    columns: Mapping[str, Rule]
    revive: bool = True
    owned: Sequence[str] = ()


@dataclass(slots=True)
class ItemCounts:
    """How many items had each outcome."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0

    @property
    def written(self) -> int:
        """Rows that are not as they were."""
        return self.created + self.updated


def checked_item(item_id: str, item: ItemFields) -> ItemFields:
    """The item, if the catalogue may hold it. Raises BadLineError otherwise."""
    refusal = refuse_item(item_id, item)
    if refusal is not None:
        raise BadLineError(f"{refusal.pointer.removeprefix('/')}: {refusal.detail[0].lower()}{refusal.detail[1:]}")
    return item


def refresh_statistics(connection: psycopg.Connection, written: int) -> None:
    """Let the planner know of the rows, where there are enough for its picture of the tables to be worth a second."""
    if written >= ANALYZE_FROM_ROWS:
        # VACUUM marks pages as visible to all, without which histories are not read from the index alone.
        connection.execute("VACUUM (ANALYZE) items, users, ratings")


class ItemMerger:
    """Merges the rows of one import, each id once: the first row of a file wins over those that repeat its id.

    The ids that have been seen are kept by the server, in a temporary table that is there within the ``with`` block.
    """

    def __init__(self, connection: psycopg.Connection, rules: MergeRules, *, now: datetime) -> None:
        self._connection = connection
        self._rules = rules
        self._now = now
        self._columns = list(rules.columns)
        self._merge = _merge_statement(rules)
        self.counts = ItemCounts()

    def merge(self, rows: Iterable[Row]) -> list[tuple[int, str]]:
        """Merge rows in one transaction; gives line and id of those whose id was there before."""
        names = SQL(", ").join(map(Identifier, ["line", "id", *self._columns]))
        with self._connection.transaction(), self._connection.cursor() as cursor:
            cursor.execute("TRUNCATE pg_temp.staged_items")
            with cursor.copy(SQL("COPY pg_temp.staged_items ({}) FROM STDIN").format(names)) as copy:
                for line, item_id, item in rows:
                    copy.write_row([line, item_id, *(_copied(name, getattr(item, name)) for name in self._columns)])
            cursor.execute(_TAKE_REPEATED)
            repeated: list[tuple[int, str]] = cursor.fetchall()
            cursor.execute("ANALYZE pg_temp.staged_items")
            cursor.execute(self._merge, {"now": self._now, "owned": list(self._rules.owned)})
            created, updated, unchanged = cursor.fetchone() or (0, 0, 0)
        self.counts.created += created
        self.counts.updated += updated
        self.counts.unchanged += unchanged
        return sorted(repeated)

    def __enter__(self) -> Self:
        for statement in (_DROP, _CREATE_SEEN, _create_staging(self._columns)):
            self._connection.execute(statement)
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        # After a failure the connection may be of no use; its temporary tables go with it.
        if kind is None:
            self._connection.execute(_DROP)


_DROP = SQL("DROP TABLE IF EXISTS pg_temp.staged_items, pg_temp.seen_items")
_CREATE_SEEN = SQL('CREATE TEMPORARY TABLE seen_items (id text COLLATE "C" PRIMARY KEY)')
# Of rows with the same id the first goes on, unless an earlier chunk had it.
_TAKE_REPEATED = SQL(
    """
WITH firsts AS (SELECT min(line) AS line, id FROM pg_temp.staged_items GROUP BY id),
fresh AS (INSERT INTO pg_temp.seen_items SELECT id FROM firsts ON CONFLICT DO NOTHING RETURNING id)
DELETE FROM pg_temp.staged_items AS staged
WHERE NOT EXISTS (SELECT FROM firsts JOIN fresh USING (id) WHERE firsts.line = staged.line)
RETURNING line, id
"""
)
_DOCUMENTS = {"people", "attributes"}
_LISTS = {"categories", "tags"}


def _copied(name: str, value: Any) -> Any:
    if name in _DOCUMENTS:
        return Jsonb(value)
    return list(value) if name in _LISTS else value


def _create_staging(columns: Sequence[str]) -> Composed:
    names = SQL(", ").join(map(Identifier, ["id", *columns]))
    return SQL("CREATE TEMPORARY TABLE staged_items AS SELECT 0::bigint AS line, {} FROM items WITH NO DATA").format(
        names
    )


def _merge_statement(rules: MergeRules) -> Composed:
    columns = [Identifier(name) for name in rules.columns]
    changed = {name: stored_after(name, rule) for name, rule in rules.columns.items() if rule != "keep"}
    sets = [SQL("{} = {}").format(Identifier(name), value) for name, value in changed.items()]
    sets += [SQL("updated_at = excluded.updated_at"), *([SQL("deleted_at = NULL")] if rules.revive else [])]
    differs = [SQL("old.{} IS DISTINCT FROM {}").format(Identifier(name), value) for name, value in changed.items()]
    differs += [SQL("old.deleted_at IS NOT NULL")] if rules.revive else []
    return SQL(
        """
WITH merged AS (
    INSERT INTO items AS old (id, {columns}, created_at, updated_at)
    SELECT id, {columns}, %(now)s, %(now)s FROM pg_temp.staged_items ORDER BY id
    ON CONFLICT (id) DO UPDATE SET {sets} WHERE {differs}
    RETURNING (xmax = 0) AS created
)
SELECT count(*) FILTER (WHERE created), count(*) FILTER (WHERE NOT created),
    (SELECT count(*) FROM pg_temp.staged_items) - count(*)
FROM merged
"""
    ).format(
        columns=SQL(", ").join(columns), sets=SQL(", ").join(sets), differs=SQL(" OR ").join(differs or [SQL("false")])
    )


def stored_after(name: str, rule: Rule) -> Composable:
    """What a column holds after the merge, from ``old`` and ``excluded``."""
    old, new = SQL("old.{}").format(Identifier(name)), SQL("excluded.{}").format(Identifier(name))
    if rule == "add":
        return SQL(_ADDED).format(old=old, new=new, most=SQL(str(MOST_LABELS)))  # pyright: ignore[reportArgumentType] - a number of ours
    if rule == "merge":
        return SQL("(({} - %(owned)s::text[]) || {})").format(old, new)
    if rule in ("refine", "year"):
        return SQL(_REFINED if rule == "refine" else _YEAR).format(old=old, new=new)
    if rule == "replace":
        return new
    nothing = {"people": SQL("'[]'::jsonb"), "categories": SQL("'{{}}'::text[]"), "tags": SQL("'{{}}'::text[]")}.get(
        name
    )
    first, second = (old, new) if rule == "fill" else (new, old)
    return SQL("coalesce({}, {})").format(SQL("nullif({}, {})").format(first, nothing) if nothing else first, second)


_ADDED = (
    "(SELECT coalesce(array_agg(label ORDER BY place), '{{}}') FROM ("
    "SELECT label, min(place) AS place FROM unnest({old} || {new}) WITH ORDINALITY AS given (label, place)"
    " GROUP BY label ORDER BY min(place) LIMIT {most}) AS kept)"
)
_REFINED = (
    "CASE WHEN {old} IS NULL OR {new} IS NOT NULL AND {old} = date_trunc('year', {new}::timestamp)::date"
    " THEN {new} ELSE {old} END"
)
_YEAR = "CASE WHEN {new} = date_trunc('year', {old}::timestamp)::date THEN {old} ELSE coalesce({new}, {old}) END"
