"""What the command prints: plain lines, and progress as bars in a terminal or as occasional lines elsewhere."""

import os
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

import typer

Report = Callable[[str, int, int], None]

SECONDS_BETWEEN_LINES = 5.0


def say(line: str) -> None:
    """One line to standard output, at once."""
    typer.echo(line)


def complain(line: str) -> None:
    """One line to standard error."""
    typer.echo(line, err=True)


def is_interactive() -> bool:
    """Whether a person watches: a terminal that understands control characters, and not a CI system."""
    return (
        sys.stderr.isatty()
        and os.environ.get("TERM") != "dumb"
        and os.environ.get("CI", "").lower() in ("", "0", "false")
    )


@contextmanager
def show_progress() -> Generator[Report]:
    """A function to tell of progress: the stage's name, how much of it is done and how much there is."""
    if not is_interactive():
        yield progress_lines()
        return
    from rich.console import Console  # noqa: PLC0415 - `medley --help` need not wait for it
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description:<16}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, int] = {}

        def report(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, total=total)  # pyright: ignore[reportArgumentType] - TaskID is an int

        yield report


def progress_lines(clock: Callable[[], float] = time.monotonic) -> Report:
    """Progress for a log: a line when a stage ends, and every few seconds until then."""
    began, last = clock(), clock()

    def report(stage: str, done: int, total: int) -> None:
        nonlocal last
        if done >= total or clock() - last >= SECONDS_BETWEEN_LINES:
            last = clock()
            say(f"  {stage}: {100 * done // max(total, 1)}% after {last - began:.0f} s")

    return report
