"""Merging many rows at once: a generator of statements, each of which takes the whole batch as arrays, a column each.

A merge is one generator for everybody: it yields statements, is sent their rows and returns what became of the batch. The
endpoints run it asynchronously, the importers do not. Arrays need no temporary table, which would leave its traces in the
system catalogue with each batch and whose size the planner would not know.
"""

from collections.abc import Collection, Generator, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString, TypeVar, cast

import numpy as np
import numpy.typing as npt
from psycopg import AsyncConnection, Connection
from psycopg.adapt import Dumper
from psycopg.pq import Format
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import Conflict

Step = tuple[LiteralString, Mapping[str, Any]]
T = TypeVar("T")
Steps = Generator[Step, list[tuple[Any, ...]], T]

_ATTEMPTS = 5

_TIMES_BEGIN = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# Lateral subqueries that cannot be flattened keep every look-up an index probe: the planner knows little of an array
# and would now and then read a large table from end to end instead.
_FIND_ITEMS: LiteralString = """
SELECT named.id, stored.key
FROM unnest(%(ids)b::text[]) AS named (id)
CROSS JOIN LATERAL (SELECT key FROM items WHERE id = named.id AND deleted_at IS NULL LIMIT 1) AS stored
"""

# An item that was deleted stays deleted. In the order in which batches of items create theirs (``app.services.item_merge``).
_CREATE_PLACEHOLDERS: LiteralString = """
INSERT INTO items (id, title) SELECT id, id FROM unnest(%(ids)b::text[]) AS named (id) ORDER BY id COLLATE "C"
ON CONFLICT DO NOTHING
RETURNING key
"""

_FIND_ALIASES: LiteralString = """
SELECT named.id, stored.id
FROM unnest(%(ids)b::text[]) AS named (id)
CROSS JOIN LATERAL (SELECT user_key FROM user_aliases WHERE id = named.id AND expires_at > now() LIMIT 1) AS alias
JOIN users AS stored ON stored.key = alias.user_key
"""

# All that are missing are created before any is locked: whoever holds locks then waits for nobody's new users.
_CREATE_USERS: LiteralString = """
INSERT INTO users (id)
SELECT named.id
FROM unnest(%(ids)b::text[]) AS named (id)
LEFT JOIN LATERAL (SELECT key FROM users WHERE id = named.id LIMIT 1) AS stored ON true
WHERE stored.key IS NULL
ORDER BY named.id COLLATE "C"
ON CONFLICT DO NOTHING
RETURNING id, key
"""

# Whoever writes ratings of a user holds this lock until the commit (``app.services.ratings``): what a later statement of the
# transaction reads of them is the newest there is, and stays so. It keeps the user from being erased, too.
_LOCK_USERS: LiteralString = """
SELECT named.id, stored.key
FROM (SELECT id FROM unnest(%(ids)b::text[]) AS named (id) ORDER BY id COLLATE "C") AS named
CROSS JOIN LATERAL (SELECT key FROM users WHERE id = named.id FOR NO KEY UPDATE) AS stored
"""


# A user whom another transaction erased while this one waited has to be created after all. Whoever did that while holding the
# others would wait for somebody who has created them and waits for one of these: all are let go of, and taken again in order.
_MARK: LiteralString = "SAVEPOINT users"
_LET_GO: LiteralString = "ROLLBACK TO SAVEPOINT users"


