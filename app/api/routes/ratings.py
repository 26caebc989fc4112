"""Ratings over HTTP."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import orjson
from fastapi import Path, Query, Response
from pydantic import TypeAdapter

from app.api.access import requires
from app.api.batches import batch_answer, batch_outcomes, read_rows
from app.api.deps import AfterCommit, AfterCommitDep, NowDep, Services, ServicesDep, SessionDep, SettingsDep
from app.api.docs_examples import refused
from app.api.errors import in_path
from app.api.routing import Router
from app.api.schemas.base import ExternalId
from app.api.schemas.paging import Cursor, decode_cursor, encode_cursor
from app.api.schemas.query import Limit
from app.api.schemas.ratings import (
    RatedItems,
    RatingBatch,
    RatingBatchResult,
    RatingIn,
    RatingOut,
    RatingPage,
    RatingScaleOut,
    RatingValue,
    WrittenRating,
)
from app.api.schemas.row_outcome import MAX_BATCH
from app.errors import FieldError, InvalidInput
from app.services import ratings
from app.services.rating_merge import RatingRow
from app.services.ratings import RatingRules

router = Router(prefix="/v1", tags=["Ratings"])
UserIdPath = Annotated[ExternalId, Path(examples=["ada"])]
ItemIdPath = Annotated[ExternalId, Path(examples=["318"])]
_ADDRESS = "/users/{user_id}/ratings/{item_id}"
_LISTING = "ratings"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_CREATED: dict[int | str, dict[str, Any]] = {201: {"model": WrittenRating, "description": "The rating is new."}}
_NOT_FOUND = refused(404, "rating_not_found", "This user has no rating of this item.")
_CHANGED = frozenset({"created", "updated"})
_COUNTED = ("created", "updated", "unchanged", "stale", "superseded", "rejected")
_ROWS = TypeAdapter(list[RatingIn])


@router.post(
    "/ratings", operation_id="post_rating", summary="Store one rating", response_model=WrittenRating, responses=_CREATED
)
@requires("write", users=True, names_user=True)
async def post_rating(body: RatingIn, services: ServicesDep) -> Response:
    """Create or replace a user's rating of an item. The newest wins; the user is created if need be."""
    return await _put(services, body.user_id, body.item_id, body)


@router.post(
    "/ratings:batch", operation_id="post_ratings", summary="Store many ratings", response_model=RatingBatchResult
)
@requires("write", users=True, rows="ratings")
async def post_ratings(
    batch: RatingBatch, session: SessionDep, now: NowDep, services: ServicesDep, after_commit: AfterCommitDep
) -> Response:
    """Store up to 10,000 ratings in one transaction, and say of every row what became of it."""
    positions, read, rejected = await read_rows(batch.ratings, _ROWS, "ratings", MAX_BATCH)
    rows = [(row.user_id, row.item_id, row.value, row.rated_at) for row in read]
    results = await ratings.put_ratings(session, rows, now=now, rules=RatingRules.of(services.settings))
    _note_likes(services, after_commit, rows, results, now)
    outcomes = batch_outcomes(len(batch.ratings), positions, results, rejected, "ratings")
    return batch_answer(outcomes, _COUNTED)


@router.get("/rating-scale", operation_id="get_rating_scale", summary="Get the scale of the ratings")
async def get_rating_scale(settings: SettingsDep) -> RatingScaleOut:
    """Between which values ratings lie, predicted ones and `min_rating` too: what a page that draws stars has to know."""
    return RatingScaleOut(minimum=settings.rating_min, maximum=settings.rating_max)


