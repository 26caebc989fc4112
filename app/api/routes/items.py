"""The catalogue over HTTP."""

from collections.abc import Sequence
from functools import partial
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
    ItemIn,
    ItemPage,
    ItemRow,
    RatingStatistics,
    StoredItem,
    WrittenItem,
)
from app.api.schemas.paging import Cursor, decode_cursor, encode_cursor
from app.api.schemas.query import Limit
from app.models import ItemKey
from app.services import items

router = Router(prefix="/v1", tags=["Items"])
ItemIdPath = Annotated[ExternalId, Path(examples=["318"])]
_COUNTED = ("created", "updated", "unchanged", "superseded", "rejected")
_ROWS = TypeAdapter(list[ItemRow])
_LISTING = "items"
_NOT_FOUND = refused(404, "unknown_item", "There is no such item.")
_CREATED: dict[int | str, dict[str, Any]] = {201: {"model": WrittenItem, "description": "The item is new."}}


@router.get("/items", operation_id="list_items", summary="List the catalogue")
@with_etag()
async def list_items(
    session: SessionDep, limit: Annotated[Limit, Query()] = 20, cursor: Annotated[Cursor, Query()] = None
) -> ItemPage:
    """Items in the order of their ids, without those that are hidden or deleted."""
    after = str(decode_cursor(_LISTING, cursor)[0]) if cursor is not None else None
    page = await items.list_items(session, limit=limit, after=after)
    return ItemPage(
        items=[StoredItem.of(item) for item in page.items],
        next_cursor=None if page.next_after is None else encode_cursor(_LISTING, page.next_after),
    )


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


def _announce(keys: Sequence[ItemKey], services: Services, after_commit: AfterCommit) -> None:
    if keys:
        after_commit.add(partial(services.on_items_written, keys))


def _readable_id(row: Any) -> str | None:
    item_id = cast("dict[str, Any]", row).get("item_id") if isinstance(row, dict) else None
    return item_id if isinstance(item_id, str) and len(item_id) <= 256 else None
