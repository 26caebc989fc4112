"""The worker: waits until a training is due, and carries it out.

Any number of workers may run. Whoever gets the training lock carries out the run; the others stand by and take over within
a second or two when that one dies.
"""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING, Any, Self

import psycopg
import structlog
from psycopg import sql
from sqlalchemy import Engine, select
from sqlalchemy.exc import OperationalError

from app.config import Settings
from app.db import connect_options, driver_url, open_sync_engine
from app.errors import Conflict, MedleyError
from app.event_kinds import EventKinds
from app.models import TrainingRun
from app.services.training_runs import CHANNEL, WORKER_NAME
from training.collect import collect_artifacts
from training.fit_process import FitProcess, FitTask, start_fit
from training.lock import TrainingLock, hold_training_lock, is_training_locked
from training.publish import Published, publish_release
from training.retention import delete_old_aliases, delete_old_answers, delete_old_events, delete_old_exposures
from training.runs import STOPPED, ActiveRun, fail_lost_run, failures_noted, start_run
from training.triggers import Triggers, find_cause
from training.verdict import GateFailed

if TYPE_CHECKING:
    from training.fit import Parameters  # loads the fitting libraries, which only the child has a use for

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)
_SECONDS_BETWEEN_CHECKS = 0.5
_SECONDS_TO_NOTICE_A_STOP = 0.2
_SECONDS_BETWEEN_COLLECTIONS = 600.0
_LONGEST_PAUSE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What a worker does and when. ``parameters`` None stands for the defaults."""

    artifacts: Path
    scale_top: float
    schedule: str = ""
    new_ratings: int = 0
    releases_kept: int = 3
    poll_seconds: float = 1.0
    parameters: "Parameters | None" = None
    event_kinds: EventKinds | None = None
    event_retention_days: int = 0
    tune_minutes: float = 0.0
    attribution_days: int = 7

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The plan that the settings make."""
        return cls(
            artifacts=settings.artifacts,
            scale_top=settings.rating_max,
            schedule=settings.training_schedule,
            new_ratings=settings.training_new_ratings,
            releases_kept=settings.releases_kept,
            poll_seconds=settings.training_poll_seconds,
            event_kinds=settings.event_kinds,
            event_retention_days=settings.event_retention_days,
            tune_minutes=settings.training_tune_minutes,
            attribution_days=settings.attribution_days,
        )


def work(url: str, plan: Plan, stop: Event) -> None:
    """Carry out what is due until ``stop`` is set. While the database is away, wait for it."""
    log.info("worker.started", schedule=plan.schedule or None, new_ratings=plan.new_ratings or None)
    pause = plan.poll_seconds
    with open_sync_engine(url) as engine:
        worker = Worker(url, engine, plan, stop)
        while not stop.is_set():
            try:
                with _listening(url) as ears:
                    while not stop.is_set():
                        if not worker.look():
                            _wait(ears, plan.poll_seconds, stop)
                        pause = plan.poll_seconds
            except (OperationalError, psycopg.OperationalError) as error:
                log.warning("worker.database_unavailable", reason=str(getattr(error, "orig", error))[:300])
            except Exception:
                log.exception("worker.failed")
            stop.wait(pause)
            pause = min(2 * pause, max(_LONGEST_PAUSE_SECONDS, plan.poll_seconds))
    log.info("worker.stopped")


