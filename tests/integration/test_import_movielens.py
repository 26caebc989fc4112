"""Importing MovieLens archives of invented movies into a real database, in every layout."""

import datetime as dt
from pathlib import Path

import psycopg
import pytest
from movielens_archives import (
    CHATEAU,
    ENCODED,
    NOW,
    OF_1M,
    OF_100K,
    OF_LATEST,
    OF_RECBOLE,
    RULES,
    WHOLE_STARS,
    everything,
    folder_of,
    items,
    ratings,
    run,
    zip_of,
)

from training.importers.movielens import import_movielens


@pytest.mark.parametrize("packed", [True, False], ids=["zip", "folder"])
def test_1m(connection: psycopg.Connection, tmp_path: Path, *, packed: bool) -> None:
    summary = run(
        connection, zip_of(OF_1M, tmp_path / "a.zip") if packed else folder_of(OF_1M, tmp_path / "a" / "ml-1m")
    )
    assert (summary.movies.created, dict(summary.ratings), summary.bad.count) == (2, {"created": 3}, 0)
    assert items(connection) == {
        "1": (ENCODED, *CHATEAU),
        "2": ("The Paper::Kingdom", ["Drama"], dt.date(1987, 1, 1), [], {}),
    }
    assert ratings(connection) == WHOLE_STARS


def test_100k(connection: psycopg.Connection, tmp_path: Path) -> None:
    summary = run(connection, zip_of(OF_100K, tmp_path / "a.zip"))
    assert summary.bad.count == 0
    assert items(connection) == {
        "1": (ENCODED, ["Animation", "Children's"], dt.date(1995, 6, 9), [], {}),
        "2": ("The Paper Kingdom", ["Drama"], dt.date(1987, 2, 4), [], {}),
        "267": ("unknown", [], None, [], {}),
    }
    assert ratings(connection) == WHOLE_STARS


def test_latest_with_tags_and_links(connection: psycopg.Connection, tmp_path: Path) -> None:
    summary = run(connection, zip_of(OF_LATEST, tmp_path / "a.zip"))
    assert summary.bad.count == 0
    assert items(connection) == {
        "1": (
            ENCODED, ["Animation", "Children"], dt.date(1995, 1, 1), ["dry, witty", "slow burn"],
            {"imdb_id": "tt0114709", "tmdb_id": 862},
        ),
        "2": ('The Paper, "Kingdom"', ["Drama"], dt.date(1987, 1, 1), ["slow burn"], {"imdb_id": "tt11470912"}),
        "3": ("Hollow Signal", [], None, [], {}),
    }  # fmt: skip
    assert [row[2] for row in ratings(connection)] == [5.0, 3.5, 0.5]


def test_the_copy_in_recbole_gives_what_100k_gives(connection: psycopg.Connection, tmp_path: Path) -> None:
    run(connection, zip_of(OF_RECBOLE, tmp_path / "a.whl", "recbole/dataset_example/ml-100k/"))
    assert items(connection) == {
        "1": (ENCODED, *CHATEAU),
        "2": ("The Paper Kingdom", ["Drama"], dt.date(1987, 1, 1), [], {}),
        "267": ("unknown", [], None, [], {}),
    }
    assert ratings(connection) == WHOLE_STARS


def test_a_repeated_import_changes_no_row(connection: psycopg.Connection, tmp_path: Path) -> None:
    path = zip_of(OF_LATEST, tmp_path / "a.zip")
    run(connection, path)
    before = everything(connection)
    summary = import_movielens(connection, path, RULES, now=NOW + dt.timedelta(days=1), whole=True)
    assert everything(connection) == before
    assert (summary.movies.created, summary.movies.updated, summary.movies.unchanged) == (0, 0, 3)
    assert dict(summary.ratings) == {"unchanged": 3}


def test_what_came_from_elsewhere_stays(connection: psycopg.Connection, tmp_path: Path) -> None:
    run(connection, folder_of(OF_LATEST, tmp_path / "a"))
    connection.execute(
        "UPDATE items SET description = 'ours', title = 'changed', attributes = attributes || '{\"ours\": 1}', hidden = true"
    )
    without_tags = {name: content for name, content in OF_LATEST.items() if name != "tags.csv"}
    summary = run(connection, folder_of(without_tags, tmp_path / "b"))
    assert summary.movies.updated == 3
    row = connection.execute("SELECT description, title, attributes, hidden, tags FROM items WHERE id = '1'").fetchone()
    attributes = {"imdb_id": "tt0114709", "tmdb_id": 862, "ours": 1}
    assert row == ("ours", ENCODED, attributes, True, ["dry, witty", "slow burn"])


def test_a_newer_rating_is_not_overwritten(connection: psycopg.Connection, tmp_path: Path) -> None:
    path = folder_of(OF_1M, tmp_path / "a")
    run(connection, path)
    connection.execute("UPDATE ratings SET value = 2, rated_at = rated_at + interval '1 hour'")
    assert dict(run(connection, path).ratings) == {"stale": 3}
    assert {row[2] for row in ratings(connection)} == {2.0}


def test_the_newest_of_ratings_given_twice_is_kept(connection: psycopg.Connection, tmp_path: Path) -> None:
    files = OF_1M | {"ratings.dat": b"10::1::5::200\n10::1::4::300\n10::1::3::100\n"}
    summary = run(connection, folder_of(files, tmp_path / "a"))
    assert ratings(connection) == [("10", "1", 4.0, 300)]
    assert dict(summary.ratings) == {"created": 1, "superseded": 2}
