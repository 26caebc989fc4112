"""Recommendations over HTTP: a reader never sees an error where a list can be given."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated

from fastapi import Path, Response

from app.api.deps import Services, ServicesDep
from app.api.posted_history import check_history, posted_user
from app.api.routing import Router
from app.api.schemas.base import ExternalId
from app.api.schemas.list_query import PersonalListQuery
from app.api.schemas.lists import HistoryIn, RankedList, render_list
from app.api.user_feedback import read_user_feedback, scale_of, vote_share_of
from app.event_kinds import EventKinds
from app.services.history import NO_FEEDBACK, UserFeedback, know_user
from app.services.popular import popular_or_nothing
from app.services.predictions import with_predictions
from app.services.recommendation_ids import ListKind, make_recommendation_id
from app.services.recommendations import ItemList, ListRequest, recommend

router = Router(prefix="/v1", tags=["Recommendations"])
UserIdPath = Annotated[ExternalId, Path(examples=["42"])]


@router.get(
    "/users/{user_id}/recommendations",
    operation_id="get_recommendations",
    summary="Recommend items to a user",
    response_model=RankedList,
)
async def get_recommendations(
    user_id: UserIdPath,
    services: ServicesDep,
    request: PersonalListQuery,
) -> Response:
    """The best unseen items, ranked for what the user has rated and done up to this moment. Who has done nothing yet, or is not
    known at all, gets what is popular, and `fallback` says so."""
    now = services.now()
    feedback, degraded = await read_user_feedback(services, user_id, now)
    serving = services.live.serving
    if serving is None:
        return await _without_release(services, "recommendations", request, now, feedback, degraded)
    mean, kinds = serving.configuration.overall_mean, services.settings.event_kinds
    user = know_user(feedback, serving.catalogue, mean, kinds)
    with services.metrics.ranking():
        listed = recommend(serving, user, request, now=now, degraded=degraded)
        if request.explain:
            listed = with_predictions(serving, user, listed, scale_of(services.settings))
    return _answer(services, "recommendations", listed, now)


@router.post(
    "/recommendations",
    operation_id="recommend_for_history",
    summary="Recommend items for a history that is not stored",
    response_model=RankedList,
)
async def recommend_for_history(
    body: HistoryIn,
    services: ServicesDep,
    request: PersonalListQuery,
) -> Response:
    """What a user with this history would get. Of several ratings of one item the newest counts, a rating counts before all
    events of its item, of several events the one with the greatest weight, and unknown items are passed over."""
    now = services.now()
    check_history(body, services.settings)
    serving = services.live.serving
    if serving is None:
        wishes = _without_posted(request, body, services.settings.event_kinds)
        return await _without_release(services, "history", wishes, now)
    mean, kinds = serving.configuration.overall_mean, services.settings.event_kinds
    user = posted_user(body, serving.catalogue, mean, kinds, now)
    with services.metrics.ranking():
        listed = recommend(serving, user, request, now=now)
        if request.explain:
            listed = with_predictions(serving, user, listed, scale_of(services.settings))
    return _answer(services, "history", listed, now)


def _without_posted(request: ListRequest, body: HistoryIn, kinds: EventKinds) -> ListRequest:
    """The same wishes without the items that the posted history has seen: without a release nothing else is taken from it."""
    if request.include_seen:
        return request
    seen_kinds = {None, *(name for name, kind in kinds.items() if kind.seen)}
    seen = (entry.item_id for entry in body.history if entry.kind in seen_kinds)
    exclude = [*request.filters.exclude_items, *seen]
    return replace(request, filters=replace(request.filters, exclude_items=exclude))


async def _without_release(
    services: Services,
    kind: ListKind,
    request: ListRequest,
    now: datetime,
    feedback: UserFeedback = NO_FEEDBACK,
    degraded: Sequence[str] = (),
) -> Response:
    listed = await popular_or_nothing(
        services.database.sessions,
        replace(request, filters=feedback.stated.narrow(request.filters)),
        now=now,
        hidden_keys=feedback.hidden_keys(include_seen=request.include_seen),
        vote_share=vote_share_of(services.settings),
    )
    missing = [each for each in degraded if each not in listed.degraded]
    listed = replace(listed, degraded=(*listed.degraded, *missing))
    return _answer(services, kind, listed, now)


def _answer(services: Services, kind: ListKind, listed: ItemList, now: datetime) -> Response:
    services.metrics.list_served(listed.fallback, listed.degraded)
    body = render_list(listed, make_recommendation_id(services.signer, kind, listed.release, now), now)
    return Response(body, media_type="application/json", headers={"Cache-Control": "no-store"})