@dataclass(frozen=True, slots=True)
class Column:
    """Numbers on their way to Postgres as one of its arrays, which takes a fraction of the time of a list.

    ``oid`` is that of the element's type; ``numbers`` has the shape ``(n,)`` and the big-endian type in which Postgres sends
    such elements.
    """

    oid: int
    numbers: npt.NDArray[Any]

    @classmethod
    def integers(cls, values: npt.ArrayLike) -> "Column":
        """A ``bigint[]``."""
        return cls(20, np.asarray(values, ">i8"))

    @classmethod
    def doubles(cls, values: npt.ArrayLike) -> "Column":
        """A ``double precision[]``."""
        return cls(701, np.asarray(values, ">f8"))

    @classmethod
    def flags(cls, values: npt.ArrayLike) -> "Column":
        """A ``boolean[]``."""
        return cls(16, np.asarray(values, np.bool_))

    @classmethod
    def times(cls, values: Iterable[datetime]) -> "Column":
        """A ``timestamptz[]``."""
        return cls(1184, np.array([(value - _TIMES_BEGIN) // _MICROSECOND for value in values], ">i8"))

    def encoded(self) -> bytes:
        """The binary form of an array: dimensions, whether there are NULLs, type, length, first index; then the elements,
        each behind its length in bytes (``array_send`` in Postgres' source)."""
        head = np.array([1, 0, self.oid, len(self.numbers), 1], ">i4")
        elements = np.empty(len(self.numbers), [("length", ">i4"), ("number", self.numbers.dtype)])
        elements["length"] = self.numbers.dtype.itemsize
        elements["number"] = self.numbers
        return head.tobytes() + elements.tobytes()


class _ColumnDumper(Dumper):
    """Sends a column as it is; the cast in the statement says of which type it is."""

    format = Format.BINARY

    def dump(self, obj: Column) -> bytes:
        return obj.encoded()


def find_items(ids: Collection[str], *, create: bool = False) -> Steps[dict[str, int]]:
    """The keys of the items of these ids that are there, or can be made as placeholders where ``create`` is set."""
    if not ids:
        return {}
    found: dict[str, int] = dict((yield _FIND_ITEMS, {"ids": list(ids)}))
    if create and (missing := [each for each in ids if each not in found]):
        yield _CREATE_PLACEHOLDERS, {"ids": missing}
        found |= dict((yield _FIND_ITEMS, {"ids": missing}))
    return found


def lock_or_create_users(ids: Collection[str]) -> Steps[tuple[dict[str, int], set[int]]]:
    """The keys of the users of these ids, whom nobody else writes to or erases before the transaction ends; and which of the
    keys are new, so that nothing is stored of them."""
    if len(ids) > 1:
        yield _MARK, {}
    for _ in range(_ATTEMPTS):
        aliases: dict[str, str] = dict((yield _FIND_ALIASES, {"ids": list(ids)}))
        owners = set(aliases.values())
        named = {aliases.get(each, each) for each in ids}
        # Whoever an alias leads to was there a moment ago: gone now, they were erased, and the alias with them.
        mine = [each for each in named if each not in owners]
        created: dict[str, int] = dict((yield _CREATE_USERS, {"ids": mine}))
        known = [each for each in named if each not in created]
        locked: dict[str, int] = dict((yield _LOCK_USERS, {"ids": known})) if known else {}
        if len(created) + len(locked) == len(named):
            found = created | locked
            return {each: found[aliases.get(each, each)] for each in ids}, set(created.values())
        if len(ids) > 1:
            yield _LET_GO, {}
    raise Conflict("Users of this batch keep being created and erased by others; send it again.", code="write_conflict")


async def run_merge(session: AsyncSession, steps: Steps[T]) -> T:
    """Run the merge in the session's transaction."""
    try:
        async with (await driver_connection(session)).cursor() as cursor:
            cursor.adapters.register_dumper(Column, _ColumnDumper)
            step = next(steps)
            while True:
                await cursor.execute(*step)
                step = steps.send(await cursor.fetchall() if cursor.description else [])
    except StopIteration as end:
        return end.value


async def driver_connection(session: AsyncSession) -> AsyncConnection[Any]:
    """The driver's connection under the session, in its transaction."""
    connection = await (await session.connection()).get_raw_connection()
    return cast("AsyncConnection[Any]", connection.driver_connection)


def run_merge_sync(connection: Connection[Any], steps: Steps[T]) -> T:
    """Run the merge in the connection's transaction."""
    try:
        with connection.cursor() as cursor:
            cursor.adapters.register_dumper(Column, _ColumnDumper)
            step = next(steps)
            while True:
                cursor.execute(*step)
                step = steps.send(cursor.fetchall() if cursor.description else [])
    except StopIteration as end:
        return end.value
