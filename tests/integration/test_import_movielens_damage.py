"""MovieLens archives that are damaged, hostile or cut off, and what the command says of them."""

import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import psycopg
import pytest
from movielens_archives import (
    OF_1M,
    WHOLE_STARS,
    folder_of,
    items,
    ratings,
    run,
    zip_of,
)

from app.db import driver_url
from app.errors import InvalidInput
from cli.main import main


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
