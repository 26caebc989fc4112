"""The explanation of one item over HTTP."""

from dataclasses import asdict, replace
from typing import Annotated

import orjson
from fastapi import Path, Response

from app.api.deps import ServicesDep
from app.api.docs_examples import refused
from app.api.routing import Router
from app.api.schemas.base import ExternalId
from app.api.schemas.explanation import ExplanationOut
from app.api.schemas.list_query import PersonalListQuery
from app.api.user_feedback import read_user_feedback, scale_of, vote_share_of
from app.services.explanation import Explanation, explain_item
from app.services.history import know_user
from app.services.stored_explanation import explain_stored

router = Router(prefix="/v1", tags=["Recommendations"])
_NOT_FOUND = refused(404, "unknown_item", "There is no such item.")


@router.get(
    "/users/{user_id}/recommendations/{item_id}/explanation",
    operation_id="explain_recommendation",
    summary="Explain why an item is in a user's list, or why not",
    response_model=ExplanationOut,
    responses=_NOT_FOUND,
)
async def explain_recommendation(
    user_id: Annotated[ExternalId, Path(examples=["42"])],
    item_id: Annotated[ExternalId, Path(examples=["318"])],
    services: ServicesDep,
    request: PersonalListQuery,
) -> Response:
    """The rank, what the score is made of, the evidence in the user's history, and what keeps the item out. The query is that of
    the list that is asked about; `cursor`, `explain` and `fields` change nothing here."""
    now, settings = services.now(), services.settings
    request = replace(request, cursor=None)
    feedback, degraded = await read_user_feedback(services, user_id, now)
    serving = services.live.serving
    if serving is None:
        sessions, share = services.database.sessions, vote_share_of(settings)
        found = await explain_stored(sessions, feedback, item_id, request, now=now, vote_share=share, degraded=degraded)
    else:
        user = know_user(feedback, serving.catalogue, serving.configuration.overall_mean, settings.event_kinds)
        found = explain_item(serving, user, item_id, request, scale_of(settings), now=now, degraded=degraded)
    return Response(_render(found), media_type="application/json", headers={"Cache-Control": "no-store"})


def _render(found: Explanation) -> bytes:
    document = asdict(found)
    document["item"] = orjson.Fragment(document.pop("card"))
    return orjson.dumps(document, option=orjson.OPT_UTC_Z)
