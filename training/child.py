"""Child processes that do not outlive their parent, however it ends."""

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.context import SpawnProcess
from typing import Any

_SIGNALS = {signal.SIGINT, signal.SIGTERM}


@contextmanager
def child_process(
    target: Callable[..., None], *arguments: Any, name: str, patience_seconds: float = 2.0
) -> Generator[SpawnProcess]:
    """A fresh interpreter that calls ``target``, told to stop when the block is left, and killed when it does not.

    The arguments go through a pipe, so no list of processes shows them. Ctrl-C in a terminal reaches every process of the
    group: here the parent alone decides what it means.
    """
    process = multiprocessing.get_context("spawn").Process(target=_run, args=(target, arguments), name=name)
    try:
        # A handler that raises must not do so half way through the start, nor a signal find the child without its own.
        resource_tracker.ensure_running()  # the first start would do this, and unblock the signals
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        yield process
    finally:
        if process.pid is not None:
            process.terminate()
            process.join(patience_seconds)
            process.kill()
            process.join()
            process.close()


def _run(target: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    threading.Thread(target=_end_with_parent, name="end with parent", daemon=True).start()
    target(*arguments)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)
