"""The layouts in which MovieLens has been published, told apart by the names of the files inside."""

import csv
import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.errors import InvalidInput
from app.services.item_merge import ItemFields
from training.importers.archive import Archive, Member
from training.importers.item_rows import checked_item
from training.importers.lines import BadLineError
from training.importers.movielens_titles import split_title

NO_CATEGORY = frozenset({"", "(no genres listed)", "unknown"})
GENRES_100K = (
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama", "Fantasy",
    "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
)  # fmt: skip
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
LARGEST_ID = 10**18  # of the numbers that attributes may hold


@dataclass(frozen=True, slots=True)
class MovieRow:
    """One movie as an archive describes it; ``attributes`` holds its ids elsewhere."""

    id: str
    title: str
    categories: list[str]
    released_on: dt.date | None
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Layout:
    """How one family of archives is written. Ratings are user, movie, value and seconds, parted by ``separator``."""

    name: str
    ratings: str
    movies: str
    separator: bytes
    header: bool
    encodings: tuple[str, ...]
    parse_movie: Callable[[str], MovieRow]
    tags: str | None = None
    links: str | None = None


@dataclass(frozen=True, slots=True)
class MovieLensFiles:
    """An archive whose layout is known; ``files`` are those of its data folder, by name."""

    archive: Archive
    layout: Layout
    files: Mapping[str, Member]


def detect_layout(archive: Archive) -> MovieLensFiles:
    """Find the data folder and its layout. Raises InvalidInput that says which files are looked for."""
    for layout in LAYOUTS:
        if (files := archive.find_folder(layout.ratings, layout.movies)) is not None:
            return MovieLensFiles(archive, layout, files)
    known = "; ".join(f"{layout.ratings} and {layout.movies} ({layout.name})" for layout in LAYOUTS)
    raise InvalidInput(f"{archive.path} holds none of the known MovieLens layouts: {known}")


def parse_id(text: str) -> str:
    """An archive's id, a whole number, as the client's string it becomes."""
    if not (text.isascii() and text.isdigit() and int(text) <= LARGEST_ID):
        raise BadLineError(f"the id {text[:40]!r} is not a whole number")
    return str(int(text))


def split_csv(line: str, width: int) -> list[str]:
    """The fields of one line of a CSV file, quotes resolved."""
    try:
        fields = next(csv.reader([line], strict=True))
    except csv.Error as error:
        raise BadLineError(f"is not valid CSV: {error}") from error
    return _expect(fields, width)


def _expect(fields: Sequence[str], width: int) -> list[str]:
    if len(fields) != width:
        raise BadLineError(f"has {len(fields)} fields, not {width}")
    return list(fields)


def _movie(id_text: str, title_text: str, genres: Sequence[str], released_on: dt.date | None = None) -> MovieRow:
    title, year = split_title(title_text)
    if not title:
        raise BadLineError("has no title")
    if released_on is None and year is not None:
        released_on = dt.date(year, 1, 1)
    categories = [genre for genre in dict.fromkeys(map(str.strip, genres)) if genre not in NO_CATEGORY]
    movie_id = parse_id(id_text)
    checked_item(movie_id, ItemFields(title, categories=categories))
    return MovieRow(movie_id, title, categories, released_on, {})


def _parse_100k(line: str) -> MovieRow:
    fields = _expect(line.split("|"), 5 + len(GENRES_100K))
    genres = [genre for genre, flag in zip(GENRES_100K, fields[5:], strict=True) if flag == "1"]
    return _movie(fields[0], fields[1], genres, _parse_date(fields[2]) if fields[2].strip() else None)


def _parse_date(text: str) -> dt.date:
    # By hand, because strptime's %b follows the locale.
    try:
        day, month, year = text.strip().split("-")
        return dt.date(int(year), MONTHS.index(month) + 1, int(day))
    except ValueError as error:
        raise BadLineError(f"the release date {text[:40]!r} is not like 01-Jan-1995") from error


def _parse_dat(line: str) -> MovieRow:
    # The separator may stand inside a title, so the id is taken from the left and the genres from the right.
    id_text, _, rest = line.partition("::")
    title, separator, genres = rest.rpartition("::")
    if not separator:
        raise BadLineError("has fewer than 3 fields")
    return _movie(id_text, title, genres.split("|"))


def _parse_csv(line: str) -> MovieRow:
    id_text, title, genres = split_csv(line, 3)
    return _movie(id_text, title, genres.split("|"))


def _parse_recbole(line: str) -> MovieRow:
    id_text, title, year, genres = _expect(line.split("\t"), 4)
    # Whoever made this copy wrote the missing year and title of movie 267 as "unkonwn".
    released_on = dt.date(int(year), 1, 1) if year.isdigit() and len(year) == 4 and int(year) else None
    name = "unknown" if title == "unkonwn" else title
    return _movie(id_text, name, genres.split(" "), released_on)


_EITHER = ("utf-8", "latin-1")  # Latin-1 fits every line, and accents written in it are hardly ever valid UTF-8
LAYOUTS = (
    Layout("MovieLens 100K", "u.data", "u.item", b"\t", header=False, encodings=_EITHER, parse_movie=_parse_100k),
    Layout("MovieLens 1M or 10M", "ratings.dat", "movies.dat", b"::", header=False, encodings=_EITHER, parse_movie=_parse_dat),
    Layout(
        "MovieLens latest, 20M, 25M or 32M", "ratings.csv", "movies.csv", b",", header=True, encodings=("utf-8",),
        parse_movie=_parse_csv, tags="tags.csv", links="links.csv",
    ),
    Layout(
        "MovieLens 100K as RecBole packs it", "ml-100k.inter", "ml-100k.item", b"\t", header=True, encodings=("utf-8",),
        parse_movie=_parse_recbole,
    ),
)  # fmt: skip
