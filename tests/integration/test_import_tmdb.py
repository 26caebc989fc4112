"""Importing TMDB data sets of invented movies into a real database: a catalogue of its own, and one large file."""

import datetime as dt
import tracemalloc
import zipfile
from pathlib import Path

import psycopg
import pytest
from tmdb_files import ATTRIBUTES, BARE, MOVIE, PEOPLE, csv_of, everything, ids, item, run, write_csv, write_folder

from app.errors import InvalidInput
from cli.main import main
from training.importers.tmdb import TmdbChoice


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder as TMDB 5000 unpacks."""
    return write_folder(tmp_path / "tmdb")


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
