"""Importing MovieLens archives of invented movies into a real database, in every layout."""

import datetime as dt
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.db import connect_options, driver_url
from app.errors import InvalidInput
from cli.main import main
from training.importers.movielens import ImportSummary, RatingRules, import_movielens

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
RULES = RatingRules(0.5, 5.0, NOW)
ENCODED = "Le Ch\u00e2teau bleu"


def flags(*genres: int) -> str:
    return "|".join("1" if index in genres else "0" for index in range(19))


OF_1M = {
    "movies.dat": f"1::{ENCODED} (1995)::Animation|Children's\n2::Paper::Kingdom, The (1987)::Drama\n".encode(
        "latin-1"
    ),
    "ratings.dat": b"10::1::5::978300019\n10::2::3::978300020\n11::2::1::978300021\n",
    "README": b"nothing to see",
}
OF_100K = {
    "u.item": (
        f"1|{ENCODED} (1995)|09-Jun-1995||http://x|{flags(3, 4)}\n267|unknown||||{flags(0)}\n"
        f"2|Paper Kingdom, The (1987)|4-Feb-1987|||{flags(8)}\n"
    ).encode("latin-1"),
    "u.data": b"10\t1\t5\t978300019\n10\t2\t3\t978300020\n11\t2\t1\t978300021\n",
}
OF_LATEST = {
    "movies.csv": (
        "movieId,title,genres\r\n1,Le Ch\u00e2teau bleu (1995),Animation|Children\r\n"
        '2,"Paper, ""Kingdom"", The (1987)",Drama\r\n3,Hollow Signal,(no genres listed)\r\n'
    ).encode(),
    "ratings.csv": b"userId,movieId,rating,timestamp\r\n10,1,5.0,978300019\r\n10,2,3.5,978300020\r\n11,2,0.5,978300021\r\n",
    "tags.csv": (
        b"userId,movieId,tag,timestamp\r\n10,1,Seen with Anna,1\r\n10,1,Slow  Burn,1\r\n11,2,slow burn,1\r\n"
        b'11,1,"dry, witty",1\r\n12,1,"Dry, witty",1\r\n12,1,,1\r\n'
    ),
    "links.csv": b"movieId,imdbId,tmdbId\r\n1,0114709,862\r\n2,11470912,\r\n3,,\r\n",
}
OF_RECBOLE = {
    "ml-100k.item": (
        "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
        "1\tLe Ch\u00e2teau bleu\t1995\tAnimation Children's\n"
        "267\tunkonwn\tunkonwn\tunknown\n"
        "2\tPaper Kingdom, The\t1987\tDrama\n"
    ).encode(),
    "ml-100k.inter": b"user_id:token\titem_id:token\trating:float\ttimestamp:float\n" + OF_100K["u.data"],
}


@pytest.fixture
def connection(database_url: str):
    with psycopg.connect(driver_url(database_url), autocommit=True, **connect_options()) as connection:
        yield connection


