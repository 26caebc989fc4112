"""MovieLens archives into the store: movies first, then ratings block by block, repeatable without duplicates."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from app.services.rating_merge import RatingRow, merge_ratings_sync
from training.importers.archive import open_archive
from training.importers.item_rows import refresh_statistics
from training.importers.lines import BadLines
from training.importers.movielens_layouts import MovieLensFiles, detect_layout
from training.importers.movielens_movies import MovieCounts, import_movies
from training.importers.movielens_ratings import Bounds, RatingBlock, read_ratings
from training.importers.movielens_users import import_users
from training.importers.progress import Report, ignore_progress


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """What an import did: the layout found, counts of movies and ratings by outcome, the lines left out, and how many users have
    got other attributes."""

    layout: str
    movies: MovieCounts
    ratings: Mapping[str, int]
    bad: BadLines
    users: int = 0


@dataclass(frozen=True, slots=True)
class RatingRules:
    """The scale that ratings must keep to, and the time past which one would lie in the future."""

    lowest: float
    highest: float
    latest: datetime


def import_movielens(
    connection: psycopg.Connection,
    path: Path,
    rules: RatingRules,
    *,
    now: datetime,
    report: Report = ignore_progress,
    whole: bool = False,
    user_attributes: bool = True,
) -> ImportSummary:
    """Import the archive at ``path``, a folder or a zip file, whose layout is told by the files inside.

    The connection is in autocommit mode: transactions begin and end here.

    The movies and each block of ratings are committed as they come, so that an import that was cut off leaves whole
    blocks behind and can be repeated; with ``whole`` everything is committed at the end or not at all. ``user_attributes``
    says whether to store what the archive tells of people. Bad lines are left out and told in the summary. Raises
    InvalidInput when the archive itself cannot be read.
    """
    found = detect_layout(open_archive(path))
    bad = BadLines()
    if whole:
        with connection.transaction():
            movies, ratings = _import_all(connection, found, rules, bad, now, report)
            users = _import_users(connection, found, bad, report) if user_attributes else 0
    else:
        movies, ratings = _import_all(connection, found, rules, bad, now, report)
        users = _import_users(connection, found, bad, report) if user_attributes else 0
    refresh_statistics(connection, movies.created + movies.updated + ratings["created"] + ratings["updated"])
    return ImportSummary(found.layout.name, movies, dict(ratings), bad, users)


def _import_all(
    connection: psycopg.Connection,
    found: MovieLensFiles,
    rules: RatingRules,
    bad: BadLines,
    now: datetime,
    report: Report,
) -> tuple[MovieCounts, Counter[str]]:
    with connection.transaction(), connection.cursor() as cursor:
        movies = import_movies(cursor, found, bad, now, report)
    bounds = Bounds(rules.lowest, rules.highest, int(rules.latest.timestamp()), movies.ids)
    member = found.files[found.layout.ratings]
    outcomes: Counter[str] = Counter()
    with found.archive.open(member) as stream:
        for block in read_ratings(stream, found.layout, bounds, bad):
            with connection.transaction():
                outcomes.update(merge_ratings_sync(connection, _rating_rows(block), now=now))
            report(member.name.name, block.end, member.size)
    return movies, outcomes


def _import_users(connection: psycopg.Connection, found: MovieLensFiles, bad: BadLines, report: Report) -> int:
    with connection.transaction():
        return import_users(connection, found, bad, report)


def _rating_rows(block: RatingBlock) -> list[RatingRow]:
    columns = (block.user.tolist(), block.movie.tolist(), block.value.tolist(), block.seconds.tolist())
    return [
        (str(user), str(movie), value, datetime.fromtimestamp(seconds, UTC))
        for user, movie, value, seconds in zip(*columns, strict=True)
    ]
