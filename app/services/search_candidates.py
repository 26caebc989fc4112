"""What the database finds for a query before the first release: by trigrams of titles and names, or by how a title begins."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Text, func, literal, null, select, union_all
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.errors import Unavailable
from app.models import Item, SearchPerson, SearchTitle
from app.services.deadlines import run_within
from app.services.search_limits import (
    LEAST_LIKENESS,
    MOST_NAMES,
    MOST_OF_PEOPLE,
    MOST_TITLES,
    SHORTEST_COMPARED,
)
from app.services.search_text import Query

LONGEST_COMPARED = 64
"""Of a longer query the beginning is compared: each trigram takes its time."""
_THRESHOLD = "pg_trgm.word_similarity_threshold"


@dataclass(frozen=True, slots=True)
class Candidate:
    """An item that may be meant, by its title or, where ``person`` is there, by somebody of its people."""

    key: int
    person: str | None


async def read_candidates(
    sessions: async_sessionmaker[AsyncSession], query: Query, *, seconds: float
) -> Sequence[Candidate]:
    """Items with a title or a person alike enough: by a word similarity of at least :data:`LEAST_LIKENESS`, or beginning so.

    Raises :class:`Unavailable` when the database does not answer within ``seconds``.
    """
    try:
        return await run_within(seconds, _read(sessions, query))
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        raise Unavailable("The search in the database gave no answer.") from error


async def _read(sessions: async_sessionmaker[AsyncSession], query: Query) -> Sequence[Candidate]:
    text = query.telling[:LONGEST_COMPARED]
    async with sessions() as session:
        local = literal("true").cast(Boolean)
        # Compiling the statement would take longer than carrying it out.
        await session.execute(
            select(func.set_config(_THRESHOLD, str(LEAST_LIKENESS), local), func.set_config("jit", "off", local))
        )
        short = len(text) < SHORTEST_COMPARED
        rows = await session.execute(_beginning(text) if short else _alike(text))
        return [Candidate(row.key, row.person) for row in rows]


def _beginning(text: str) -> Any:
    """Titles that begin so, the shortest first: too short a text has no trigrams of its own."""
    return (
        select(SearchTitle.item_key.label("key"), null().cast(Text).label("person"))
        .where(SearchTitle.text.startswith(text, autoescape=True))
        .order_by(func.length(SearchTitle.text), SearchTitle.item_key)
        .limit(MOST_TITLES)
    )


def _alike(text: str) -> Any:
    titles = select(SearchTitle.item_key.label("key"), null().cast(Text).label("person"))
    titles = titles.where(_is_alike(SearchTitle.text, text)).order_by(*_nearest(SearchTitle.text, text))
    names = select(SearchPerson.name).where(_is_alike(SearchPerson.text, text))
    names = names.order_by(*_nearest(SearchPerson.text, text)).limit(MOST_NAMES).subquery()
    named = func.jsonb_build_array(func.jsonb_build_object("name", names.c.name), type_=JSONB)
    people = select(Item.key, names.c.name.label("person")).join(names, Item.people.contains(named))
    return union_all(select(titles.limit(MOST_TITLES).subquery()), select(people.limit(MOST_OF_PEOPLE).subquery()))


def _is_alike(column: ColumnElement[str] | Any, text: str) -> ColumnElement[bool]:
    return column.op("%>", is_comparison=True)(text)


def _nearest(column: Any, text: str) -> tuple[ColumnElement[Any], ...]:
    return func.word_similarity(text, column).desc(), func.length(column)
