"""Training runs as they are answered."""

from datetime import datetime
from typing import Any, Literal, Self

from pydantic import ConfigDict, Field

from app.api.schemas.base import Answer
from app.services.training_runs import RunWithRelease

METRICS: dict[str, Any] = {"next_item": {"blend": {"users": 500, "hit_rate_at_10": 0.21, "ndcg_at_10": 0.12}}}
_QUEUED: dict[str, Any] = {
    "id": "run-20261121T101500-3f9c2a",
    "state": "queued",
    "cause": "request",
    "stage": None,
    "progress": 0.0,
    "requested_at": "2026-11-21T10:15:00Z",
    "started_at": None,
    "finished_at": None,
    "error": None,
    "release": None,
    "metrics": {},
}
_DONE: dict[str, Any] = _QUEUED | {
    "state": "succeeded",
    "stage": "publish",
    "progress": 1.0,
    "started_at": "2026-11-21T10:15:01Z",
    "finished_at": "2026-11-21T10:16:12Z",
    "release": "2026-11-21T10-15-01Z-3f9c",
    "metrics": METRICS,
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
    state: Literal["queued", "running", "succeeded", "failed"] = Field(
        description="`queued` until a `medley worker` takes it up. `running` is found out to be wrong, where the process"
        " died, by the next worker that looks."
    )
    cause: str = Field(description="`request`, `schedule`, `ratings` or `command`.")
    stage: str | None = Field(description="What it does now, or did last; null before it begins.")
    progress: float = Field(description="From 0 to 1.")
    requested_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    error: RunError | None = Field(description="Null unless the run failed.")
    release: str | None = Field(description="The id of the release it published; null unless it succeeded.")
    metrics: dict[str, Any] = Field(description="What was measured on held-out data; empty unless the run succeeded.")

    @classmethod
    def of(cls, found: RunWithRelease) -> Self:
        """The answer for a stored run."""
        run = found.run
        failed = run.state == "failed"
        return cls(
            id=run.id,
            state=run.state,  # pyright: ignore[reportArgumentType] - the table allows these states only
            cause=run.cause,
            stage=run.stage,
            progress=run.progress,
            requested_at=run.requested_at,
            started_at=run.started_at,
            finished_at=run.finished_at,
            error=RunError(code=run.error_code or "internal_error", detail=run.error or "") if failed else None,
            release=found.release,
            metrics=run.result.get("metrics", {}),
        )


class QueuedTrainingRun(TrainingRunOut):
    """The run that waits now."""

    model_config = ConfigDict(json_schema_extra={"examples": [_QUEUED]})


class TrainingRunPage(Answer):
    """One page of the training runs."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"training_runs": [_DONE], "next_cursor": None}]})

    training_runs: list[TrainingRunOut]
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page; null on the last.")
