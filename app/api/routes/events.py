"""Events over HTTP."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import Path, Response
from pydantic import TypeAdapter

from app.api.access import CallerDep, requires
from app.api.batches import batch_answer, batch_outcomes, read_rows
from app.api.deps import AfterCommit, AfterCommitDep, NowDep, Services, ServicesDep, SessionDep
from app.api.docs_examples import refused
from app.api.routing import Router
from app.api.schemas.base import ExternalId
from app.api.schemas.events import (
    EventBatch,
    EventBatchResult,
    EventIn,
    EventOut,
    WrittenEvent,
)
from app.api.schemas.row_outcome import MAX_BATCH
from app.services import events
from app.services.attribution import Attribution
from app.services.event_merge import EventRow
from app.services.events import EventLimits

router = Router(prefix="/v1", tags=["Events"])
_CREATED: dict[int | str, dict[str, Any]] = {
    200: {"description": "The event was stored before: a retry."},
    201: {"model": WrittenEvent, "description": "The event is new."},
    **refused(409, "event_id_reused", "This event_id is stored with another event.", pointer="/event_id"),
}
_NOT_FOUND = refused(404, "event_not_found", "There is no such event.")
_COUNTED = ("created", "duplicate", "rejected")
_ROWS = TypeAdapter(list[EventIn])


@router.post("/events", operation_id="post_event", summary="Store one event", responses=_CREATED)
@requires("write", users=True, names_user=True)
async def post_event(
    body: EventIn,
    response: Response,
    session: SessionDep,
    now: NowDep,
    services: ServicesDep,
    after_commit: AfterCommitDep,
) -> WrittenEvent:
    """Store what somebody did with an item; the user is created if need be, and the next list takes it into account.
    With an `event_id` it may be sent again until it is answered."""
    limits, attribution = _rules(services)
    written = await events.post_event(session, body.as_row(), now=now, limits=limits, attribution=attribution)
    if written.outcome == "created":
        response.status_code = 201
        _note_conversions(services, after_commit, attribution.conversions([written.event]), now)
    return WrittenEvent(outcome=written.outcome, event=EventOut.of(written.event))


@router.post("/events:batch", operation_id="post_events", summary="Store many events", response_model=EventBatchResult)
@requires("write", users=True, rows="events")
async def post_events(
    batch: EventBatch, session: SessionDep, now: NowDep, services: ServicesDep, after_commit: AfterCommitDep
) -> Response:
    """Store up to 10,000 events in one transaction, and say of every row what became of it."""
    positions, read, rejected = await read_rows(batch.events, _ROWS, "events", MAX_BATCH)
    rows = [row.as_row() for row in read]
    limits, attribution = _rules(services)
    results = await events.post_events(session, rows, now=now, limits=limits, attribution=attribution)
    created = [row for row, result in zip(rows, results, strict=True) if result == "created"]
    _note_conversions(services, after_commit, attribution.conversions(created), now)
    outcomes = batch_outcomes(len(batch.events), positions, results, rejected, "events")
    ids = {position: row.event_id for position, row in zip(positions, rows, strict=True)}
    for outcome in outcomes:
        outcome["event_id"] = None if outcome["outcome"] == "rejected" else ids[outcome["position"]]
    return batch_answer(outcomes, _COUNTED)


@router.delete(
    "/events/{event_id}",
    operation_id="delete_event",
    summary="Take an event back",
    status_code=204,
    responses=_NOT_FOUND,
)
@requires("write", users=True)
async def delete_event(
    event_id: Annotated[ExternalId, Path(examples=["5f0c8e1a"])], session: SessionDep, caller: CallerDep
) -> None:
    """Undo one event, as if it had never been: what it hid comes back, and its id may be used again."""
    await events.delete_event(session, event_id, user_id=caller.user_id)


def _rules(services: Services) -> tuple[EventLimits, Attribution]:
    return EventLimits.of(services.settings), Attribution.of(services.settings, services.signer)


def _note_conversions(services: Services, after_commit: AfterCommit, rows: Sequence[EventRow], now: datetime) -> None:
    """Leave it to the background to find the lists that showed these items."""

    async def note() -> None:
        for row in rows:
            services.conversions.note(row.user_id, row.session_id, row.item_id, row.occurred_at, now)

    if rows:
        after_commit.add(note)
