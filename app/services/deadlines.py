"""Deadlines that hold even when what is waited for cannot be stopped quickly."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_abandoned: set[asyncio.Task[Any]] = set()


async def run_within(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """The result of ``work``; raises TimeoutError when it is not there in time.

    ``asyncio.timeout`` would cancel the work and wait until it has ended. A cancelled psycopg call first asks the server to
    stop the statement, for up to 5 seconds when the server does not answer, which is just when a deadline is needed.
    So late work is left to itself: the server's statement timeout or a broken connection ends it.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task}, timeout=seconds)
    finally:
        if not task.done():
            _abandoned.add(task)
            task.add_done_callback(_forget)
    if not task.done():
        raise TimeoutError
    return task.result()


def _forget(task: asyncio.Task[Any]) -> None:
    _abandoned.discard(task)
    if not task.cancelled():
        task.exception()  # looked at, so that the loop does not complain that nobody did
