"""Recommendations over HTTP: a reader never sees an error where a list can be given."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import orjson
from fastapi import Path, Response

from app.api.access import requires
from app.api.deps import ServicesDep
from app.api.list_pages import ListCall
from app.api.posted_history import check_history, posted_user
from app.api.routing import Router
from app.api.schemas.base import ExternalId
from app.api.schemas.list_query import PersonalListQuery
from app.api.schemas.lists import HistoryIn, RankedList
from app.api.user_feedback import read_user_feedback, scale_of, vote_share_of
from app.event_kinds import EventKinds
from app.services.frozen_lists import Page
from app.services.history import NO_FEEDBACK, UserFeedback, know_user, with_stated
from app.services.popular import popular_or_nothing
from app.services.predictions import with_predictions
from app.services.recommendations import ItemList, ListRequest, recommend
from app.services.stated import Stated

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
    known at all, gets what is popular, with those who share the user's attributes if there are enough of them, and `fallback`
    says so."""
    now = services.now()
    call = ListCall(services, "recommendations", request, now, user_id)
    page = call.page()
    feedback, degraded = await read_user_feedback(services, user_id, now)
    serving = services.live.serving
    if serving is None:
        return await _without_release(call, page, feedback, degraded)
    mean, kinds = serving.configuration.overall_mean, services.settings.event_kinds
    user = know_user(feedback, serving.catalogue, mean, kinds)
    with services.metrics.ranking():
        listed = recommend(serving, user, request, now=now, degraded=degraded, page=page)
        if request.explain:
            listed = with_predictions(serving, user, listed, scale_of(services.settings))
    return _answer(call, listed, page)


@router.post(
    "/recommendations",
    operation_id="recommend_for_history",
    summary="Recommend items for a history that is not stored",
    response_model=RankedList,
)
@requires("read", users=True)
async def recommend_for_history(
    body: HistoryIn,
    services: ServicesDep,
    request: PersonalListQuery,
) -> Response:
    """What a user with this history would get. Of several ratings of one item the newest counts, a rating counts before all
    events of its item, of several events the one with the greatest weight, and unknown items are passed over. `preferences`
    do what stored ones do: tastes make a list for a visitor without a history, and hard limits are never broken. `attributes`
    make it a list by group."""
    now = services.now()
    check_history(body, services.settings)
    call = ListCall(services, "history", request, now)
    page = call.page()
    serving, stated = services.live.serving, _stated(body)
    if serving is None:
        wishes = _without_posted(request, body, services.settings.event_kinds)
        return await _without_release(replace(call, request=wishes), page, replace(NO_FEEDBACK, stated=stated))
    mean, kinds = serving.configuration.overall_mean, services.settings.event_kinds
    user = with_stated(posted_user(body, serving.catalogue, mean, kinds, now), stated, serving.catalogue)
    with services.metrics.ranking():
        listed = recommend(serving, user, request, now=now, page=page)
        if request.explain:
            listed = with_predictions(serving, user, listed, scale_of(services.settings))
    return _answer(call, listed, page)


def _stated(body: HistoryIn) -> Stated:
    """What the body states of the visitor."""
    attributes = orjson.dumps(body.attributes).decode() if body.attributes else None
    return Stated(body.preferences.as_preferences(), attributes=attributes)


def _without_posted(request: ListRequest, body: HistoryIn, kinds: EventKinds) -> ListRequest:
    """The same wishes without the items that the posted history has seen: without a release nothing else is taken from it."""
    if request.include_seen:
        return request
    seen_kinds = {None, *(name for name, kind in kinds.items() if kind.seen)}
    seen = (entry.item_id for entry in body.history if entry.kind in seen_kinds)
    exclude = [*request.filters.exclude_items, *seen]
    return replace(request, filters=replace(request.filters, exclude_items=exclude))


async def _without_release(
    call: ListCall, page: Page | None, feedback: UserFeedback = NO_FEEDBACK, degraded: Sequence[str] = ()
) -> Response:
    request, services = call.request, call.services
    listed = await popular_or_nothing(
        services.database.sessions,
        replace(request, filters=feedback.stated.narrow(request.filters)),
        now=call.now,
        hidden_keys=feedback.hidden_keys(include_seen=request.include_seen or page is not None),
        vote_share=vote_share_of(services.settings),
        page=page,
    )
    missing = [each for each in degraded if each not in listed.degraded]
    return _answer(call, replace(listed, degraded=(*listed.degraded, *missing)), page)


def _answer(call: ListCall, listed: ItemList, page: Page | None) -> Response:
    call.services.metrics.list_served(listed.fallback, listed.degraded)
    return call.answer(listed, page)
