"""Training runs as they are answered."""

from datetime import datetime
from typing import Any, Literal, Self

from pydantic import ConfigDict, Field

from app.api.schemas.base import Answer, Strict
from app.api.schemas.gate import GATE, TUNING, GateOut, TuningOut
from app.services.training_runs import RunWithRelease

METRICS: dict[str, Any] = {"next_item": {"blend": {"users": 500, "hit_rate_at_10": 0.21, "ndcg_at_10": 0.12}}}
_QUEUED: dict[str, Any] = {
    "id": "run-20261121T101500-3f9c2a",
    "state": "queued",
    "cause": "request",
    "force": False,
    "tune_minutes": None,
    "stage": None,
    "progress": 0.0,
    "requested_at": "2026-11-21T10:15:00Z",
    "started_at": None,
    "finished_at": None,
    "error": None,
    "release": None,
    "metrics": {},
    "gate": None,
    "tuning": {"tuned_by": None, "seconds": 0.0, "trials": []},
}
_DONE: dict[str, Any] = _QUEUED | {
    "state": "succeeded",
    "stage": "publish",
    "progress": 1.0,
    "started_at": "2026-11-21T10:15:01Z",
    "finished_at": "2026-11-21T10:16:12Z",
    "release": "2026-11-21T10-15-01Z-3f9c",
    "metrics": METRICS,
    "gate": GATE,
    "tuning": TUNING,
}


class RunError(Answer):
    """Why a run failed."""

    code: str = Field(
        description="Stable. `worker_lost`, `fit_killed`, `stopped` and `lock_lost`: something outside ended the run, and it"
        " may succeed when it is asked for again.",
        examples=["stopped"],
    )
    detail: str = Field(examples=["The worker was told to stop."])


class TrainingRunOut(Answer):
    """One attempt to train."""

    model_config = ConfigDict(json_schema_extra={"examples": [_DONE]})

    id: str
    state: Literal["queued", "running", "succeeded", "failed", "rejected"] = Field(
        description="`queued` until a `medley worker` takes it up. `running` is found out to be wrong, where the process"
        " died, by the next worker that looks. `rejected` by the gate: the active release stays."
    )
    cause: str = Field(description="`request`, `schedule`, `ratings` or `command`.")
    force: bool = Field(description="Whether it is to publish whatever the gate says.")
    tune_minutes: float | None = Field(
        description="How long it is to search for better hyper-parameters; null for what the worker's setting says."
    )
    stage: str | None = Field(description="What it does now, or did last; null before it begins.")
    progress: float = Field(description="From 0 to 1.")
    requested_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    error: RunError | None = Field(description="Null unless the run failed or was rejected.")
    release: str | None = Field(description="The id of the release it published; null unless it succeeded.")
    metrics: dict[str, Any] = Field(description="What was measured on held-out data; empty unless the run succeeded.")
    gate: GateOut | None = Field(description="The verdict on its configuration; null until there is one.")
    tuning: TuningOut = Field(description="What it has tried so far.")

    @classmethod
    def of(cls, found: RunWithRelease) -> Self:
        """The answer for a stored run."""
        run = found.run
        failed = run.state in {"failed", "rejected"}
        return cls(
            id=run.id,
            state=run.state,  # pyright: ignore[reportArgumentType] - the table allows these states only
            cause=run.cause,
            force=run.forced,
            tune_minutes=run.tune_minutes,
            stage=run.stage,
            progress=run.progress,
            requested_at=run.requested_at,
            started_at=run.started_at,
            finished_at=run.finished_at,
            error=RunError(code=run.error_code or "internal_error", detail=run.error or "") if failed else None,
            release=found.release,
            metrics=run.result.get("metrics", {}),
            gate=GateOut.of(run.result.get("gate", {})),
            tuning=TuningOut.of(run.result.get("tuning", {})),
        )


class TrainingRequest(Strict):
    """What a training may be asked for beside the training; an empty body, or none, asks for nothing."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"force": False, "tune_minutes": 10}]})

    force: bool = Field(
        default=False, description="Publish even a configuration that ranks worse than the active release's."
    )
    tune_minutes: float | None = Field(
        default=None,
        ge=0,
        le=1_440,
        description="Search so long for better hyper-parameters first; 0 for not at all, null for what the setting says.",
        examples=[10],
    )


class QueuedTrainingRun(TrainingRunOut):
    """The run that waits now."""

    model_config = ConfigDict(json_schema_extra={"examples": [_QUEUED]})


class TrainingRunPage(Answer):
    """One page of the training runs."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"training_runs": [_DONE], "next_cursor": None}]})

    training_runs: list[TrainingRunOut]
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page; null on the last.")