@router.get("/users/{user_id}/ratings", operation_id="list_ratings", summary="List a user's ratings")
async def list_ratings(
    user_id: UserIdPath,
    session: SessionDep,
    limit: Annotated[Limit, Query()] = 20,
    cursor: Annotated[Cursor, Query()] = None,
    item_ids: RatedItems = None,
) -> RatingPage:
    """Newest first; empty for an unknown user. A rating that changes meanwhile moves to the front, the others stay. With
    `item_id` only what they have given to these items; an item without a rating is left out."""
    after = None if cursor is None else _position(cursor)
    found, more = await ratings.list_ratings(session, user_id, limit=limit, after=after, item_ids=item_ids)
    next_cursor = None
    if more:
        next_cursor = encode_cursor(_LISTING, (found[-1].rated_at - _EPOCH) // _MICROSECOND, found[-1].item_id)
    return RatingPage(ratings=[RatingOut.of(rating) for rating in found], next_cursor=next_cursor)


@router.get(_ADDRESS, operation_id="get_rating", summary="Get one rating", responses=_NOT_FOUND)
async def get_rating(user_id: UserIdPath, item_id: ItemIdPath, session: SessionDep) -> RatingOut:
    """The stored rating."""
    return RatingOut.of(await ratings.get_rating(session, user_id=user_id, item_id=item_id))


@router.put(
    _ADDRESS,
    operation_id="put_rating",
    summary="Store the rating at an address",
    response_model=WrittenRating,
    responses=_CREATED,
)
@requires("write", users=True)
async def put_rating(user_id: UserIdPath, item_id: ItemIdPath, body: RatingValue, services: ServicesDep) -> Response:
    """The same as posting it."""
    try:
        return await _put(services, user_id, item_id, body)
    except InvalidInput as error:
        raise in_path(error, "item_id") from error


@router.delete(_ADDRESS, operation_id="delete_rating", summary="Take a rating back", status_code=204)
@requires("write", users=True)
async def delete_rating(user_id: UserIdPath, item_id: ItemIdPath, services: ServicesDep) -> None:
    """Delete the rating if there is one. Any rating with an earlier `rated_at` that arrives later is stale."""
    async with services.database.writes.connection() as connection:
        await ratings.delete_rating(connection, user_id=user_id, item_id=item_id, now=services.now())


async def _put(services: Services, user_id: str, item_id: str, rating: RatingIn | RatingValue) -> Response:
    """Store one rating on a connection of its own kind: each of its statements is a transaction."""
    async with services.database.writes.connection() as connection:
        written = await ratings.put_rating(
            connection,
            user_id=user_id,
            item_id=item_id,
            value=rating.value,
            rated_at=rating.rated_at,
            now=services.now(),
            rules=RatingRules.of(services.settings),
        )
    if rating.value >= services.conversions.liked_from and written.outcome in _CHANGED:
        _note_like(services, (user_id, item_id, rating.value, rating.rated_at))
    # Not through the response model, which takes longer than the answer is worth.
    body = orjson.dumps({"outcome": written.outcome, "rating": written.rating}, option=orjson.OPT_UTC_Z)
    return Response(body, 201 if written.outcome == "created" else 200, media_type="application/json")


def _note_likes(
    services: Services,
    after_commit: AfterCommit,
    rows: Sequence[RatingRow],
    results: Sequence[str | FieldError],
    now: datetime,
) -> None:
    """Leave it to the background to find the lists that showed the items that are liked."""
    liked_from = services.conversions.liked_from
    liked = [row for row, result in zip(rows, results, strict=True) if row[2] >= liked_from and result in _CHANGED]

    async def note() -> None:
        for user_id, item_id, _, rated_at in liked:
            services.conversions.note(user_id, None, item_id, rated_at, now)

    if liked:
        after_commit.add(note)


def _note_like(services: Services, row: RatingRow) -> None:
    """The same of one rating, which is committed unless its transaction was begun for the request."""
    if services.after_commit is not None:
        _note_likes(services, services.after_commit, [row], ["created"], services.now())
    else:
        services.conversions.note(row[0], None, row[1], row[3], services.now())


def _position(cursor: str) -> tuple[datetime, str]:
    match decode_cursor(_LISTING, cursor):
        # A cursor is not signed: one that was made up must not reach the arithmetic of times.
        case [int(microseconds), str(item_id)] if abs(microseconds) < 2**55:
            return _EPOCH + microseconds * _MICROSECOND, item_id
        case _:
            error = FieldError("/query/cursor", "invalid_cursor", "This is not a cursor of this list.")
            raise InvalidInput("The cursor cannot be used here.", code="invalid_cursor", errors=[error])
