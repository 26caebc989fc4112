"""Releases over HTTP: what was published, and which one is served."""

from typing import Annotated

from fastapi import Path, Query

from app.api.access import requires
from app.api.deps import NowDep, SessionDep
from app.api.docs_examples import refused
from app.api.routing import Router
from app.api.schemas.paging import Cursor, decode_cursor, encode_cursor
from app.api.schemas.query import Limit
from app.api.schemas.releases import ReleaseDetail, ReleasePage, ReleaseSummary
from app.services import releases

router = Router(prefix="/v1", tags=["Training"])
ReleaseIdPath = Annotated[
    str,
    Path(
        max_length=256,
        description="The id of a release, as the listing has it.",
        examples=["2026-11-21T10-15-01Z-3f9c"],
    ),
]
_LISTING = "releases"
_NOT_FOUND = refused(404, "unknown_release", "There is no such release.")
_REFUSED = refused(
    409,
    "release_collected",
    "The artifact of this release was deleted to make room.",
    description="The artifact was deleted to make room (`release_collected`) or is unsound (`artifact_rejected`).",
)


@router.get("/releases", operation_id="list_releases", summary="List releases")
@requires("admin")
async def list_releases(
    session: SessionDep, limit: Annotated[Limit, Query()] = 20, cursor: Annotated[Cursor, Query()] = None
) -> ReleasePage:
    """Newest first, those too whose artifact is gone."""
    after = str(decode_cursor(_LISTING, cursor)[0]) if cursor is not None else None
    page = await releases.list_releases(session, limit=limit, after=after)
    return ReleasePage(
        releases=[ReleaseSummary.of(release) for release in page.releases],
        next_cursor=None if page.next_after is None else encode_cursor(_LISTING, page.next_after),
    )


@router.get("/releases/{release_id}", operation_id="get_release", summary="Get one release", responses=_NOT_FOUND)
@requires("admin")
async def get_release(release_id: ReleaseIdPath, session: SessionDep) -> ReleaseDetail:
    """What it learned from, how, and how well it did on held-out data."""
    return ReleaseDetail.of(await releases.get_release(session, release_id))


@router.post(
    "/releases/{release_id}:activate",
    operation_id="activate_release",
    summary="Roll back or forward",
    responses=_NOT_FOUND | _REFUSED,
)
@requires("admin")
async def activate_release(release_id: ReleaseIdPath, session: SessionDep, now: NowDep) -> ReleaseDetail:
    """Make the release the active one: every worker serves it within seconds. Nothing happens to one that is active.

    The next training activates its own release, whatever is active by then.
    """
    return ReleaseDetail.of(await releases.activate_release(session, release_id, now=now))
