"""TMDB data sets that enrich items which are there already, by their TMDB ids or a file of links."""

import datetime as dt
from pathlib import Path

import psycopg
import pytest
from tmdb_files import (
    ATTRIBUTES,
    MOVIE,
    NOW,
    PEOPLE,
    everything,
    ids,
    item,
    run,
    write_csv,
    write_folder,
)

from app.errors import Conflict, InvalidInput
from training.importers.movielens import RatingRules, import_movielens


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder as TMDB 5000 unpacks."""
    return write_folder(tmp_path / "tmdb")


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
