"""The catalogue over HTTP."""

from collections.abc import Sequence
from functools import partial
from hashlib import blake2b
from typing import Annotated, Any, cast

from fastapi import Path, Query, Response
from pydantic import TypeAdapter

from app.api.access import requires
from app.api.batches import batch_answer, batch_outcomes, read_rows
from app.api.conditional import with_etag
from app.api.deps import AfterCommit, AfterCommitDep, NowDep, Services, ServicesDep, SessionDep
from app.api.docs_examples import refused
from app.api.routing import Router
from app.api.schemas.base import ExternalId
from app.api.schemas.item_batch import ItemBatchResult
from app.api.schemas.items import (
    MAX_BATCH,
    ItemBatch,
    ItemDetail,
    ItemField,
    ItemIn,
    ItemPage,
    ItemRow,
    RatingStatistics,
    WrittenItem,
    render_item_page,
)
from app.api.schemas.list_query import FiltersQuery
from app.api.schemas.paging import Cursor, decode_cursor, encode_cursor
from app.api.schemas.query import Limit
from app.api.user_feedback import vote_share_of
from app.models import ItemKey
from app.services import items
from app.services.filters import Filters

router = Router(prefix="/v1", tags=["Items"])
ItemIdPath = Annotated[ExternalId, Path(examples=["318"])]
CatalogueCursor = Annotated[
    Cursor,
    Query(description="`next_cursor` of the page before, with the same filters as there; without it, the first page."),
]
ItemFieldsQuery = Annotated[
    list[ItemField],
    Query(
        max_length=40,
        description="What to return of each item besides `item_id`; without it, all but `ratings`.",
        examples=[["title", "updated_at", "ratings"]],
    ),
]
_COUNTED = ("created", "updated", "unchanged", "superseded", "rejected")
_ROWS = TypeAdapter(list[ItemRow])
_LISTING = "items"
_NOT_FOUND = refused(404, "unknown_item", "There is no such item.")
_CREATED: dict[int | str, dict[str, Any]] = {201: {"model": WrittenItem, "description": "The item is new."}}


@router.get("/items", operation_id="list_items", summary="List the catalogue", response_model=ItemPage)
@with_etag()
async def list_items(
    session: SessionDep,
    services: ServicesDep,
    filters: FiltersQuery,
    limit: Annotated[Limit, Query()] = 20,
    cursor: CatalogueCursor = None,
    fields: ItemFieldsQuery = [],
) -> Response:
    """Items in the order of their ids, without those that are hidden or deleted. `min_rating` and `min_ratings` go by what is
    stored now, where other lists go by the release."""
    listing = _listing(filters)
    after = str(decode_cursor(listing, cursor)[0]) if cursor is not None else None
    serving = services.live.serving
    page = await items.list_items(
        session,
        filters,
        limit=limit,
        after=after,
        with_ratings="ratings" in fields,
        vote_share=vote_share_of(services.settings),
        overall_mean=None if serving is None else serving.configuration.overall_mean,
    )
    next_cursor = None if page.next_after is None else encode_cursor(listing, page.next_after)
    return Response(render_item_page(page, fields, next_cursor), media_type="application/json")


@router.post("/items:batch", operation_id="put_items", summary="Store many items", response_model=ItemBatchResult)
@requires("admin")
async def put_items(
    batch: ItemBatch, session: SessionDep, now: NowDep, services: ServicesDep, after_commit: AfterCommitDep
) -> Response:
    """Store up to 10,000 items in one transaction, and say of every row what became of it."""
    positions, rows, rejected = await read_rows(batch.items, _ROWS, "items", MAX_BATCH)
    stored = await items.merge_items(session, [(row.item_id, row.fields()) for row in rows], now=now)
    results = [row.outcome for row in stored]
    outcomes = batch_outcomes(len(batch.items), positions, results, rejected, "items")
    for outcome, row in zip(outcomes, batch.items, strict=True):
        outcome["item_id"] = _readable_id(row)
    changed = [row.key for row in stored if row.key is not None and row.outcome in {"created", "updated"}]
    _announce(changed, services, after_commit)
    return batch_answer(outcomes, _COUNTED)


@router.get("/items/{item_id}", operation_id="get_item", summary="Get one item", responses=_NOT_FOUND)
@with_etag()
async def get_item(item_id: ItemIdPath, session: SessionDep) -> ItemDetail:
    """The item, hidden or not, with its rating statistics."""
    found = await items.get_item(session, item_id)
    return ItemDetail.of(found.item, ratings=RatingStatistics(count=found.rating_count, mean=found.rating_mean))


@router.put("/items/{item_id}", operation_id="put_item", summary="Store one item", responses=_CREATED)
@requires("admin")
async def put_item(
    item_id: ItemIdPath,
    body: ItemIn,
    response: Response,
    session: SessionDep,
    now: NowDep,
    services: ServicesDep,
    after_commit: AfterCommitDep,
) -> WrittenItem:
    """Create the item or replace it in full. It can be recommended by the next request."""
    item, outcome = await items.put_item(session, item_id, body.fields(), now=now)
    if outcome != "unchanged":
        _announce([ItemKey(item.key)], services, after_commit)
    if outcome == "created":
        response.status_code = 201
    return WrittenItem.of(item, outcome=outcome)


@router.delete(
    "/items/{item_id}", operation_id="delete_item", summary="Delete one item", status_code=204, responses=_NOT_FOUND
)
@requires("admin")
async def delete_item(
    item_id: ItemIdPath, session: SessionDep, now: NowDep, services: ServicesDep, after_commit: AfterCommitDep
) -> None:
    """Take the item out of every list. Its ratings are kept, and storing it again brings it back."""
    key = await items.delete_item(session, item_id, now=now)
    if key is not None:
        _announce([key], services, after_commit)


def _listing(filters: Filters) -> str:
    """What cursors of the catalogue are made for: the items that pass these filters."""
    return f"{_LISTING} {blake2b(repr(filters).encode(), digest_size=5).hexdigest()}"


def _announce(keys: Sequence[ItemKey], services: Services, after_commit: AfterCommit) -> None:
    if keys:
        after_commit.add(partial(services.on_items_written, keys))


def _readable_id(row: Any) -> str | None:
    item_id = cast("dict[str, Any]", row).get("item_id") if isinstance(row, dict) else None
    return item_id if isinstance(item_id, str) and len(item_id) <= 256 else None
