"""Files of invented movies in the layouts of TMDB, and what an import of them leaves in a database."""

import csv
import datetime as dt
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg

from training.importers.tmdb import TmdbSummary, import_tmdb

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def named(*names: str) -> str:
    return json.dumps([{"id": number, "name": name} for number, name in enumerate(names)])


MOVIE = {
    "id": "901",
    "title": "Paper Kingdom",
    "original_title": "K\u00f6nigreich aus Papier",
    "overview": "A kingdom, folded.\nTwice.",
    "tagline": 'Fold, or be "folded".',
    "genres": named("Drama", "Science Fiction"),
    "keywords": named("paper", "paper", " thin  king ", "x" * 101),
    "production_companies": named("Origami, Inc."),
    "production_countries": json.dumps([{"iso_3166_1": "FR", "name": "France"}]),
    "spoken_languages": json.dumps([{"iso_639_1": "fr", "name": "Fran\u00e7ais"}]),
    "original_language": "fr",
    "release_date": "1987-03-04",
    "runtime": "97.0",
    "vote_average": "7.5",
    "vote_count": "321",
    "status": "Released",
}


BARE = {**dict.fromkeys(MOVIE, ""), "id": "902", "title": "Hollow Signal", "vote_count": "0", "vote_average": "0.0"}


CREDITS = {
    "movie_id": "901",
    "title": "Paper Kingdom",
    "cast": json.dumps(
        [
            {"name": "Bo", "order": 1},
            {"name": "Ada", "order": 0},
            *({"name": f"Extra {n}", "order": 9} for n in range(20)),
        ]
    ),
    "crew": json.dumps(
        [
            {"name": "Cy", "job": "Original Music Composer"},
            {"name": "Ada", "job": "Screenplay"},
            {"name": "Ada", "job": "Story"},
            {"name": "Dee", "job": "Director"},
            {"name": "Eve", "job": "Catering"},
        ]
    ),
}


ATTRIBUTES = {
    "tmdb_id": 901,
    "original_title": "K\u00f6nigreich aus Papier",
    "tagline": 'Fold, or be "folded".',
    "companies": ["Origami, Inc."],
    "countries": ["France"],
    "spoken_languages": ["Fran\u00e7ais"],
}


PEOPLE = [
    {"name": "Dee", "role": "director"},
    {"name": "Ada", "role": "writer"},
    {"name": "Ada", "role": "actor"},
    {"name": "Bo", "role": "actor"},
    *({"name": f"Extra {number}", "role": "actor"} for number in range(13)),
    {"name": "Cy", "role": "composer"},
]


def csv_of(rows: Sequence[Mapping[str, str]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def write_csv(path: Path, *rows: Mapping[str, str]) -> Path:
    path.write_text(csv_of(rows), encoding="utf-8", newline="")
    return path


def write_folder(folder: Path) -> Path:
    """A folder as TMDB 5000 unpacks."""
    folder.mkdir()
    write_csv(folder / "tmdb_5000_movies.csv", MOVIE, BARE)
    write_csv(folder / "tmdb_5000_credits.csv", CREDITS)
    return folder


def run(connection: psycopg.Connection, *paths: Path, **options: Any) -> TmdbSummary:
    return import_tmdb(connection, paths, now=NOW, **options)


def item(connection: psycopg.Connection, item_id: str, *columns: str) -> tuple[Any, ...] | None:
    return connection.execute(f"SELECT {', '.join(columns)} FROM items WHERE id = %s", [item_id]).fetchone()  # noqa: S608 - columns of the tests


def ids(connection: psycopg.Connection) -> list[str]:
    return [item_id for (item_id,) in connection.execute("SELECT id FROM items ORDER BY id")]


def everything(connection: psycopg.Connection) -> list[Any]:
    return connection.execute("TABLE items ORDER BY 1").fetchall()
