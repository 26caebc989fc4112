"""Importing TMDB data sets of invented movies into a real database: alone, joined to other items, and in one large file."""

import csv
import datetime as dt
import io
import json
import tracemalloc
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.db import connect_options, driver_url
from app.errors import Conflict, InvalidInput
from cli.main import main
from training.importers.movielens import RatingRules, import_movielens
from training.importers.tmdb import TmdbChoice, TmdbSummary, import_tmdb

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


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(driver_url(database_url), autocommit=True, **connect_options()) as connection:
        yield connection


def csv_of(rows: Sequence[Mapping[str, str]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def write_csv(path: Path, *rows: Mapping[str, str]) -> Path:
    path.write_text(csv_of(rows), encoding="utf-8", newline="")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder as TMDB 5000 unpacks."""
    made = tmp_path / "tmdb"
    made.mkdir()
    write_csv(made / "tmdb_5000_movies.csv", MOVIE, BARE)
    write_csv(made / "tmdb_5000_credits.csv", CREDITS)
    return made


def run(connection: psycopg.Connection, *paths: Path, **options: Any) -> TmdbSummary:
    return import_tmdb(connection, paths, now=NOW, **options)


def item(connection: psycopg.Connection, item_id: str, *columns: str) -> tuple[Any, ...] | None:
    return connection.execute(f"SELECT {', '.join(columns)} FROM items WHERE id = %s", [item_id]).fetchone()  # noqa: S608 - columns of the tests


def ids(connection: psycopg.Connection) -> list[str]:
    return [item_id for (item_id,) in connection.execute("SELECT id FROM items ORDER BY id")]


def everything(connection: psycopg.Connection) -> list[Any]:
    return connection.execute("TABLE items ORDER BY 1").fetchall()


@pytest.mark.parametrize("packed", [True, False], ids=["zip", "folder"])
def test_a_catalogue_of_its_own(connection: psycopg.Connection, folder: Path, tmp_path: Path, *, packed: bool) -> None:
    path = folder
    if packed:
        path = tmp_path / "tmdb.zip"
        with zipfile.ZipFile(path, "w") as zipped:
            for file in folder.iterdir():
                zipped.write(file, file.name)
    summary = run(connection, path)
    assert (summary.joined, summary.movies.created, summary.bad.count) == (False, 2, 0)
    assert item(connection, "901", "title", "description", "categories", "tags", "released_on", "duration_minutes") == (
        "Paper Kingdom",
        "A kingdom, folded.\nTwice.",
        ["Drama", "Science Fiction"],
        ["paper", "thin king"],
        dt.date(1987, 3, 4),
        97,
    )
    assert item(connection, "901", "language", "votes", "vote_mean", "attributes") == ("fr", 321, 7.5, ATTRIBUTES)
    assert item(connection, "901", "people") == (PEOPLE,)
    assert item(connection, "902", "description", "votes", "vote_mean", "attributes") == (
        None,
        0,
        None,
        {"tmdb_id": 902},
    )


def test_a_repeated_import_changes_no_row(connection: psycopg.Connection, folder: Path) -> None:
    run(connection, folder)
    before = everything(connection)
    summary = run(connection, folder)
    assert everything(connection) == before
    assert (summary.movies.unchanged, summary.movies.written) == (2, 0)
    assert summary.credits is not None
    assert (summary.credits.unchanged, summary.credits.written) == (1, 0)


def test_what_a_later_file_does_not_say_stays(connection: psycopg.Connection, folder: Path, tmp_path: Path) -> None:
    run(connection, folder)
    later = {**BARE, "id": "901", "title": "Paper Kingdom", "vote_count": "400", "vote_average": "7.6"}
    assert run(connection, write_csv(tmp_path / "later.csv", later)).movies.updated == 1
    row = item(connection, "901", "votes", "description", "tags", "people", "attributes")
    assert row == (400, "A kingdom, folded.\nTwice.", ["paper", "thin king"], PEOPLE, ATTRIBUTES)


MOVIELENS = {
    "movies.csv": "movieId,title,genres\n1,Paper Kingdom (1987),Drama|Sci-Fi\n2,Hollow Signal,(no genres listed)\n"
    "901,Other (1991),War\n",
    "ratings.csv": "userId,movieId,rating,timestamp\n10,1,4.0,100\n",
    "links.csv": "movieId,imdbId,tmdbId\n1,0000001,901\n2,0000002,903\n901,0000003,77\n",
}


@pytest.fixture
def movielens(connection: psycopg.Connection, tmp_path: Path) -> Path:
    """An imported MovieLens archive, in which 901 is another movie's id."""
    made = tmp_path / "movielens"
    made.mkdir()
    for name, content in MOVIELENS.items():
        (made / name).write_text(content)
    import_movielens(connection, made, RatingRules(0.5, 5.0, NOW), now=NOW)
    return made


def test_items_that_know_their_tmdb_id_are_enriched(
    connection: psycopg.Connection, folder: Path, movielens: Path
) -> None:
    connection.execute("UPDATE items SET tags = '{ours}', language = 'de', hidden = true WHERE id = '1'")
    other = item(connection, "901", "*")
    summary = run(connection, folder)
    assert (summary.joined, summary.movies.updated, summary.left_out) == (True, 1, {"not in the catalogue": 1})
    assert ids(connection) == ["1", "2", "901"]
    assert item(connection, "901", "*") == other
    assert item(connection, "1", "title", "categories", "tags", "language", "hidden") == (
        "Paper Kingdom",
        ["Drama", "Sci-Fi"],
        ["ours", "paper", "thin king"],
        "de",
        True,
    )
    assert item(connection, "1", "released_on", "duration_minutes", "votes", "people", "attributes") == (
        dt.date(1987, 3, 4),
        97,
        321,
        PEOPLE,
        ATTRIBUTES | {"imdb_id": "tt0000001"},
    )
    assert connection.execute("SELECT count(*) FROM ratings").fetchone() == (1,)


def test_either_import_can_be_repeated_after_the_other(
    connection: psycopg.Connection, folder: Path, movielens: Path
) -> None:
    write_csv(folder / "tmdb_5000_movies.csv", MOVIE, {**MOVIE, "id": "903", "title": "Hollow Signal"})
    assert run(connection, folder).movies.updated == 2
    before = everything(connection)
    assert import_movielens(connection, movielens, RatingRules(0.5, 5.0, NOW), now=NOW).movies.unchanged == 3
    assert run(connection, folder).movies.unchanged == 2
    assert everything(connection) == before


def test_a_links_file_joins_items_that_do_not_know_their_tmdb_id(
    connection: psycopg.Connection, folder: Path, movielens: Path
) -> None:
    connection.execute("UPDATE items SET attributes = '{}'")
    with pytest.raises(Conflict, match="--links"):
        run(connection, folder)
    summary = run(connection, folder, links=movielens)
    assert (summary.joined, summary.movies.updated) == (True, 1)
    assert ids(connection) == ["1", "2", "901"]
    assert item(connection, "1", "votes", "attributes") == (321, ATTRIBUTES)


def test_bad_links_are_told_and_links_to_nothing_are_refused(
    connection: psycopg.Connection, folder: Path, movielens: Path, tmp_path: Path
) -> None:
    links = tmp_path / "links.csv"
    links.write_text("movieId,imdbId,tmdbId\n1,1,901\n2,2,x\n")
    summary = run(connection, folder, links=links)
    assert [(line.file, line.line) for line in summary.bad.first] == [("links.csv", 3)]
    links.write_text("movieId,imdbId,tmdbId\n77,1,901\n")
    with pytest.raises(Conflict, match="names no item of the catalogue"):
        run(connection, folder, links=links)
    with pytest.raises(InvalidInput, match="movieId and tmdbId"):
        run(connection, folder, links=folder)


def test_a_deleted_item_is_not_brought_back_by_its_facts(
    connection: psycopg.Connection, folder: Path, movielens: Path
) -> None:
    connection.execute("UPDATE items SET deleted_at = now() WHERE id = '1'")
    assert run(connection, folder).movies.written == 0
    assert item(connection, "1", "deleted_at IS NOT NULL", "votes") == (True, None)


def single_file(number: int, **more: str) -> dict[str, str]:
    """A row as the single-file layout has it: lists parted by commas."""
    return {
        "id": str(number),
        "title": f"Movie {number}",
        "vote_average": "6.5",
        "vote_count": str(number % 200),
        "status": "Released",
        "release_date": "2001-02-03",
        "revenue": "0",
        "runtime": "90",
        "adult": "False",
        "backdrop_path": "",
        "budget": "0",
        "homepage": "",
        "imdb_id": "",
        "original_language": "en",
        "original_title": f"Movie {number}",
        "overview": 'Words, and "more" words.\nAnother line.',
        "popularity": "1.5",
        "poster_path": "/poster.jpg",
        "tagline": "",
        "genres": "Drama, Horror",
        "production_companies": "One, Two",
        "production_countries": "France",
        "spoken_languages": "French, English",
        "keywords": "night, day, night",
        **more,
    }


def test_the_single_file_layout(connection: psycopg.Connection, tmp_path: Path) -> None:
    rows = [single_file(number) for number in range(1, 401)]
    rows += [single_file(999, adult="True"), single_file(2_000, vote_count="")]
    path = write_csv(tmp_path / "TMDB.csv", *rows)
    summary = run(connection, path, choice=TmdbChoice(min_votes=100))
    assert summary.movies.created == 200
    assert summary.left_out == {"for adults": 1, "fewer than 100 votes": 201}
    assert item(connection, "150", "categories", "tags", "image_url", "votes", "attributes") == (
        ["Drama", "Horror"],
        ["night", "day"],
        "https://image.tmdb.org/t/p/w500/poster.jpg",
        150,
        {
            "tmdb_id": 150,
            "companies": ["One", "Two"],
            "countries": ["France"],
            "spoken_languages": ["French", "English"],
        },
    )
    assert run(connection, path, choice=TmdbChoice(min_votes=100, adult=True)).movies.created == 1
    assert item(connection, "999", "attributes -> 'adult'") == (True,)


def test_memory_does_not_grow_with_the_file(connection: psycopg.Connection, tmp_path: Path) -> None:
    def peak(rows: int) -> int:
        path = write_csv(tmp_path / f"{rows}.csv", *(single_file(number) for number in range(1, rows + 1)))
        tracemalloc.start()
        try:
            run(connection, path, choice=TmdbChoice(min_votes=190))
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(30_000) < 1.2 * peak(10_000)


def test_bad_lines_are_told_and_the_rest_is_taken(connection: psycopg.Connection, tmp_path: Path) -> None:
    sound = csv_of([MOVIE, BARE]).splitlines(keepends=True)
    bad: list[dict[str, str]] = [
        {**BARE, "id": "x"},
        {**BARE, "id": "903", "title": " "},
        {**BARE, "id": "904", "genres": "[{]"},
        {**BARE, "id": "905", "release_date": "2001-13-01"},
        {**BARE, "id": "906", "vote_count": "many"},
        {**BARE, "id": "907", "vote_average": "nan"},
        {**BARE, "id": "908", "runtime": "1e9"},
        {**BARE, "id": "909", "title": "x" * 501},
        BARE,
    ]
    lines = [*sound, *csv_of(bad).splitlines(keepends=True)[1:], '910,"never closed\r\n', "911,too few\r\n"]
    path = tmp_path / "movies.csv"
    path.write_text("".join(lines) + csv_of([{**BARE, "id": "912"}]).splitlines()[1] + "\n", newline="")
    summary = run(connection, path)
    assert ids(connection) == ["901", "902", "912"]
    told = {line.line: line.reason for line in summary.bad.first}
    # The first movie takes two lines.
    assert sorted(told) == [5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]
    assert told[6] == "title: must have 1 to 500 characters, not 0"
    assert told[13] == "movie 902 was given before"
    assert "too few" not in told[14]
    assert told[15] == f"has 2 fields, not {len(MOVIE)}"


def test_what_is_no_tmdb_file_is_refused(connection: psycopg.Connection, tmp_path: Path, folder: Path) -> None:
    with pytest.raises(InvalidInput, match="no CSV file has the columns id, title, vote_average, vote_count"):
        run(connection, folder / "tmdb_5000_credits.csv")
    with pytest.raises(InvalidInput, match="cannot be read: No such file"):
        run(connection, tmp_path / "missing.csv")
    write_csv(folder / "again.csv", MOVIE)
    with pytest.raises(InvalidInput, match="more than one file of a kind"):
        run(connection, folder)


def test_the_command_says_what_it_did(
    database_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MEDLEY_DATABASE_URL", database_url)
    with pytest.raises(SystemExit) as ended:
        main(["import", "tmdb", str(folder), "--min-votes", "1"])
    printed = capsys.readouterr()
    assert ended.value.code == 0
    assert "as a catalogue of its own" in printed.out
    assert "movies:  1 created, 0 updated, 0 unchanged" in printed.out
    assert "left out, fewer than 1 votes: 1" in printed.out
    (folder / "tmdb_5000_movies.csv").write_text("id,title,vote_average,vote_count\n901,Paper Kingdom,7.5,1\nbad\n")
    with pytest.raises(SystemExit) as ended:
        main(["import", "tmdb", str(folder)])
    assert ended.value.code == 3
    assert "tmdb_5000_movies.csv, line 3: has 1 fields, not 4" in capsys.readouterr().err
