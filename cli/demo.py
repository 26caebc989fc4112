"""``medley demo``: everything at once, on real ratings, until it is told to stop."""

import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from cli.console import say

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(BaseException):
    """A signal said stop; ``number`` is which. Not an Exception: nothing on the way out may take it for a failure."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.number = number


def demo(
    data: Annotated[
        Path | None,
        typer.Option(
            envvar="MEDLEY_DEMO_DATA", help="A MovieLens archive to load; by default one is fetched, or made up."
        ),
    ] = None,
) -> None:
    """Start everything on real ratings: database, import, training, API. Ctrl-C stops it all.

    What is there from an earlier run is used again.
    """
    serving = threading.Event()
    try:
        with stopped_by_signals() as check:
            run_demo(data, serving, check)
    except Stopped as stopped:
        say("Stopped.")
        raise typer.Exit(0 if serving.is_set() else 128 + stopped.number) from None


@contextmanager
def stopped_by_signals() -> Generator[Callable[[], None]]:
    """Turn the first SIGINT or SIGTERM into Stopped, and ignore those that follow: stopping must not be cut short.

    make passes on the SIGTERM that the whole process group has had already, so a second one is the rule. Native code loses
    an exception now and then, as while a library is loaded: the function given raises Stopped again if a signal has come.
    """
    received: list[int] = []

    def check() -> None:
        if received:
            raise Stopped(received[0])

    def stop(number: int, _: FrameType | None) -> None:
        for each in SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        received.append(number)
        check()

    before = {each: signal.signal(each, stop) for each in SIGNALS}
    try:
        yield check
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def run_demo(data: Path | None, serving: threading.Event, check: Callable[[], None]) -> None:
    """Prepare what is missing, then serve; ``serving`` is set once requests are answered. ``check`` is called between the steps,
    to raise where the demo is to end."""
    # Imported here, because `medley --help` need not wait for it; a taken port is told before the rest is loaded.
    from cli.demo_serving import check_port_is_free, serve_demo  # noqa: PLC0415
    from cli.settings import read_settings  # noqa: PLC0415

    settings = read_settings()
    check_port_is_free(settings)
    from app.db import open_sync_engine  # noqa: PLC0415
    from app.migrations import upgrade  # noqa: PLC0415
    from app.postgres import database_url  # noqa: PLC0415
    from cli.demo_data import prepare_demo  # noqa: PLC0415
    from cli.worker import worker_beside  # noqa: PLC0415

    with database_url(settings, say=say) as url:
        with open_sync_engine(url) as engine:
            upgrade(engine)
        check()
        prepare_demo(url, settings, data, check)
        with worker_beside(url, settings):
            serve_demo(url, settings, serving, check)