def folder_of(files: Mapping[str, bytes], folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def zip_of(files: Mapping[str, bytes], path: Path, inside: str = "ml/") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in files.items():
            zipped.writestr(inside + name, content)
    return path


def run(connection: psycopg.Connection, path: Path, *, whole: bool = False) -> ImportSummary:
    return import_movielens(connection, path, RULES, now=NOW, whole=whole)


def items(connection: psycopg.Connection) -> dict[str, tuple[Any, ...]]:
    rows = connection.execute("SELECT id, title, categories, released_on, tags, attributes FROM items").fetchall()
    return {row[0]: row[1:] for row in rows}


def ratings(connection: psycopg.Connection) -> list[tuple[Any, ...]]:
    return connection.execute(
        "SELECT u.id, i.id, value, extract(epoch FROM rated_at)::bigint FROM ratings r"
        " JOIN users u ON u.key = user_key JOIN items i ON i.key = item_key ORDER BY 1, 2"
    ).fetchall()


def everything(connection: psycopg.Connection) -> list[Any]:
    tables = ("TABLE items ORDER BY 1", "TABLE users ORDER BY 1", "TABLE ratings ORDER BY 1, 2")
    return [connection.execute(table).fetchall() for table in tables]


CHATEAU = (["Animation", "Children's"], dt.date(1995, 1, 1), [], {})
WHOLE_STARS = [("10", "1", 5.0, 978300019), ("10", "2", 3.0, 978300020), ("11", "2", 1.0, 978300021)]


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


def test_bad_lines_are_told_and_the_rest_is_taken(connection: psycopg.Connection, tmp_path: Path) -> None:
    files = {
        "movies.csv": (
            b'movieId,title,genres\n1,Good (1990),Drama\n2,"Never closed (1991),Drama\nx,No number,Drama\n'
            b"1,Again (1990),Drama\n4,Caf\xe9 (1992),Drama\n5,  ,Drama\n6,Fine\x00,Drama\n"
        ),
        "ratings.csv": (
            b"userId,movieId,rating,timestamp\n10,1,4.0,100\n10,2,4.0,100\n10,1,9.0,100\n10,1,4.0,4102444800\nno\n12,1,3.0,100"
        ),
    }
    summary = run(connection, folder_of(files, tmp_path / "a"))
    told = [(line.file, line.line) for line in summary.bad.first]
    assert told == [("movies.csv", line) for line in range(3, 9)] + [("ratings.csv", line) for line in range(3, 7)]
    assert summary.bad.count == 10
    assert list(items(connection)) == ["1"]
    assert ratings(connection) == [("10", "1", 4.0, 100), ("12", "1", 3.0, 100)]


def test_the_newest_of_ratings_given_twice_is_kept(connection: psycopg.Connection, tmp_path: Path) -> None:
    files = OF_1M | {"ratings.dat": b"10::1::5::200\n10::1::4::300\n10::1::3::100\n"}
    summary = run(connection, folder_of(files, tmp_path / "a"))
    assert ratings(connection) == [("10", "1", 4.0, 300)]
    assert dict(summary.ratings) == {"created": 1, "superseded": 2}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("movies.csv", b"movieId,title,genres\n", "holds none of the known MovieLens layouts"),
        ("broken.zip", b"PK\x03\x04 and no more", "neither a folder nor an undamaged zip file"),
    ],
)
def test_what_is_no_archive_is_refused(
    connection: psycopg.Connection, tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidInput, match=message):
        run(connection, tmp_path / name if name.endswith("zip") else tmp_path)
    with pytest.raises(InvalidInput, match="cannot be read"):
        run(connection, tmp_path / "missing")


