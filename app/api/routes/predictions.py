"""Predicted ratings over HTTP."""

from typing import Annotated

from fastapi import Path, Response

from app.api.deps import ServicesDep
from app.api.routing import Router
from app.api.schemas.base import ExternalId
from app.api.schemas.predictions import ItemIdsQuery, PredictionsOut
from app.api.user_feedback import read_user_feedback, scale_of
from app.services.history import NOBODY, know_user
from app.services.predictions import predict_ratings

router = Router(prefix="/v1", tags=["Recommendations"])


@router.get(
    "/users/{user_id}/predictions",
    operation_id="get_predictions",
    summary="Predict what a user would rate items",
)
async def get_predictions(
    user_id: Annotated[ExternalId, Path(examples=["42"])],
    services: ServicesDep,
    response: Response,
    item_ids: ItemIdsQuery,
) -> PredictionsOut:
    """How many stars the user would give each item, with an interval, from all that they have rated up to this moment. Who has
    rated nothing gets what is expected of anybody. An item that is newer than the release, or that nobody has rated, gets what
    its content lets expect, with a wider interval. A rating that the user has given the item already counts among the others."""
    now = services.now()
    feedback, degraded = await read_user_feedback(services, user_id, now)
    serving, settings = services.live.serving, services.settings
    user = NOBODY
    if serving is not None:
        user = know_user(feedback, serving.catalogue, serving.configuration.overall_mean, settings.event_kinds)
    response.headers["Cache-Control"] = "no-store"
    return PredictionsOut.model_validate(
        predict_ratings(serving, user, item_ids, scale_of(settings), now=now, degraded=degraded)
    )
