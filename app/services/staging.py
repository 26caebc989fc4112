"""Rows on their way into a table: copied into a temporary one, then merged by a generator of statements.

A merge is one generator for everybody: it yields statements, is sent their rows and returns what became of the batch. The
endpoints run it asynchronously, the importers do not.
"""

from collections.abc import Generator, Mapping
from typing import Any, LiteralString, TypeVar

from psycopg import AsyncConnection, Connection

Step = tuple[LiteralString, Mapping[str, Any]]
T = TypeVar("T")
Steps = Generator[Step, list[tuple[Any, ...]], T]

NULL = "\\N"
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def copied(text: str | None) -> str:
    """A text as COPY's text format has it."""
    if text is None:
        return NULL
    return text if text.isalnum() else text.translate(_ESCAPES)


async def merge_staged(
    connection: AsyncConnection[Any], create: LiteralString, copy_into: LiteralString, data: bytes, steps: Steps[T]
) -> T:
    """Create the temporary tables, copy ``data`` into them and run the merge, in the connection's transaction."""
    async with connection.cursor() as cursor:
        await cursor.execute(create)
        async with cursor.copy(copy_into) as copy:
            await copy.write(data)
        try:
            step = next(steps)
            while True:
                await cursor.execute(*step)
                step = steps.send(await cursor.fetchall())
        except StopIteration as end:
            return end.value


def merge_staged_sync(
    connection: Connection[Any], create: LiteralString, copy_into: LiteralString, data: bytes, steps: Steps[T]
) -> T:
    """The same for a synchronous connection."""
    with connection.cursor() as cursor:
        cursor.execute(create)
        with cursor.copy(copy_into) as copy:
            copy.write(data)
        try:
            step = next(steps)
            while True:
                cursor.execute(*step)
                step = steps.send(cursor.fetchall())
        except StopIteration as end:
            return end.value