def test_a_damaged_member_is_refused_by_name(connection: psycopg.Connection, tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as zipped:
        for name, content in OF_1M.items():
            zipped.writestr(name, content)
    path.write_bytes(path.read_bytes().replace(b"10::2::3", b"10::2::4"))
    with pytest.raises(InvalidInput, match=r"ratings\.dat is damaged"):
        run(connection, path, whole=True)
    assert items(connection) == {}


def test_a_member_that_climbs_out_is_ignored(connection: psycopg.Connection, tmp_path: Path) -> None:
    path = zip_of(OF_1M, tmp_path / "a.zip", "deep/down/")
    with zipfile.ZipFile(path, "a") as zipped:
        for name in ("movies.dat", "ratings.dat"):
            zipped.writestr(f"../{name}", b"evil")
    assert run(connection, path).bad.count == 0
    assert ratings(connection) == WHOLE_STARS


def test_a_zip_bomb_is_refused(connection: psycopg.Connection, tmp_path: Path) -> None:
    path = zip_of(OF_1M | {"ratings.dat": bytes(60_000_000)}, tmp_path / "a.zip")
    with pytest.raises(InvalidInput, match="claims to unpack to 60000000 bytes"):
        run(connection, path)


IMPORT_SLOWLY = """
import datetime as dt, sys
from pathlib import Path
import psycopg
from training.importers import lines, movielens, movielens_ratings
movielens_ratings.read_blocks.__kwdefaults__["block_bytes"] = 70_000
def report(stage, done, total):
    print(stage, flush=True)
now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
with psycopg.connect(sys.argv[1], autocommit=True) as connection:
    rules = movielens.RatingRules(0.5, 5.0, now)
    movielens.import_movielens(connection, Path(sys.argv[2]), rules, now=now, report=report, whole=sys.argv[3] == "whole")
"""


@pytest.mark.parametrize("mode", ["blocks", "whole"])
def test_an_import_killed_half_way_can_be_repeated(
    connection: psycopg.Connection, database_url: str, tmp_path: Path, mode: str
) -> None:
    lines = [f"{user}::{movie}::4::{user + movie}\n" for user in range(480) for movie in range(1, 101)]
    movies = "".join(f"{movie}::Movie {movie} (1999)::Drama\n" for movie in range(1, 101))
    files = {"movies.dat": movies.encode(), "ratings.dat": "".join(lines).encode()}
    path = folder_of(files, tmp_path / "a")
    killed = subprocess.Popen(
        [sys.executable, "-c", IMPORT_SLOWLY, driver_url(database_url), str(path), mode],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert killed.stdout is not None
    with killed, killed.stdout:
        assert [killed.stdout.readline().strip() for _ in range(3)] == ["movies.dat", "ratings.dat", "ratings.dat"]
        os.kill(killed.pid, signal.SIGKILL)
    wait_until_alone(connection)
    left = len(ratings(connection))
    assert left == 0 if mode == "whole" else 0 < left < len(lines)
    assert len(items(connection)) == (0 if mode == "whole" else 100)
    summary = run(connection, path)
    assert len(ratings(connection)) == len(lines)
    assert summary.ratings["created"] == len(lines) - left


def wait_until_alone(connection: psycopg.Connection) -> None:
    """The server takes a moment to notice that its client is gone, and rolls back then."""
    others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    for _ in range(200):
        if connection.execute(others).fetchone() == (0,):
            return
        time.sleep(0.05)
    pytest.fail("the killed import is still connected")


def command(*arguments: str) -> object:
    with pytest.raises(SystemExit) as ended:
        main(["import", "movielens", *arguments])
    return ended.value.code


def test_the_command_says_what_it_did(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MEDLEY_DATABASE_URL", database_url)
    assert command(str(zip_of(OF_1M, tmp_path / "a.zip"))) == 0
    printed = capsys.readouterr()
    assert "2 created, 0 updated, 0 unchanged" in printed.out
    assert "ratings: 3 created" in printed.out
    assert printed.err == ""


def test_the_command_says_which_lines_it_left_out_and_ends_with_3(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MEDLEY_DATABASE_URL", database_url)
    files = OF_1M | {"ratings.dat": OF_1M["ratings.dat"] + b"bad\n" * 30}
    assert command(str(zip_of(files, tmp_path / "a.zip"))) == 3
    printed = capsys.readouterr()
    assert "ratings: 3 created" in printed.out
    told = printed.err.splitlines()
    assert told[0] == "  ratings.dat, line 4: has 1 fields, not 4"
    assert told[-2:] == ["  and 10 more", "30 lines were left out."]


def test_the_command_refuses_what_is_missing_and_a_database_out_of_date(
    database_url: str,
    empty_database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MEDLEY_DATABASE_URL", database_url)
    assert command(str(tmp_path / "missing.zip")) == 1
    assert "missing.zip cannot be read: No such file" in capsys.readouterr().err
    monkeypatch.setenv("MEDLEY_DATABASE_URL", empty_database_url)
    assert command(str(tmp_path / "missing.zip")) == 1
    assert "run `medley db upgrade`" in capsys.readouterr().err
