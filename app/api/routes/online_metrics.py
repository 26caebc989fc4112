"""What came of the lists, over HTTP."""

from datetime import date
from typing import Annotated

from fastapi import Query

from app.api.access import requires
from app.api.deps import NowDep, SessionDep
from app.api.routing import Router
from app.api.schemas.base import Date
from app.api.schemas.online_metrics import OnlineMetrics, OnlineMetricsPage
from app.api.schemas.paging import Cursor, decode_cursor, encode_cursor
from app.api.schemas.query import QueryInteger
from app.errors import FieldError, InvalidInput
from app.services.online_metrics import Position, read_online_metrics

router = Router(prefix="/v1", tags=["Metrics"])
DEFAULT_DAYS = 30
MOST_DAYS = 366
_LISTING = "online_metrics"


@router.get("/metrics/online", operation_id="get_online_metrics", summary="See what came of the lists")
@requires("admin")
async def get_online_metrics(
    session: SessionDep,
    now: NowDep,
    day_from: Annotated[
        Date | None, Query(description=f"The first day, in UTC; without it, {DEFAULT_DAYS} days up to the last.")
    ] = None,
    day_to: Annotated[Date | None, Query(description="The last day, in UTC; without it, today.")] = None,
    limit: Annotated[QueryInteger, Query(ge=1, le=1000, description="How many lines to return.", examples=[100])] = 100,
    cursor: Annotated[Cursor, Query()] = None,
) -> OnlineMetricsPage:
    """Impressions, click-through, conversions and coverage by day, release and variant, from the events that named the lists.

    An item of a list counts once for each user or session, on the day on which the list was made, and from its `impression` on.
    It was clicked if a later event of positive weight names the list (`recommendation_id`). It led to a conversion if such an
    event has a weight of at least 1, or if the same user or session rates the item from 4 of 5 stars on, or sends such an event
    without a list, within 7 days: then the last list that showed the item has the credit. All three figures are settings. Events
    that are deleted, or too old to be kept, stay counted.
    """
    last = day_to or now.date()
    first = day_from or _days_before(last, DEFAULT_DAYS - 1)
    if not 0 <= (last - first).days < MOST_DAYS:
        error = FieldError("/query/day_from", "bad_range", f"The days must be in order, and at most {MOST_DAYS}.")
        raise InvalidInput("The days cannot be accepted.", code=error.code, errors=[error])
    after = None if cursor is None else _position(cursor)
    lines, more = await read_online_metrics(session, first, last, limit=limit, after=after)
    next_cursor = None
    if more:
        day, release, variant = lines[-1].position
        next_cursor = encode_cursor(_LISTING, day.isoformat(), release, variant)
    return OnlineMetricsPage(metrics=[OnlineMetrics.of(line) for line in lines], next_cursor=next_cursor)


def _days_before(day: date, days: int) -> date:
    return date.fromordinal(max(1, day.toordinal() - days))


def _position(cursor: str) -> Position:
    match decode_cursor(_LISTING, cursor):
        case [str(day), str(release), str(variant)]:
            try:
                return Position(date.fromisoformat(day), release, variant)
            except ValueError:
                pass
        case _:
            pass
    error = FieldError("/query/cursor", "invalid_cursor", "This is not a cursor of this list.")
    raise InvalidInput("The cursor cannot be used here.", code="invalid_cursor", errors=[error])
