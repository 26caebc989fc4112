"""The verdict of a rehearsal: what must hold, looked up in the database after everything was stopped."""

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from rich.console import Console
from rich.table import Table

from app.db import driver_url
from app.postgres import database_url, server_home
from benchmarks.figures import TABLE_WIDTH
from benchmarks.rehearsal.course import Course
from benchmarks.rehearsal.ledger import Comparison, Ledger, Pair
from benchmarks.rehearsal.readers import Outcome, Reader, ReadSummary, summarise
from benchmarks.rehearsal.system import System

TRAININGS = 2
API_KILLS = 3
BREAKS_A_KILL = 2  # the connection in use and, where a worker that drains closes its socket, the next
EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Stored:
    """What the database holds at the end."""

    ratings: dict[Pair, float]
    runs: list[tuple[str, str | None]]
    """State and code of the error of each training run, in their order."""
    active_release: str | None


def read_stored(system: System) -> Stored:
    """Start the database once more, on what is on the disk, and read it."""
    with database_url(system.settings) as url, psycopg.connect(driver_url(url)) as connection:
        ratings = connection.execute(
            "SELECT u.id, i.id, r.value FROM ratings r JOIN users u ON u.key = r.user_key"
            " JOIN items i ON i.key = r.item_key WHERE r.value IS NOT NULL"
        )
        found = {(user, item): value for user, item, value in ratings}
        runs = connection.execute("SELECT state, error_code FROM training_runs ORDER BY key").fetchall()
        active = connection.execute("SELECT id FROM releases WHERE active").fetchone()
    return Stored(found, [(state, code) for state, code in runs], active[0] if active else None)


def find_faults(course: Course, ledger: Ledger, stored: Stored, reads: ReadSummary) -> list[str]:
    """Everything that did not hold, in words; empty if all did."""
    breaks = BREAKS_A_KILL * API_KILLS * len(course.readers)
    faults = [*course.faults, *ratings_faults(ledger.compare(stored.ratings)), *reads_faults(reads, breaks)]
    succeeded = sum(state == "succeeded" for state, _ in stored.runs)
    if succeeded != TRAININGS or stored.active_release is None:
        faults.append(f"{succeeded} trainings succeeded instead of {TRAININGS}; active: {stored.active_release}")
    faults += [f"{name} ended too early" for name in course.early]
    faults += [f"{name}.log holds the password of the database" for name in logs_with_password(course.system)]
    return faults


def ratings_faults(compared: Comparison) -> list[str]:
    """What is wrong with the ratings that are stored."""
    named = {
        "acknowledged ratings are missing": compared.missing,
        "acknowledged ratings have another value": compared.different,
        "ratings are there that nobody asked for, or that were taken back": compared.unasked,
    }
    return [f"{len(pairs):,} {what}: {pairs[:EXAMPLES]}" for what, pairs in named.items() if pairs]


def reads_faults(reads: ReadSummary, breaks: int) -> list[str]:
    """What is wrong with the answers that readers got; ``breaks`` is how many connections the kills may have broken at most."""
    failed = reads.counts[Outcome.FAILED]
    faults = [f"{failed:,} reads failed while a worker lived: {reads.reasons[:EXAMPLES]}"] if failed else []
    if reads.counts[Outcome.REPEATED] > breaks:
        faults.append(f"{reads.counts[Outcome.REPEATED]:,} reads had to be repeated, where kills explain {breaks}")
    if not reads.counts[Outcome.ANSWERED]:
        faults.append("nothing was read")
    return faults


def logs_with_password(system: System) -> list[str]:
    """The logs in which the password of the embedded database stands."""
    password = (server_home(system.home) / "password").read_text()
    logs = {name: system.log(name) for name in ("serve", "worker")}
    return [name for name, log in logs.items() if log.exists() and password in log.read_text(errors="replace")]


def print_report(course: Course, ledger: Ledger, reads: ReadSummary) -> None:
    """What happened, an act a line, and the sums."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in (
        "act",
        "s",
        "whole after s",
        "reads",
        "repeated",
        "nobody there",
        "degraded",
        "failed",
        "slowest ms",
    ):
        table.add_column(column, justify="left" if column == "act" else "right")
    for act in course.acts:
        seen = summarise(course.readers, act.began, act.ended)
        table.add_row(act.name, f"{act.ended - act.began:.1f}", f"{act.seconds_to_whole:.1f}", *_cells(seen))
    table.add_section()
    table.add_row("all of it", "", "", *_cells(reads))
    Console(width=TABLE_WIDTH).print(table)
    writers = (course.loader, *course.changers)
    refused, broken = (sum(getattr(each.sender.tally, name) for each in writers) for name in ("refused", "broken"))
    print(
        f"{len(ledger):,} ratings acknowledged; writes repeated: {refused} refused (503), {broken} of broken connections."
    )


def whole_time(readers: Sequence[Reader]) -> ReadSummary:
    """Every read there was."""
    return summarise(readers, float("-inf"), float("inf"))


def _cells(reads: ReadSummary) -> list[str]:
    counts = [reads.counts[outcome] for outcome in (Outcome.ANSWERED, Outcome.REPEATED, Outcome.ABSENT)]
    last = (*counts, reads.degraded, reads.counts[Outcome.FAILED], 1_000 * reads.slowest_seconds)
    return [f"{number:,.0f}" for number in last]
