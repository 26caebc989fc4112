"""Users over HTTP: what is known of one, their attributes, their neighbours, and erasure."""

from functools import partial
from typing import Annotated, Any

from fastapi import Path, Query, Response

from app.api.access import requires
from app.api.deps import AfterCommitDep, NowDep, ServicesDep, SessionDep
from app.api.docs_examples import refused
from app.api.export_response import ExportResponse
from app.api.routing import Router
from app.api.schemas.base import ExternalId
from app.api.schemas.query import Limit
from app.api.schemas.user_export import UserExport, render_export
from app.api.schemas.users import (
    MergedUser,
    MergeIn,
    NeighbourList,
    NeighbourOut,
    UserIn,
    UserOut,
    UserPatch,
    WrittenUser,
)
from app.services import users
from app.services.neighbours import list_neighbours
from app.services.user_export import TOO_MANY_EXPORTS
from app.services.user_merge import merge_users as merge

router = Router(prefix="/v1", tags=["Users"])
UserIdPath = Annotated[ExternalId, Path(examples=["42"])]
_NOT_FOUND = refused(404, "unknown_user", "There is no such user.")
_MERGED = refused(409, "already_merged", "The id was merged into somebody else.", pointer="/from_user_id")
_CREATED: dict[int | str, dict[str, Any]] = {201: {"model": WrittenUser, "description": "The user is new."}}


@router.get("/users/{user_id}", operation_id="get_user", summary="Get one user", responses=_NOT_FOUND)
async def get_user(user_id: UserIdPath, session: SessionDep, response: Response) -> UserOut:
    """What is known of the user. There is a user as soon as anything was written of one."""
    response.headers["Cache-Control"] = "no-store"
    return UserOut.of(await users.get_user(session, user_id))


@router.put("/users/{user_id}", operation_id="put_user", summary="Store a user's attributes", responses=_CREATED)
async def put_user(user_id: UserIdPath, body: UserIn, session: SessionDep, response: Response) -> WrittenUser:
    """Replace the attributes of the user, who is created if need be."""
    attributes, created = await users.put_attributes(session, user_id, body.attributes)
    return _written(user_id, attributes, response, created=created)


@router.patch("/users/{user_id}", operation_id="patch_user", summary="Change a user's attributes", responses=_CREATED)
async def patch_user(user_id: UserIdPath, body: UserPatch, session: SessionDep, response: Response) -> WrittenUser:
    """Change the attributes that are named: null takes one away, the others stay. The user is created if need be."""
    attributes, created = await users.patch_attributes(session, user_id, body.attributes)
    return _written(user_id, attributes, response, created=created)


@router.delete(
    "/users/{user_id}",
    operation_id="erase_user",
    summary="Erase a user",
    status_code=204,
    responses=refused(409, "merged_user", "The id is a former one of a user, who is not erased under it."),
)
async def erase_user(user_id: UserIdPath, session: SessionDep) -> None:
    """Erase everything held on the user: ratings, events, preferences, suppressions, attributes. Nothing happens for an unknown
    user; a former id of a merged user is refused, for it would erase the whole account. What the release has learned from them
    goes with the next training; no release says who taught it."""
    await users.erase_user(session, user_id)


@router.post(
    "/users/{user_id}:merge",
    operation_id="merge_users",
    summary="Take over the history of a visitor",
    responses=_MERGED,
)
@requires("write")
async def merge_users(
    user_id: UserIdPath,
    body: MergeIn,
    session: SessionDep,
    services: ServicesDep,
    after_commit: AfterCommitDep,
    now: NowDep,
    response: Response,
) -> MergedUser:
    """An anonymous visitor has logged in: ratings (of one item the newest), events, exposures and suppressions go to the user,
    and so do preferences and attributes that the user has not stated. For 90 days whoever names the former id means this user,
    in every call with a server key; user tokens for it are refused. For your backend, with a server key. Once more changes
    nothing; merges of merged users go along."""
    response.headers["Cache-Control"] = "no-store"
    done = await merge(session, user_id, body.from_user_id, now=now)
    after_commit.add(partial(services.former_ids.hear, body.from_user_id))
    return MergedUser(
        outcome=done.outcome,
        user_id=done.user_id,
        from_user_id=body.from_user_id,
        rating_count=done.ratings,
        event_count=done.events,
        alias_until=done.alias_until,
    )


@router.get(
    "/users/{user_id}/export",
    operation_id="export_user",
    summary="Export everything held on a user",
    response_model=UserExport,
    responses=_NOT_FOUND | refused(503, "too_many_exports", TOO_MANY_EXPORTS),
)
@requires("read")
async def export_user(user_id: UserIdPath, services: ServicesDep, now: NowDep) -> Response:
    """Ratings, events, exposures, preferences, suppressions, attributes and former ids, as one JSON document that is written
    while it is read, however long it is, and that shows one moment. For your backend, with a server key. A process writes two at
    a time, and ends one whose reader takes more than half a minute over a part. A release holds nothing of any one user."""
    export = await services.exports.begin(user_id, now=now)
    return ExportResponse(export, render_export(export.held, export.feedback))


@router.get("/users/{user_id}/neighbours", operation_id="list_neighbours", summary="List users like a user")
@requires("read")
async def get_neighbours(
    user_id: UserIdPath,
    session: SessionDep,
    services: ServicesDep,
    response: Response,
    limit: Annotated[Limit, Query()] = 20,
) -> NeighbourList:
    """Users who have rated the same rare items alike: the rarer an item, the more it counts. For your backend, not for apps: it
    names other people. Empty for a user without ratings, and for an unknown one."""
    response.headers["Cache-Control"] = "no-store"
    settings, serving = services.settings, services.live.serving
    scale = settings.rating_max - settings.rating_min
    catalogue = serving.catalogue if serving is not None else None
    found = await list_neighbours(session, user_id, limit=limit, scale=scale, catalogue=catalogue)
    return NeighbourList(neighbours=[NeighbourOut.model_validate(each) for each in found])


def _written(user_id: str, attributes: dict[str, Any], response: Response, *, created: bool) -> WrittenUser:
    response.status_code = 201 if created else 200
    return WrittenUser(outcome="created" if created else "updated", user_id=user_id, attributes=attributes)
