"""The home page over HTTP: all of its rows in one call."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated

from fastapi import Path, Response

from app.api.deps import Services, ServicesDep
from app.api.routing import Router
from app.api.schemas.base import ExternalId
from app.api.schemas.home import HomePage, render_home
from app.api.schemas.list_query import HomeQuery
from app.api.user_feedback import read_user_feedback, scale_of, vote_share_of
from app.services.history import KnownUser, UserFeedback, know_user
from app.services.home import Home, HomeRow, make_home
from app.services.live_engine import Serving
from app.services.popular import popular_or_nothing
from app.services.predictions import with_predictions
from app.services.recommendation_ids import make_recommendation_id
from app.services.recommendations import ItemList, ListRequest

router = Router(prefix="/v1", tags=["Recommendations"])


@router.get(
    "/users/{user_id}/home", operation_id="get_home", summary="Get the rows of a home page", response_model=HomePage
)
async def get_home(
    user_id: Annotated[ExternalId, Path(examples=["42"])], services: ServicesDep, request: HomeQuery
) -> Response:
    """Titled rows in one call: for you, what is like the items you liked last, trending, new, and the category you like most. No
    item comes twice, and filters hold for every row. Who has done nothing yet gets what is popular and the largest categories."""
    now = services.now()
    feedback, degraded = await read_user_feedback(services, user_id, now)
    serving = services.live.serving
    if serving is None:
        home = await _without_release(services, feedback, request, now)
        missing = [each for each in degraded if each not in home.degraded]
        home = replace(home, degraded=(*home.degraded, *missing))
    else:
        user = know_user(feedback, serving.catalogue, serving.configuration.overall_mean, services.settings.event_kinds)
        with services.metrics.ranking():
            home = make_home(serving, user, request, now=now, degraded=degraded)
            if request.explain:
                home = replace(home, rows=[_predicted(services, serving, user, row, now) for row in home.rows])
    services.metrics.list_served(home.fallback, home.degraded)
    body = render_home(home, make_recommendation_id(services.signer, "home", home.release, now), now)
    return Response(body, media_type="application/json", headers={"Cache-Control": "no-store"})


def _predicted(services: Services, serving: Serving, user: KnownUser, row: HomeRow, now: datetime) -> HomeRow:
    listed = ItemList(row.items, serving.release, now)
    return replace(row, items=with_predictions(serving, user, listed, scale_of(services.settings)).items)


async def _without_release(services: Services, feedback: UserFeedback, request: ListRequest, now: datetime) -> Home:
    """What is popular, the one row that the database has by itself."""
    listed = await popular_or_nothing(
        services.database.sessions,
        replace(request, filters=feedback.stated.narrow(request.filters)),
        now=now,
        hidden_keys=feedback.hidden_keys(include_seen=request.include_seen),
        vote_share=vote_share_of(services.settings),
    )
    rows = [HomeRow("popular", "Popular", listed.items)] if listed.items else []
    return Home(rows, None, now, fallback="popularity", degraded=listed.degraded)
