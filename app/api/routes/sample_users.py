"""Users to try lists out with."""

from typing import Annotated

from fastapi import Query

from app.api.access import requires
from app.api.deps import SessionDep, SettingsDep
from app.api.routing import Router
from app.api.schemas.query import QueryInteger
from app.api.schemas.sample_users import SampleUserOut, SampleUsers
from app.services.sample_users import find_sample_users

router = Router(prefix="/v1", tags=["Users"])
_LIKED_FROM, _DISLIKED_BELOW = 0.75, 0.5  # of the way from the worst rating to the best


@router.get("/sample-users", operation_id="list_sample_users", summary="List a few users with distinct tastes")
@requires("read")
async def list_sample_users(
    session: SessionDep,
    settings: SettingsDep,
    limit: Annotated[QueryInteger, Query(ge=1, le=12, description="How many at most.", examples=[4])] = 4,
) -> SampleUsers:
    """To look at lists with somebody's eyes: users of the data whose likes differ most from everybody's, each in another way, and
    who like most of what they rate before others. Only the 200 oldest users are looked at."""
    low, width = settings.rating_min, settings.rating_max - settings.rating_min
    found = await find_sample_users(
        session, limit=limit, liked_from=low + _LIKED_FROM * width, disliked_below=low + _DISLIKED_BELOW * width
    )
    return SampleUsers(users=[SampleUserOut.of(user) for user in found])
