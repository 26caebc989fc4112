# pyright: basic
# (threadpoolctl has no annotations: checked loosely here, and in this file only)
"""How many threads the numeric work takes."""

import os
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from threadpoolctl import threadpool_limits

Part = TypeVar("Part")
Result = TypeVar("Result")


@contextmanager
def one_blas_thread() -> Generator[None]:
    """Inside the block BLAS works in the calling thread alone.

    For many small products, one user's after another's: sharing each of them out takes longer than doing it, and the threads that
    wait for their share use up a processor. For a library with threads of its own, too. The setting is the process's.
    """
    with threadpool_limits(1, "blas"):
        yield


def in_threads(function: Callable[[Part], Result], parts: Iterable[Part]) -> list[Result]:
    """What ``function`` makes of each part, in their order; a thread for each processor. For work inside NumPy and SciPy, which
    let other threads run meanwhile. Raises what the first part that fails raises."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(function, parts))
