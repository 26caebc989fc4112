"""Items created or changed since a release: read, and made ready for the engine away from the event loop."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from sqlalchemy import BigInteger, Row, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from app.engine.arrays import FloatArray, RowArray
from app.engine.content import ContentTransform, item_features, unit_rows
from app.engine.extension import stand_ins_of
from app.engine.terms import Description, item_terms
from app.models import Item
from app.services.catalogue_item import CatalogueItem, ItemFacts


@dataclass(frozen=True, slots=True)
class ReadyItems:
    """``m`` items and their rows to add, as :class:`~app.engine.extension.Extension` has them. ``factors`` are those that the
    content suggests: what ratings taught the release of a changed item is not looked at. ``features`` are those of
    :func:`~app.engine.content.item_features`."""

    items: Sequence[CatalogueItem]
    bases: RowArray
    vectors: FloatArray
    factors: FloatArray
    features: FloatArray
    neighbours: RowArray
    shares: FloatArray


async def read_items(session: AsyncSession, keys: Sequence[int]) -> Sequence[Row[Any]]:
    """The newest state of these items, by key."""
    wanted = Item.key == func.any(literal(list(keys), ARRAY(BigInteger)))
    return (await session.execute(select(*Item.__table__.columns).where(wanted).order_by(Item.key))).all()


def version_of(row: Row[Any]) -> str:
    """What tells two states of an item apart."""
    return str(row.changed_in)


def make_ready(
    rows: Sequence[Row[Any]], bases: RowArray, transform: ContentTransform, release_tastes: FloatArray
) -> ReadyItems:
    """Everything about at least one item that takes long. Reads nothing that changes, so any thread may do it."""
    readings = [transform.read(item_terms(_description(row))) for row in rows]
    vectors, tastes = (np.stack(each) for each in zip(*readings, strict=True))
    neighbours, shares = stand_ins_of(release_tastes, unit_rows(tastes), bases)
    items = [_catalogue_item(row) for row in rows]
    features = item_features(tastes, vectors)
    return ReadyItems(items, bases, vectors, tastes + transform.factor_offset, features, neighbours, shares)


def _catalogue_item(row: Row[Any]) -> CatalogueItem:
    facts = facts_of(row)
    deleted = row.deleted_at is not None
    listed = not row.hidden and not deleted
    return CatalogueItem(
        row.key, row.id, facts.card, facts.details, facts.labels, facts.numbers, listed, deleted, version_of(row)
    )


def facts_of(row: Row[Any]) -> ItemFacts:
    """What a row of the items table says of its item."""
    return ItemFacts(**{each.name: getattr(row, each.name) for each in fields(ItemFacts)})


def _description(row: Row[Any]) -> Description:
    return Description(
        row.title, row.description, row.categories, row.tags, row.people, row.released_on, row.language, row.attributes
    )
