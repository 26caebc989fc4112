"""The row of a training run: how it begins, how far it has come, and how it ends.

A run is ``queued``, ``running``, ``succeeded``, ``failed`` or ``rejected`` by the gate. Unique indexes allow one queued and one
running row. Only whoever holds the training lock starts a run, so a row that says "running" then belongs to a process that
died. What a run writes to its row holds only while the row still says "running": a run that was given up cannot come back.
"""

import secrets
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, func, insert, select, text, update

from app.errors import MedleyError
from app.models import TrainingRun
from app.services.training_runs import new_run_id
from training.lock import LockLost, TrainingLock
from training.verdict import GATE_FAILED, GateFailed

if TYPE_CHECKING:
    from training.fit import Report  # loads the fitting libraries, which a waiting worker has no use for

STAGES = ("snapshot", "content", "tune", "fit", "blend", "evaluate", "gate", "refit", "publish")
WORKER_LOST, FIT_KILLED, STOPPED = "worker_lost", "fit_killed", "stopped"
INTERRUPTIONS = frozenset({WORKER_LOST, FIT_KILLED, STOPPED, LockLost.code})
"""Codes of runs that something from outside ended, and that may succeed when they are repeated."""

UNANSWERED = INTERRUPTIONS | {GATE_FAILED}
"""Codes of runs that took nothing new into service. What the gate turned away is not tried again by the run that follows."""

_LOST = "The process that ran it died or lost the database."
_SECONDS_BETWEEN_WRITES = 1.0
# The server's own statistics: a count over millions of rows would cost too much. It forgets them when it crashes.
_RATINGS_WRITTEN = text("SELECT n_tup_ins + n_tup_upd FROM pg_stat_user_tables WHERE relid = 'ratings'::regclass")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a run may be asked for: to publish ``forced``, whatever the gate says, and to tune for some minutes (None: as long as
    the settings say)."""

    forced: bool = False
    tune_minutes: float | None = None


NO_WISH = Wish()


@dataclass(frozen=True, slots=True)
class ActiveRun:
    """A run that has begun. ``release`` is the id that its release will have; ``wish`` is what was asked of the run."""

    key: int
    id: str
    cause: str
    release: str
    wish: Wish = NO_WISH


def fail_lost_run(lock: TrainingLock) -> None:
    """Mark a run that is said to go on, while we hold the lock, as failed."""
    with lock.transaction() as connection:
        _finish(connection, TrainingRun.state == "running", WORKER_LOST, _LOST)


def start_run(lock: TrainingLock, cause: str, wish: Wish = NO_WISH) -> ActiveRun:
    """Begin the queued run, or a new one with this cause; what died before it is marked as failed. A wish adds to what was asked
    of the queued one."""
    with lock.transaction() as connection:
        _finish(connection, TrainingRun.state == "running", WORKER_LOST, _LOST)
        now: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
        values: dict[str, Any] = {
            "state": "running",
            "started_at": now,
            "planned_release": f"{now.astimezone(UTC):%Y-%m-%dT%H-%M-%SZ}-{secrets.token_hex(2)}",
            "ratings_written": count_ratings_written(connection),
        }
        columns = (
            TrainingRun.key,
            TrainingRun.id,
            TrainingRun.cause,
            TrainingRun.planned_release,
            TrainingRun.forced,
            TrainingRun.tune_minutes,
        )
        if wish.forced:
            values["forced"] = True
        if wish.tune_minutes is not None:
            values["tune_minutes"] = wish.tune_minutes
        queued = update(TrainingRun).where(TrainingRun.state == "queued").values(**values).returning(*columns)
        row = connection.execute(queued).one_or_none()
        if row is None:
            new = insert(TrainingRun).values(id=new_run_id(now), cause=cause, **values).returning(*columns)
            row = connection.execute(new).one()
    return ActiveRun(row.key, row.id, row.cause, row.planned_release, Wish(row.forced, row.tune_minutes))


def count_ratings_written(connection: Connection) -> int:
    """How many ratings were stored or changed since the server began to count; from 0 again after it crashed."""
    return int(connection.execute(_RATINGS_WRITTEN).scalar_one() or 0)


def succeed_run(connection: Connection, run: ActiveRun, release_key: int, result: dict[str, Any]) -> None:
    """The run has published a release, in the same transaction; raises :class:`LockLost` if it was given up."""
    done = {"state": "succeeded", "progress": 1.0, "release_key": release_key, "result": result}
    statement = update(TrainingRun).where(TrainingRun.key == run.key, TrainingRun.state == "running")
    if connection.execute(statement.values(finished_at=func.clock_timestamp(), **done)).rowcount != 1:
        raise LockLost


def fail_run(engine: Engine, run: ActiveRun, code: str, reason: str) -> None:
    """The run has ended without a release; a row that has its end already is left alone."""
    with engine.begin() as connection:
        _finish(connection, (TrainingRun.key == run.key) & (TrainingRun.state == "running"), code, reason)


def reject_run(engine: Engine, run: ActiveRun, failed: GateFailed) -> None:
    """The gate turned the run's configuration away; a row that has its end already is left alone."""
    values = {"state": "rejected", "error_code": failed.code, "error": failed.detail}
    result = {"gate": failed.gate, "tuning": failed.tuning}
    which = (TrainingRun.key == run.key) & (TrainingRun.state == "running")
    with engine.begin() as connection:
        ended = update(TrainingRun).where(which).values(finished_at=func.clock_timestamp(), result=result, **values)
        connection.execute(ended)


@contextmanager
def failures_noted(engine: Engine, run: ActiveRun) -> Generator[None]:
    """Mark the run as failed, or as rejected, when the block raises."""
    try:
        yield
    except GateFailed as failed:
        reject_run(engine, run, failed)
        raise
    except MedleyError as error:
        fail_run(engine, run, error.code, error.detail)
        raise
    except Exception as error:
        fail_run(engine, run, MedleyError.code, type(error).__name__)
        raise
    except BaseException:
        fail_run(engine, run, STOPPED, "It was told to stop.")
        raise


@dataclass(slots=True)
class ProgressLog:
    """Writes the progress of one run to its row, at most once a second, and tells ``listener`` of every step."""

    engine: Engine
    key: int
    listener: "Report"
    written_at: float = 0.0
    stage: str = ""

    def report(self, stage: str, share: float) -> None:
        """A stage has begun or gone on; raises :class:`LockLost` if the run was given up."""
        self.listener(stage, share)
        changed = stage != self.stage
        self.stage = stage
        if not changed and monotonic() - self.written_at <= _SECONDS_BETWEEN_WRITES:
            return
        self.written_at = monotonic()
        done = (STAGES.index(stage) + min(max(share, 0.0), 1.0)) / len(STAGES)
        statement = update(TrainingRun).where(TrainingRun.key == self.key, TrainingRun.state == "running")
        with self.engine.begin() as connection:
            if connection.execute(statement.values(stage=stage, progress=done)).rowcount != 1:
                raise LockLost


def _finish(connection: Connection, which: Any, code: str, reason: str) -> None:
    values = {"state": "failed", "error_code": code, "error": reason, "finished_at": func.clock_timestamp()}
    connection.execute(update(TrainingRun).where(which).values(**values))