class Worker:
    """One worker: looks for work, and does it."""

    def __init__(self, url: str, engine: Engine, plan: Plan, stop: Event) -> None:
        self._url = url
        self._engine = engine
        self._plan = plan
        self._stop = stop
        self._triggers = Triggers(plan.schedule, plan.new_ratings, datetime.now(UTC))
        self._collected_at = float("-inf")

    def look(self) -> bool:
        """Carry out one run if one is due and nobody else does; whether there was one."""
        if monotonic() - self._collected_at >= _SECONDS_BETWEEN_COLLECTIONS:
            self._collect()
        if not self._something_to_do():
            return False
        try:
            with hold_training_lock(self._engine) as lock:
                fail_lost_run(lock)
                with lock.transaction() as connection:
                    cause = find_cause(connection, self._triggers)
                if cause is None:
                    return False
                self._carry_out(lock, start_run(lock, cause))
        except Conflict:  # another worker was quicker
            return False
        self._collect()
        return True

    def _something_to_do(self) -> bool:
        """Whether a run is due, or one has died, while nobody holds the lock."""
        with self._engine.connect() as connection:
            if is_training_locked(connection):
                return False
            running = connection.execute(select(TrainingRun.key).where(TrainingRun.state == "running")).first()
            return running is not None or find_cause(connection, self._triggers) is not None

    def _carry_out(self, lock: TrainingLock, run: ActiveRun) -> None:
        log.info("worker.run_started", run=run.id, cause=run.cause)
        began = monotonic()
        try:
            with failures_noted(self._engine, run):
                published = self._fit_and_publish(lock, run)
        except GateFailed as failed:
            log.warning("worker.run_rejected", run=run.id, reason=failed.detail)
            return
        except MedleyError as error:
            log.warning("worker.run_failed", run=run.id, code=error.code, reason=error.detail)
            return
        log.info("worker.run_succeeded", run=run.id, release=published.release, seconds=round(monotonic() - began, 1))

    def _fit_and_publish(self, lock: TrainingLock, run: ActiveRun) -> Published:
        plan = self._plan
        task = FitTask(
            self._url,
            plan.artifacts,
            run,
            plan.scale_top,
            datetime.now(UTC),
            plan.parameters,
            plan.event_kinds,
            plan.tune_minutes,
        )
        with start_fit(task) as fit:
            checked = monotonic()
            while (location := self._wait_for(fit)) is None:
                if monotonic() - checked >= _SECONDS_BETWEEN_CHECKS:
                    lock.check()
                    checked = monotonic()
        return publish_release(lock, run, location)

    def _wait_for(self, fit: FitProcess) -> Path | None:
        stopped = MedleyError("The worker was told to stop.", code=STOPPED)
        try:
            location = fit.wait(_SECONDS_TO_NOTICE_A_STOP)
        except MedleyError as error:
            # A signal to the whole process group ends the child too: that is not why the run ended.
            raise stopped if self._stop.is_set() else error from None
        if self._stop.is_set():
            raise stopped
        return location

    def _collect(self) -> None:
        collect_artifacts(self._engine, self._plan.artifacts, self._plan.releases_kept)
        plan, now = self._plan, datetime.now(UTC)
        deleted = delete_old_events(self._engine, days=plan.event_retention_days, now=now, stopped=self._stop.is_set)
        if deleted:
            log.info("worker.events_deleted", count=deleted)
        delete_old_exposures(self._engine, days=plan.attribution_days, now=now, stopped=self._stop.is_set)
        delete_old_aliases(self._engine, now=now, stopped=self._stop.is_set)
        delete_old_answers(self._engine, now=now, stopped=self._stop.is_set)
        self._collected_at = monotonic()


@contextmanager
def _listening(url: str) -> Generator[psycopg.Connection]:
    # The name is what the service knows by that a worker is there.
    options: dict[str, Any] = connect_options() | {"application_name": WORKER_NAME}
    with psycopg.connect(driver_url(url), autocommit=True, **options) as connection:
        connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(CHANNEL)))
        yield connection


def _wait(ears: psycopg.Connection, seconds: float, stop: Event) -> None:
    """Wait for the next look: a while, or until a request is announced or the worker is told to stop."""
    until = monotonic() + seconds
    while not stop.is_set() and (left := until - monotonic()) > 0:
        for _ in ears.notifies(timeout=min(left, _SECONDS_TO_NOTICE_A_STOP), stop_after=1):
            return
