"""Training runs over HTTP."""

from typing import Annotated, Any

from fastapi import Body, Path, Query, Response

from app.api.access import requires
from app.api.deps import NowDep, SessionDep
from app.api.docs_examples import refused
from app.api.routing import Router
from app.api.schemas.paging import Cursor, decode_cursor, encode_cursor
from app.api.schemas.query import Limit
from app.api.schemas.training_runs import QueuedTrainingRun, TrainingRequest, TrainingRunOut, TrainingRunPage
from app.services import training_runs

router = Router(prefix="/v1", tags=["Training"])
RunIdPath = Annotated[
    str,
    Path(
        max_length=256,
        description="The id that the request was answered with.",
        examples=["run-20261121T101500-3f9c2a"],
    ),
]
OptionalRequest = Annotated[TrainingRequest | None, Body(examples=[{"force": False, "tune_minutes": 10}])]
_LISTING = "training_runs"
_NOT_FOUND = refused(404, "unknown_training_run", "There is no such training run.")
_LOCATION = {"Location": {"description": "Where the run can be looked at.", "schema": {"type": "string"}}}
_ACCEPTED: dict[int | str, dict[str, Any]] = {202: {"description": "The run is queued.", "headers": _LOCATION}}


@router.post(
    "/training-runs", operation_id="post_training_run", summary="Train now", status_code=202, responses=_ACCEPTED
)
@requires("admin")
async def post_training_run(
    session: SessionDep, now: NowDep, response: Response, asked: OptionalRequest = None
) -> QueuedTrainingRun:
    """Ask for a training on all that is stored by now. A `medley worker` takes it up; without one it stays queued.

    Requests made while a run is queued are one run: each answers with the same. One that is running has read its data
    already, so the next request queues another. A configuration that ranks worse than the active release's is `rejected`.
    """
    wish = asked or TrainingRequest()
    queued = await training_runs.request_run(session, now=now, force=wish.force, tune_minutes=wish.tune_minutes)
    response.headers["Location"] = f"/v1/training-runs/{queued.run.id}"
    return QueuedTrainingRun.of(queued)


@router.get("/training-runs", operation_id="list_training_runs", summary="List training runs")
@requires("admin")
async def list_training_runs(
    session: SessionDep, limit: Annotated[Limit, Query()] = 20, cursor: Annotated[Cursor, Query()] = None
) -> TrainingRunPage:
    """Newest first."""
    after = str(decode_cursor(_LISTING, cursor)[0]) if cursor is not None else None
    page = await training_runs.list_runs(session, limit=limit, after=after)
    return TrainingRunPage(
        training_runs=[TrainingRunOut.of(found) for found in page.runs],
        next_cursor=None if page.next_after is None else encode_cursor(_LISTING, page.next_after),
    )


@router.get(
    "/training-runs/{run_id}", operation_id="get_training_run", summary="Get one training run", responses=_NOT_FOUND
)
@requires("admin")
async def get_training_run(run_id: RunIdPath, session: SessionDep) -> TrainingRunOut:
    """How far it has come, or how it ended."""
    return TrainingRunOut.of(await training_runs.get_run(session, run_id))
