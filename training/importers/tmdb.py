"""TMDB data sets into the catalogue: movies chunk by chunk, then their credits; repeatable, in constant memory."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import pandas as pd
import psycopg

from app.errors import InvalidInput
from app.services.item_merge import ItemFields
from training.importers.archive import Archive, Member, open_files
from training.importers.item_rows import ItemCounts, ItemMerger, Row, checked_item, refresh_statistics
from training.importers.lines import BadLineError, BadLines
from training.importers.progress import Report, ignore_progress
from training.importers.records import read_header, read_records
from training.importers.tmdb_join import Join, find_join, known_items
from training.importers.tmdb_movies import parse_movie, parse_people, parse_tmdb_id

MOVIE_COLUMNS = frozenset({"id", "title", "vote_average", "vote_count"})
CREDIT_COLUMNS = frozenset({"movie_id", "title", "cast", "crew"})
READ_COLUMNS = MOVIE_COLUMNS | {
    "adult", "genres", "imdb_id", "keywords", "original_language", "original_title", "overview", "poster_path",
    "production_companies", "production_countries", "release_date", "runtime", "spoken_languages", "tagline",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TmdbChoice:
    """Which movies are wanted: those with at least ``min_votes`` votes, and adult ones only when asked for."""

    min_votes: int = 0
    adult: bool = False


@dataclass(slots=True)
class TmdbSummary:
    """What an import did: whether it joined items of another source, counts, movies that were not wanted, bad lines."""

    joined: bool
    movies: ItemCounts = field(default_factory=ItemCounts)
    credits: ItemCounts | None = None
    left_out: dict[str, int] = field(default_factory=dict[str, int])
    bad: BadLines = field(default_factory=BadLines)

    def leave_out(self, reason: str, count: int) -> None:
        """Count movies that are sound but not wanted."""
        if count:
            self.left_out[reason] = self.left_out.get(reason, 0) + count


def import_tmdb(
    connection: psycopg.Connection,
    paths: Sequence[Path],
    *,
    now: datetime,
    links: Path | None = None,
    choice: TmdbChoice | None = None,
    report: Report = ignore_progress,
) -> TmdbSummary:
    """Import movies, and credits where there are any, from CSV files, folders and zip files.

    The connection is in autocommit mode; each chunk is a transaction, so that an import that was cut off can be
    repeated. Raises InvalidInput when there is no file of movies, Conflict when ids of two sources would be mixed.
    """
    movies, credits_file = _find_files(paths)
    bad = BadLines()
    join = find_join(connection, links, bad)
    summary = TmdbSummary(joined=join.items is not None, bad=bad)
    rows_of = _movie_rows(join, choice or TmdbChoice(), summary)
    summary.movies = _merge_file(movies, rows_of, ItemMerger(connection, join.movie_rules, now=now), bad, report)
    if credits_file is not None:
        credited = join if join.items is not None else Join(known_items(connection))
        merger = ItemMerger(connection, join.people_rules, now=now)
        summary.credits = _merge_file(credits_file, _credit_rows(credited, bad), merger, bad, report)
    refresh_statistics(connection, summary.movies.written)
    return summary


RowReader = Callable[[str, pd.DataFrame], Iterator[Row]]
"""Turns a chunk of the named file into rows to merge."""


def _merge_file(
    file: tuple[Archive, Member],
    rows_of: RowReader,
    merger: ItemMerger,
    bad: BadLines,
    report: Report,
) -> ItemCounts:
    archive, member = file
    name = member.name.name
    with archive.open(member) as stream, merger:
        for records in read_records(stream, name, bad):
            for line, item_id in merger.merge(rows_of(name, records.frame)):
                bad.add(name, line, f"movie {item_id} was given before")
            report(name, records.end, member.size)
    return merger.counts


def _movie_rows(join: Join, choice: TmdbChoice, summary: TmdbSummary) -> RowReader:
    def rows_of(name: str, frame: pd.DataFrame) -> Iterator[Row]:
        wanted = _wanted(frame, choice, summary)
        for line, row in _each(wanted[[column for column in wanted.columns if column in READ_COLUMNS]]):
            try:
                item_ids = join.items_of(parse_tmdb_id(row["id"]))
                summary.leave_out("not in the catalogue", int(not item_ids))
                for item_id in item_ids:
                    yield line, item_id, parse_movie(row)
            except BadLineError as error:
                summary.bad.add(name, line, str(error))

    return rows_of


def _wanted(frame: pd.DataFrame, choice: TmdbChoice, summary: TmdbSummary) -> pd.DataFrame:
    """The movies with enough votes that are not for adults only; a count that is no number is looked at line by line."""
    adult = pd.Series(data=False, index=frame.index)
    if "adult" in frame and not choice.adult:
        adult = frame["adult"].str.strip().str.casefold() == "true"
    too_few = (pd.to_numeric(frame["vote_count"], errors="coerce") < choice.min_votes) & ~adult
    if choice.min_votes:
        too_few |= (frame["vote_count"].str.strip() == "") & ~adult
    summary.leave_out("for adults", int(adult.sum()))
    summary.leave_out(f"fewer than {choice.min_votes} votes", int(too_few.sum()))
    return frame[~(adult | too_few)]


def _credit_rows(join: Join, bad: BadLines) -> RowReader:
    def rows_of(name: str, frame: pd.DataFrame) -> Iterator[Row]:
        for line, row in _each(frame[sorted(CREDIT_COLUMNS)]):
            try:
                for item_id in join.items_of(parse_tmdb_id(row["movie_id"])):
                    item = ItemFields(title=row["title"].strip(), people=parse_people(row))
                    yield line, item_id, checked_item(item_id, item)
            except BadLineError as error:
                bad.add(name, line, str(error))

    return rows_of


def _each(frame: pd.DataFrame) -> Iterator[tuple[int, Mapping[str, str]]]:
    records = cast("list[dict[str, Any]]", frame.to_dict("records"))
    return zip(cast("list[int]", frame.index.tolist()), records, strict=True)


def _find_files(paths: Sequence[Path]) -> tuple[tuple[Archive, Member], tuple[Archive, Member] | None]:
    """The file of movies and the file of credits, told by the names of their columns."""
    movies: list[tuple[Archive, Member]] = []
    credit_files: list[tuple[Archive, Member]] = []
    for archive, member in open_files(paths, ".csv"):
        with archive.open(member) as stream:
            columns = frozenset(read_header(stream, member.name.name))
        if columns >= MOVIE_COLUMNS:
            movies.append((archive, member))
        elif columns >= CREDIT_COLUMNS:
            credit_files.append((archive, member))
    given = ", ".join(map(str, paths))
    if not movies:
        raise InvalidInput(f"{given}: no CSV file has the columns {', '.join(sorted(MOVIE_COLUMNS))}")
    if len(movies) > 1 or len(credit_files) > 1:
        names = ", ".join(member.name.name for _, member in (movies if len(movies) > 1 else credit_files))
        raise InvalidInput(f"{given}: more than one file of a kind ({names}); name the files to import")
    return movies[0], credit_files[0] if credit_files else None
