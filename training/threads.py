# pyright: basic
# (threadpoolctl has no annotations: checked loosely here, and in this file only)
"""How many threads the linear algebra takes."""

from collections.abc import Generator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits


@contextmanager
def one_blas_thread() -> Generator[None]:
    """Inside the block BLAS works in the calling thread alone.

    For many small products, one user's after another's: sharing each of them out takes longer than doing it, and the threads that
    wait for their share use up a processor. For a library with threads of its own, too. The setting is the process's.
    """
    with threadpool_limits(1, "blas"):
        yield
