"""How the service does, for the people who run it."""

from dataclasses import asdict
from typing import Annotated

from fastapi import Query

from app.api.access import requires
from app.api.deps import NowDep, SessionDep
from app.api.routing import Router
from app.api.schemas.query import QueryInteger
from app.api.schemas.service_metrics import DatabaseOut, HourOut, LengthClassOut, ServiceMetrics, TotalsOut
from app.services import service_metrics

router = Router(prefix="/v1", tags=["Health"])
_MOST_HOURS = 7 * 24


@router.get("/metrics/service", operation_id="get_service_metrics", summary="See how the service does")
@requires("admin")
async def get_service_metrics(
    session: SessionDep,
    now: NowDep,
    hours: Annotated[
        QueryInteger, Query(ge=1, le=_MOST_HOURS, description="How many hours to look back.", examples=[24])
    ] = 24,
) -> ServiceMetrics:
    """Feedback by the hour, lengths of histories, and the state of the database. What each process measures, requests and their
    times, is at `/metrics`."""
    counted = await service_metrics.count_hours(session, hours=hours, now=now)
    lengths = await service_metrics.count_history_lengths(session)
    return ServiceMetrics(
        as_of=now,
        hours=[HourOut(**asdict(each)) for each in counted],
        history_lengths=[LengthClassOut(**asdict(each)) for each in lengths],
        totals=TotalsOut(**asdict(await service_metrics.read_totals(session))),
        database=DatabaseOut(**asdict(await service_metrics.read_database_state(session))),
    )
