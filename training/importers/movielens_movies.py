"""Movies, their ids elsewhere and their tags: copied into temporary tables, merged into the catalogue in one statement."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString, TypeVar

import numpy as np
import numpy.typing as npt
import psycopg
from psycopg.sql import SQL
from psycopg.types.json import Jsonb

from training.importers.archive import Archive, Member
from training.importers.item_rows import stored_after
from training.importers.lines import BadLineError, BadLines, decode_line, read_blocks
from training.importers.movielens_layouts import Layout, MovieLensFiles, MovieRow, parse_id, split_csv
from training.importers.progress import Report

T = TypeVar("T")

LONGEST_TAG = 100
TAGS_PER_MOVIE = 50
USERS_PER_TAG = 2

_STAGE: LiteralString = """
CREATE TEMPORARY TABLE movielens_movies (
    id text COLLATE "C" PRIMARY KEY, title text NOT NULL,
    categories text[] NOT NULL, tags text[] NOT NULL DEFAULT '{}', released_on date, attributes jsonb NOT NULL
) ON COMMIT DROP;
CREATE TEMPORARY TABLE movielens_tags (movie_id text COLLATE "C", user_id text COLLATE "C", tag text COLLATE "C")
ON COMMIT DROP;
"""

# What one person calls a movie is a note to themselves ("seen with Anna"): a tag counts once a second one uses it.
_CHOOSE_TAGS: LiteralString = """
WITH shared AS (
    SELECT tag FROM movielens_tags GROUP BY tag HAVING count(DISTINCT user_id) >= %(users)s
), ranked AS (
    SELECT movie_id, tag, row_number() OVER (PARTITION BY movie_id ORDER BY count(DISTINCT user_id) DESC, tag) AS place
    FROM movielens_tags JOIN shared USING (tag) GROUP BY movie_id, tag
), chosen AS (
    SELECT movie_id, array_agg(tag ORDER BY place) AS tags FROM ranked WHERE place <= %(most)s GROUP BY movie_id
)
UPDATE movielens_movies SET tags = chosen.tags FROM chosen WHERE chosen.movie_id = movielens_movies.id
"""

# Only what an archive knows is written; a description or picture from elsewhere stays, and so do other tags, categories
# where an archive has none, and the day of a release of which it knows the year. A row that would not change is left
# alone, so that workers are not told of it. Locked in the order of ids, as every merge of items does.
_MERGE = SQL(
    """
WITH merged AS (
    INSERT INTO items AS old (id, title, categories, tags, released_on, attributes, created_at, updated_at)
    SELECT id, title, categories, tags, released_on, attributes, %(now)s, %(now)s FROM movielens_movies ORDER BY id
    ON CONFLICT (id) DO UPDATE SET
        title = excluded.title, categories = {categories}, tags = {tags}, released_on = {released_on},
        attributes = old.attributes || excluded.attributes, updated_at = excluded.updated_at, deleted_at = NULL
    WHERE (old.title, old.categories, old.tags, old.released_on, old.deleted_at)
            IS DISTINCT FROM (excluded.title, {categories}, {tags}, {released_on}, NULL)
        OR NOT old.attributes @> excluded.attributes
    RETURNING (xmax = 0) AS created
)
SELECT count(*) FILTER (WHERE created), count(*) FILTER (WHERE NOT created),
    (SELECT count(*) FROM movielens_movies) - count(*)
