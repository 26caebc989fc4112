"""What users state themselves, over HTTP: preferences with hard limits, and suppressions."""

from datetime import datetime
from functools import partial
from typing import Annotated

from fastapi import Path, Response
from sqlalchemy.ext.asyncio import AsyncSession

from app.api.access import requires
from app.api.deps import AfterCommitDep, NowDep, ServicesDep, SessionDep
from app.api.errors import in_path
from app.api.routing import Router
from app.api.schemas.base import ExternalId
from app.api.schemas.list_query import Category
from app.api.schemas.wishes import PreferencesIn, PreferencesOut, SuppressionIn, SuppressionList, SuppressionOut
from app.errors import InvalidInput
from app.services import wishes
from app.services.wishes import Subject

router = Router(prefix="/v1", tags=["Users"])
UserIdPath = Annotated[ExternalId, Path(examples=["42"])]
ItemIdPath = Annotated[ExternalId, Path(examples=["318"])]
CategoryPath = Annotated[Category, Path(description="The name of a category.", examples=["Horror"])]
_ITEM = "/users/{user_id}/suppressions/items/{item_id}"
_CATEGORY = "/users/{user_id}/suppressions/categories/{category}"
_FOR_GOOD = SuppressionIn()


@router.get("/users/{user_id}/preferences", operation_id="get_preferences", summary="Get a user's preferences")
async def get_preferences(user_id: UserIdPath, session: SessionDep, response: Response) -> PreferencesOut:
    """What the user has stated to like and not to like, and their hard limits. All empty for a user who has stated nothing, and
    for an unknown one."""
    response.headers["Cache-Control"] = "no-store"
    return PreferencesOut.of(await wishes.get_preferences(session, user_id))


@router.put("/users/{user_id}/preferences", operation_id="put_preferences", summary="Store a user's preferences")
@requires("write", users=True)
async def put_preferences(
    user_id: UserIdPath,
    body: PreferencesIn,
    session: SessionDep,
    now: NowDep,
    services: ServicesDep,
    after_commit: AfterCommitDep,
) -> PreferencesOut:
    """Replace what the user has stated; the very next list heeds it. The user is created if need be.

    Tastes are soft: without a history the list is made from them (`fallback` says `preferences`), and they count for less with
    each rating and event, for nothing from the 30th on. Liked and disliked items are not shown again unless with
    `include_seen`. Limits are hard: no personal list ever breaks them, and where they cannot be read, only items marked
    `safe_for_all` are shown to a user who may have any."""
    preferences = body.as_preferences()
    stored = await wishes.put_preferences(session, user_id, preferences, now=now)
    if preferences.limits:
        after_commit.add(partial(services.limited.hear, user_id))
    return PreferencesOut.of(stored)


@router.delete(
    "/users/{user_id}/preferences",
    operation_id="delete_preferences",
    summary="Take a user's preferences back",
    status_code=204,
)
@requires("write", users=True)
async def delete_preferences(user_id: UserIdPath, session: SessionDep) -> None:
    """Forget what the user has stated, hard limits too."""
    await wishes.delete_preferences(session, user_id)


@router.get("/users/{user_id}/suppressions", operation_id="list_suppressions", summary="List a user's suppressions")
async def list_suppressions(
    user_id: UserIdPath, session: SessionDep, now: NowDep, response: Response
) -> SuppressionList:
    """What the user does not want to see now; what has expired is not listed. Empty for an unknown user."""
    response.headers["Cache-Control"] = "no-store"
    found = await wishes.list_suppressions(session, user_id, now=now)
    return SuppressionList(suppressions=[SuppressionOut.of(each) for each in found])


@router.put(_ITEM, operation_id="suppress_item", summary="Do not show an item to a user")
@requires("write", users=True)
async def suppress_item(
    user_id: UserIdPath, item_id: ItemIdPath, session: SessionDep, now: NowDep, body: SuppressionIn = _FOR_GOOD
) -> SuppressionOut:
    """Leave the item out of every personal list from the very next one on, without saying anything about the user's taste: an
    event `dislike` or `dismiss` does. Without a body for good; sent again, it changes until when."""
    return await _suppress(session, user_id, Subject(item_id=item_id), body, now)


@router.delete(_ITEM, operation_id="restore_item", summary="Show an item to a user again", status_code=204)
@requires("write", users=True)
async def restore_item(user_id: UserIdPath, item_id: ItemIdPath, session: SessionDep) -> None:
    """Undo the suppression. Nothing happens where there is none."""
    await wishes.delete_suppression(session, user_id, Subject(item_id=item_id))


@router.put(_CATEGORY, operation_id="suppress_category", summary="Do not show a category to a user")
@requires("write", users=True)
async def suppress_category(
    user_id: UserIdPath, category: CategoryPath, session: SessionDep, now: NowDep, body: SuppressionIn = _FOR_GOOD
) -> SuppressionOut:
    """Leave the items of the category out of every personal list. Without a body for good; sent again, it changes until when."""
    return await _suppress(session, user_id, Subject(category=category), body, now)


@router.delete(_CATEGORY, operation_id="restore_category", summary="Show a category to a user again", status_code=204)
@requires("write", users=True)
async def restore_category(user_id: UserIdPath, category: CategoryPath, session: SessionDep) -> None:
    """Undo the suppression. Nothing happens where there is none."""
    await wishes.delete_suppression(session, user_id, Subject(category=category))


async def _suppress(
    session: AsyncSession, user_id: str, subject: Subject, body: SuppressionIn, now: datetime
) -> SuppressionOut:
    try:
        stored = await wishes.put_suppression(session, user_id, subject, expires_at=body.end(now), now=now)
    except InvalidInput as error:
        raise in_path(error, "item_id") from error
    return SuppressionOut.of(stored)
