"""``medley worker``: trains by schedule, after new ratings and on request."""

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

from app.config import Settings
from app.db import open_sync_engine
from app.migrations import upgrade
from app.postgres import database_url
from app.telemetry import configure_logging
from cli.console import say
from cli.settings import read_settings
from training.child import child_process
from training.worker import Plan, work


def worker() -> None:
    """Train by schedule, after new ratings and on request, until told to stop."""
    settings = read_settings()
    with database_url(settings, say=say) as url:
        if settings.database_url is None:
            with open_sync_engine(url) as engine:
                upgrade(engine)
        _work(url, settings)


@contextmanager
def worker_beside(url: str, settings: Settings) -> Generator[None]:
    """A worker in a process of its own, for as long as the block goes on."""
    with child_process(_work, url, settings, name="medley worker", patience_seconds=10):
        yield


def _work(url: str, settings: Settings) -> None:
    configure_logging(settings.log_level, settings.log_format)
    work_until_stopped(url, Plan.of(settings))


def work_until_stopped(url: str, plan: Plan) -> None:
    """Work until SIGTERM or SIGINT. A run under way is given up, and marked so."""
    stop = threading.Event()

    def told_to_stop(_: int, __: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, told_to_stop)
    work(url, plan, stop)
