"""The fit in a process of its own: what it takes in memory goes when it ends, and a crash in native code ends it alone."""

import multiprocessing.connection
import signal
import traceback
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from app.db import open_sync_engine
from app.errors import MedleyError
from app.event_kinds import EventKinds
from training.child import child_process
from training.runs import FIT_KILLED, ActiveRun, ProgressLog
from training.verdict import GateFailed

if TYPE_CHECKING:
    from training.fit import Parameters  # loads the fitting libraries, which only the child has a use for

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class FitTask:
    """What the child is to do. ``parameters`` None stands for the defaults."""

    url: str
    artifacts: Path
    run: ActiveRun
    scale_top: float
    now: datetime
    parameters: "Parameters | None" = None
    event_kinds: EventKinds | None = None
    tune_minutes: float = 0.0


@dataclass(frozen=True, slots=True)
class Rejection:
    """What the gate said to the child."""

    detail: str
    gate: Mapping[str, Any]
    tuning: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the child gave up; ``trace`` is for the log, of what nobody foresaw."""

    code: str
    detail: str
    trace: str | None = None


class FitProcess:
    """A fit that goes on elsewhere, and the pipe that brings its answer (of a type that differs between systems)."""

    def __init__(self, process: SpawnProcess, answers: Any) -> None:
        self._process = process
        self._answers = answers

    def wait(self, seconds: float) -> Path | None:
        """Where the artifact is, once it is written; None if that takes longer. Raises :class:`MedleyError` if it failed."""
        if not multiprocessing.connection.wait([self._answers], seconds):
            return None
        try:
            answer: Path | Rejection | Failure = self._answers.recv()
        except EOFError:
            raise MedleyError(self._last_words(), code=FIT_KILLED) from None
        if isinstance(answer, Rejection):
            raise GateFailed(answer.detail, answer.gate, answer.tuning)
        if isinstance(answer, Failure):
            if answer.trace:
                _log.error("fit.failed", trace=answer.trace)
            raise MedleyError(answer.detail, code=answer.code)
        return answer

    def _last_words(self) -> str:
        self._process.join()
        code = self._process.exitcode or 0
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return f"The process that fits {how}."


def fit_and_answer(task: FitTask, answers: Any) -> None:
    """What the child does: build the artifact and answer where it is, or why it is not."""
    try:
        from training.fit import report_nothing  # noqa: PLC0415 - see above
        from training.pipeline import Plan, build_artifact  # noqa: PLC0415

        with open_sync_engine(task.url) as engine:
            progress = ProgressLog(engine, task.run.key, report_nothing)
            plan = Plan(task.scale_top, task.now, task.parameters, task.event_kinds, task.tune_minutes)
            location = build_artifact(engine, task.artifacts, task.run, plan, progress.report)
        answers.send(location)
    except GateFailed as failed:
        answers.send(Rejection(failed.detail, failed.gate, failed.tuning))
    except MedleyError as error:
        answers.send(Failure(error.code, error.detail))
    except Exception as error:  # noqa: BLE001 - it goes to the parent, which logs it
        answers.send(Failure(MedleyError.code, type(error).__name__, traceback.format_exc()))


@contextmanager
def start_fit(task: FitTask, fit: Callable[[FitTask, Any], None] = fit_and_answer) -> Generator[FitProcess]:
    """A process in which ``fit`` carries out ``task``, and which has ended when the block is left."""
    answers, sending = multiprocessing.get_context("spawn").Pipe(duplex=False)
    with answers, sending, child_process(fit, task, sending, name="medley fit") as process:
        sending.close()  # the child has its own end, so that ours says when that one is closed
        yield FitProcess(process, answers)
