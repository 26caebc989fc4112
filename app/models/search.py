"""What the search looks through: titles and people's names without case, accents, punctuation and articles.

Triggers on ``items`` keep both tables (record 15), so that whoever writes an item needs to know nothing of them.
"""

from sqlalchemy import BigInteger, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class SearchTitle(Base):
    """The title of an item, deleted and hidden ones too. Narrow, so that comparing many costs little."""

    __tablename__ = "search_titles"
    __table_args__ = (
        Index("ix_search_titles_text", "text", postgresql_using="gin", postgresql_ops={"text": "gin_trgm_ops"}),
    )

    item_key: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    text: Mapped[str] = mapped_column(Text)


class SearchPerson(Base):
    """A name that some item has or had among its people; whose items these are, ``items.people`` says."""

    __tablename__ = "search_people"
    __table_args__ = (
        Index("ix_search_people_text", "text", postgresql_using="gin", postgresql_ops={"text": "gin_trgm_ops"}),
    )

    name: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    text: Mapped[str] = mapped_column(Text)