FROM merged
"""
).format(
    categories=stored_after("categories", "update"),
    tags=stored_after("tags", "add"),
    released_on=stored_after("released_on", "year"),
)


@dataclass(frozen=True, slots=True)
class MovieCounts:
    """What became of the movies, and the ids of those that now exist, sorted."""

    created: int
    updated: int
    unchanged: int
    ids: npt.NDArray[np.int64]


def import_movies(
    cursor: psycopg.Cursor, found: MovieLensFiles, bad: BadLines, now: datetime, report: Report
) -> MovieCounts:
    """Copy and merge the movies within the caller's transaction."""
    cursor.execute(_STAGE)
    ids = _copy_movies(cursor, found, bad, report)
    tags = found.files.get(found.layout.tags or "")
    if tags is not None:
        _copy_tags(cursor, found, tags, bad, report)
        cursor.execute("ANALYZE movielens_movies, movielens_tags")
        cursor.execute(_CHOOSE_TAGS, {"users": USERS_PER_TAG, "most": TAGS_PER_MOVIE})
    cursor.execute(_MERGE, {"now": now})
    created, updated, unchanged = cursor.fetchone() or (0, 0, 0)
    return MovieCounts(created, updated, unchanged, np.sort(np.array(ids, np.int64)))


def read_movies(found: MovieLensFiles, bad: BadLines) -> Iterator[MovieRow]:
    """The movies of an archive, for whoever wants them without a database."""
    return _read_rows(found.archive, found.layout, found.files[found.layout.movies], found.layout.parse_movie, bad)


def _copy_movies(cursor: psycopg.Cursor, found: MovieLensFiles, bad: BadLines, report: Report) -> list[int]:
    links = _read_links(found, bad)
    seen: set[str] = set()
    member = found.files[found.layout.movies]

    def parse(line: str) -> MovieRow:
        movie = found.layout.parse_movie(line)
        if movie.id in seen:
            raise BadLineError(f"movie {movie.id} was given before")
        return movie

    with cursor.copy("COPY movielens_movies (id, title, categories, released_on, attributes) FROM STDIN") as copy:
        for movie in _read_rows(found.archive, found.layout, member, parse, bad, report):
            seen.add(movie.id)
            copy.write_row((movie.id, movie.title, movie.categories, movie.released_on, Jsonb(links.get(movie.id, {}))))
    return [int(movie_id) for movie_id in seen]


def _copy_tags(cursor: psycopg.Cursor, found: MovieLensFiles, tags: Member, bad: BadLines, report: Report) -> None:
    with cursor.copy("COPY movielens_tags (movie_id, user_id, tag) FROM STDIN") as copy:
        for row in _read_rows(found.archive, found.layout, tags, _parse_tag, bad, report):
            # The published archives have blank tags and whole reviews: sound lines, but no tags.
            if 0 < len(row[2]) <= LONGEST_TAG:
                copy.write_row(row)


def _parse_tag(line: str) -> tuple[str, str, str]:
    user_id, movie_id, tag, _ = split_csv(line, 4)
    return parse_id(movie_id), parse_id(user_id), " ".join(tag.lower().split())


def _read_links(found: MovieLensFiles, bad: BadLines) -> dict[str, dict[str, str | int]]:
    """The movies' ids at IMDb ("tt0114709") and TMDB (862), by movie."""
    member = found.files.get(found.layout.links or "")
    if member is None:
        return {}
    return dict(_read_rows(found.archive, found.layout, member, _parse_link, bad))


def _parse_link(line: str) -> tuple[str, dict[str, str | int]]:
    movie_id, imdb, tmdb = split_csv(line, 3)
    found: dict[str, str | int] = {}
    if imdb:
        found["imdb_id"] = f"tt{parse_id(imdb):0>7}"
    if tmdb:
        found["tmdb_id"] = int(parse_id(tmdb))
    return parse_id(movie_id), found


def _read_rows(
    archive: Archive,
    layout: Layout,
    member: Member,
    parse: Callable[[str], T],
    bad: BadLines,
    report: Report | None = None,
) -> Iterator[T]:
    """Each line of a file, parsed; those that cannot be are taken down in ``bad``."""
    name = member.name.name
    with archive.open(member) as stream:
        for block in read_blocks(stream, name, header=layout.header):
            for number, line in block.lines():
                try:
                    yield parse(decode_line(line, layout.encodings))
                except BadLineError as error:
                    bad.add(name, number, str(error))
            if report is not None:
                report(name, block.end, member.size)
