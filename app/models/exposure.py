"""Exposures: which item of which list was seen by whom, and what came of it; and their counts, which outlive them."""

from datetime import date

from sqlalchemy import BigInteger, Date, Identity, Index, Integer, PrimaryKeyConstraint, SmallInteger, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, instant

_FALSE = text("false")
_ZERO = text("0")


class ListOrigin(Base):
    """What lists were ranked by. An empty ``release`` or ``variant`` stands for none."""

    __tablename__ = "list_origins"
    __table_args__ = (Index("uq_list_origins_release_variant", "release", "variant", unique=True),)

    key: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    release: Mapped[str] = mapped_column(Text(collation="C"))
    variant: Mapped[str] = mapped_column(Text(collation="C"))


class Exposure(Base):
    """One item of one list before one viewer. ``viewer`` is a user's key, or a negative number made of the session's id.

    ``nonce`` tells the list from others, ``list`` is its kind's code. A row is there from the first thing that is heard of it,
    and counts from the moment it is ``shown``.
    """

    __tablename__ = "exposures"
    __table_args__ = (
        # In this order it also finds what a viewer saw of an item.
        PrimaryKeyConstraint("viewer", "item_key", "nonce"),
        Index("ix_exposures_made_at", "made_at"),
    )

    viewer: Mapped[int] = mapped_column(BigInteger)
    item_key: Mapped[int] = mapped_column(BigInteger)
    nonce: Mapped[int] = mapped_column(BigInteger)
    made_at: Mapped[instant]
    origin_key: Mapped[int] = mapped_column(Integer)
    list: Mapped[int] = mapped_column(SmallInteger)
    shown: Mapped[bool] = mapped_column(server_default=_FALSE)
    clicked: Mapped[bool] = mapped_column(server_default=_FALSE)
    converted: Mapped[bool] = mapped_column(server_default=_FALSE)


class ExposedItem(Base):
    """An item that lists of one day and origin have shown, so that it is counted once."""

    __tablename__ = "exposed_items"
    __table_args__ = (PrimaryKeyConstraint("day", "origin_key", "item_key"),)

    day: Mapped[date] = mapped_column(Date)
    origin_key: Mapped[int] = mapped_column(Integer)
    item_key: Mapped[int] = mapped_column(BigInteger)


class ExposureCount(Base):
    """How many exposures there were of lists of a day, by origin and kind of list, in several parts (``slot``) so that writers
    seldom wait for each other. ``items`` counts :class:`ExposedItem`, in rows of the kind 0."""

    __tablename__ = "exposure_counts"
    __table_args__ = (PrimaryKeyConstraint("day", "origin_key", "list", "slot"),)

    day: Mapped[date] = mapped_column(Date)
    origin_key: Mapped[int] = mapped_column(Integer)
    list: Mapped[int] = mapped_column(SmallInteger)
    slot: Mapped[int] = mapped_column(SmallInteger)
    impressions: Mapped[int] = mapped_column(BigInteger, server_default=_ZERO)
    clicks: Mapped[int] = mapped_column(BigInteger, server_default=_ZERO)
    conversions: Mapped[int] = mapped_column(BigInteger, server_default=_ZERO)
    items: Mapped[int] = mapped_column(BigInteger, server_default=_ZERO)
