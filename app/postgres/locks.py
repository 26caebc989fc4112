"""Locks on files (flock): the kernel drops them when their holder ends, however it ends."""

import fcntl
import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def exclusive(path: Path) -> Generator[None]:
    """Hold a lock alone, waiting for it as long as it takes: those who hold such a lock hold it briefly."""
    descriptor = open_lock(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def open_lock(path: Path) -> int:
    """A descriptor to lock with. Closing it unlocks; programs that this process runs do not inherit it."""
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


def try_lock(descriptor: int, *, shared: bool) -> bool:
    """Take the lock if that is possible now."""
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def unlock(descriptor: int) -> None:
    """Give the lock back and keep the descriptor."""
    fcntl.flock(descriptor, fcntl.LOCK_UN)


def lock_shared(descriptor: int, deadline: float) -> bool:
    """Take the lock together with others before ``deadline`` (of the monotonic clock), or say that it was not to be had."""
    while not try_lock(descriptor, shared=True):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
