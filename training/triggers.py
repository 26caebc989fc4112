"""When a training is due: asked for, scheduled, or after so many new ratings.

Schedule and ratings count from the newest run that answered them. One that something from outside ended (a deploy, a kill)
answers nothing, nor does one whose configuration the gate turned away, so another follows at once, unless the newest
:data:`ATTEMPTS` runs all ended like that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cronsim import CronSim
from sqlalchemy import Connection, func, select

from app.models import TrainingRun
from training.runs import UNANSWERED, count_ratings_written

ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Triggers:
    """``schedule`` is a cron expression, in UTC, or empty; ``new_ratings`` a number, or 0 for never. On a database
    without any run, ticks before ``since`` do not count as missed."""

    schedule: str
    new_ratings: int
    since: datetime


@dataclass(frozen=True, slots=True)
class PastRun:
    """What the triggers need to know of a run that began."""

    started_at: datetime
    ratings_written: int
    interrupted: bool


def find_cause(connection: Connection, triggers: Triggers) -> str | None:
    """Why a run is due now, or None. All times are those of the database's clock, so replicas agree."""
    queued = connection.scalar(select(TrainingRun.cause).where(TrainingRun.state == "queued"))
    if queued is not None:
        return queued
    now: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    past = read_past_runs(connection)
    if is_tick_missed(triggers, past, now):
        return "schedule"
    if triggers.new_ratings and count_new_ratings(past, count_ratings_written(connection)) >= triggers.new_ratings:
        return "ratings"
    return None


def read_past_runs(connection: Connection) -> list[PastRun]:
    """The newest runs that began, newest first."""
    columns = (TrainingRun.started_at, TrainingRun.ratings_written, TrainingRun.error_code)
    began = select(*columns).where(TrainingRun.started_at.is_not(None)).order_by(TrainingRun.key.desc()).limit(ATTEMPTS)
    return [
        PastRun(row.started_at, row.ratings_written or 0, row.error_code in UNANSWERED)
        for row in connection.execute(began)
    ]


def is_tick_missed(triggers: Triggers, past: Sequence[PastRun], now: datetime) -> bool:
    """Whether the schedule has had a tick, or several, that no run has answered."""
    if not triggers.schedule:
        return False
    answer = _answer(past)
    answered = answer.started_at if answer else None if past else triggers.since
    # From the next second on, for the library looks strictly before a time, and a tick may be now.
    newest = next(CronSim(triggers.schedule, now.astimezone(UTC).replace(microsecond=1), reverse=True), None)
    return newest is not None and (answered is None or newest > answered)


def count_new_ratings(past: Sequence[PastRun], written: int) -> int:
    """How many ratings were written since the run that last took them in; ``written`` is the server's count."""
    answer = _answer(past)
    before = answer.ratings_written if answer else 0
    return written - before if written >= before else written  # a server that crashed counts from 0 again


def _answer(newest_first: Sequence[PastRun]) -> PastRun | None:
    """The run that the triggers count from; None where it is still to come."""
    for run in newest_first:
        if not run.interrupted:
            return run
    return newest_first[0] if len(newest_first) >= ATTEMPTS else None
