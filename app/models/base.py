"""The declarative base, the naming of constraints, and the types of keys and ids.

A *key* is ours: a bigint that never leaves the service. An *id* is the client's own string, unique beside the key.
"""

from datetime import datetime
from typing import Annotated, ClassVar, NewType

from sqlalchemy import BigInteger, DateTime, Identity, MetaData, Text, func
from sqlalchemy.orm import DeclarativeBase, mapped_column

UserKey = NewType("UserKey", int)
ItemKey = NewType("ItemKey", int)
UserId = NewType("UserId", str)
ItemId = NewType("ItemId", str)

key_column = Annotated[int, mapped_column(BigInteger, Identity(always=True), primary_key=True)]
id_column = Annotated[str, mapped_column(Text(collation="C"), unique=True)]
instant = Annotated[datetime, mapped_column(DateTime(timezone=True))]
created_column = Annotated[datetime, mapped_column(DateTime(timezone=True), server_default=func.now())]


class Base(DeclarativeBase):
    """Base of every table."""

    metadata: ClassVar[MetaData] = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
