"""Importing any shop's items, ratings and events from CSV and parquet into a real database."""

import datetime as dt
from pathlib import Path
from typing import Any

import pandas as pd
import psycopg
import pytest

from app.config import Settings
from app.errors import InvalidInput
from cli.main import main
from training.importers.table import TableSummary, import_table
from training.importers.table_fields import Kind, TableMapping
from training.importers.table_files import open_csv, open_parquet

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
SETTINGS = Settings()


@pytest.fixture
def shop(connection: psycopg.Connection) -> psycopg.Connection:
    """A catalogue of two items."""
    connection.execute("INSERT INTO items (id, title) VALUES ('a/1', 'Kettle'), ('b 2', 'Teapot')")
    return connection


def run(connection: psycopg.Connection, path: Path, kind: Kind, **options: Any) -> TableSummary:
    scale = options.pop("scale", None)
    table = open_parquet(path) if path.suffix == ".parquet" else open_csv(path, options.pop("separator", ","))
    return import_table(connection, table, kind, TableMapping(**options), settings=SETTINGS, now=NOW, scale=scale)


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8", newline="")
    return path


def item(connection: psycopg.Connection, item_id: str, columns: str) -> tuple[Any, ...] | None:
    return connection.execute(f"SELECT {columns} FROM items WHERE id = %s", [item_id]).fetchone()  # noqa: S608 - the tests' own


def ratings(connection: psycopg.Connection) -> list[tuple[Any, ...]]:
    return connection.execute(
        "SELECT u.id, i.id, value, rated_at FROM ratings JOIN users u ON u.key = user_key"
        " JOIN items i ON i.key = item_key ORDER BY 1, 2"
    ).fetchall()


def told(summary: TableSummary) -> dict[int, str]:
    return {line.line: line.reason for line in summary.bad.first}


ITEMS = """sku;title;kinds;writers;maker;weight;day;pages;on;from
k1;Kettle;Kitchen / Steel;Ada / Bo;Acme;1.5;2001-02-03;12.0;yes;2026-01-01T00:00:00+02:00
k2;"Pot; ""big\"\"";;;;;1999;;no;1700000000000
"""
ITEM_COLUMNS = {
    "item_id": "sku",
    "categories": "kinds",
    "people.author": "writers",
    "attributes.brand": "maker",
    "released_on": "day",
    "duration_minutes": "pages",
    "hidden": "on",
    "available_from": "from",
}


def import_items(connection: psycopg.Connection, path: Path, **more: Any) -> TableSummary:
    options: dict[str, Any] = {"columns": ITEM_COLUMNS, "list_separator": "/", "separator": ";"} | more
    return run(connection, path, "items", **options)


def test_items_with_every_kind_of_field(connection: psycopg.Connection, tmp_path: Path) -> None:
    path = written(tmp_path / "items.csv", ITEMS)
    summary = import_items(connection, path, constants={"language": "en"}, rest_to_attributes=True)
    assert (dict(summary.outcomes), summary.bad.count) == ({"created": 2, "updated": 0, "unchanged": 0}, 0)
    assert item(connection, "k1", "title, categories, people, released_on, duration_minutes, language, hidden") == (
        "Kettle",
        ["Kitchen", "Steel"],
        [{"name": "Ada", "role": "author"}, {"name": "Bo", "role": "author"}],
        dt.date(2001, 2, 3),
        12,
        "en",
        True,
    )
    assert item(connection, "k1", "attributes, available_from") == (
        {"brand": "Acme", "weight": "1.5"},
        dt.datetime(2025, 12, 31, 22, tzinfo=dt.UTC),
    )
    assert item(
        connection, "k2", "title, categories, people, released_on, duration_minutes, attributes, available_from"
    ) == (
        'Pot; "big"',
        [],
        [],
        dt.date(1999, 1, 1),
        None,
        {},
        dt.datetime(2023, 11, 14, 22, 13, 20, tzinfo=dt.UTC),
    )


def test_a_repeat_changes_nothing_and_a_mapped_field_is_the_files_own(
    connection: psycopg.Connection, tmp_path: Path
) -> None:
    path = written(tmp_path / "items.csv", ITEMS)
    import_items(connection, path)
    before = connection.execute("TABLE items ORDER BY 1").fetchall()
    assert import_items(connection, path).outcomes["unchanged"] == 2
    assert connection.execute("TABLE items ORDER BY 1").fetchall() == before
    connection.execute("UPDATE items SET description = 'ours', attributes = attributes || '{\"ours\": 1}'")
    written(path, ITEMS.replace("Acme", "").replace("Kitchen / Steel", ""))
    assert import_items(connection, path).outcomes == {"created": 0, "updated": 1, "unchanged": 1}
    assert item(connection, "k1", "description, categories, attributes") == ("ours", [], {"ours": 1})


def test_bad_items_are_told_and_the_rest_is_taken(connection: psycopg.Connection, tmp_path: Path) -> None:
    rows = ["k1,Kettle,en,1,https://x.org", "k2,,en,1,", f"{'x' * 257},A,en,1,", "k3,A,not a language,1,"]
    rows += ["k4,A,en,1.5,", "k5,A,en,-1,", "k6,A,en,1,javascript:alert(1)", "k1,Again,en,1,", "..,A,en,1,"]
    rows += ["k7,A,en,1e400,", "k8,A,en", "k9,Last,,,"]
    path = written(tmp_path / "items.csv", "item_id,title,language,votes,url\n" + "\n".join(rows))
    summary = run(connection, path, "items")
    assert sorted(told(summary)) == list(range(3, 13))
    assert told(summary)[3] == "title: is missing"
    assert told(summary)[6] == "votes: '1.5' cannot be read"
    assert told(summary)[9] == "item k1 was given before"
    assert [row[0] for row in connection.execute("SELECT id FROM items ORDER BY 1")] == ["k1", "k9"]
    assert item(connection, "k1", "title") == ("Kettle",)


RATINGS = """who,what,stars,when
ada,a/1,10,1700000000
ada,b 2,1,1700000000500
bo,a/1,5.5,2023-11-14T22:13:20Z
cy,a/1,4,2023-11-14 22:13:20
"""
RATING_COLUMNS = {"user_id": "who", "item_id": "what", "value": "stars", "rated_at": "when"}


def test_ratings_of_another_scale_and_every_form_of_time(shop: psycopg.Connection, tmp_path: Path) -> None:
    path = written(tmp_path / "ratings.csv", RATINGS)
    summary = run(shop, path, "ratings", columns=RATING_COLUMNS, scale=(1.0, 10.0))
    when = dt.datetime(2023, 11, 14, 22, 13, 20, tzinfo=dt.UTC)
    assert (dict(summary.outcomes), summary.bad.count) == ({"created": 4}, 0)
    assert ratings(shop) == [
        ("ada", "a/1", 5.0, when),
        ("ada", "b 2", 0.5, when + dt.timedelta(milliseconds=500)),
        ("bo", "a/1", 2.75, when),
        ("cy", "a/1", 2.0, when),
    ]
    assert dict(run(shop, path, "ratings", columns=RATING_COLUMNS, scale=(1.0, 10.0)).outcomes) == {"unchanged": 4}


def test_bad_ratings_are_told_and_the_rest_is_taken(shop: psycopg.Connection, tmp_path: Path) -> None:
    rows = ["ada,a/1,4,1700000000", "ada,a/1,5.5,1", "ada,a/1,nan,1", "ada,a/1,True,1", "ada,none,4,1", ",a/1,4,1"]
    rows += ["ada,a/1,4,2099-01-01", "ada,a/1,4,1850-01-01", "ada,a/1,4,yesterday", "a\0,a/1,4,1", "bo,b 2,3,"]
    header = "user_id,item_id,value,rated_at\n"
    summary = run(shop, written(tmp_path / "ratings.csv", header + "\n".join(rows)), "ratings")
    assert sorted(told(summary)) == list(range(3, 12))
    assert told(summary)[6] == "names an item that is not in the catalogue"
    assert told(summary)[5] == "value: 'True' cannot be read"
    assert [row[:3] for row in ratings(shop)] == [("ada", "a/1", 4.0), ("bo", "b 2", 3.0)]
    assert ratings(shop)[1][3] == NOW


EVENTS = "session_id,user_id,item_id,occurred_at,value\ns1,,a/1,1767139200,\n,ada,b 2,1767139200,0.7\n"


def test_events_are_stored_once_without_an_id_of_their_own(shop: psycopg.Connection, tmp_path: Path) -> None:
    path = written(tmp_path / "events.csv", EVENTS)
    assert dict(run(shop, path, "events", constants={"kind": "play"}).outcomes) == {"created": 2}
    assert dict(run(shop, path, "events", constants={"kind": "play"}).outcomes) == {"duplicate": 2}
    stored = shop.execute("SELECT session_id, user_key IS NULL, kind, value FROM events ORDER BY session_id").fetchall()
    assert stored == [("s1", True, "play", None), (None, False, "play", 0.7)]


def test_bad_events_are_told(shop: psycopg.Connection, tmp_path: Path) -> None:
    rows = ["e1,ada,a/1,like,1767139200,", "e1,ada,b 2,like,1767139200,", "e2,ada,a/1,sneeze,1767139200,"]
    rows += [
        "e3,,a/1,like,1767139200,",
        "e4,ada,a/1,play,1767139200,7",
        "e5,ada,none,like,1767139200,",
        "e6,ada,a/1,like,,",
    ]
    header = "event_id,user_id,item_id,kind,occurred_at,value\n"
    summary = run(shop, written(tmp_path / "events.csv", header + "\n".join(rows)), "events")
    assert dict(summary.outcomes) == {"created": 1}
    assert sorted(told(summary)) == [3, 4, 5, 6, 7, 8]
    assert told(summary)[8] == "occurred_at: is missing"


def test_parquet_with_typed_columns(connection: psycopg.Connection, tmp_path: Path) -> None:
    items = pd.DataFrame(
        {
            "item_id": [9_007_199_254_740_993, 2],
            "title": ["Kettle", "Pot"],
            "tags": [["steel", "steel", "red"], None],
            "released_on": [dt.date(2001, 2, 3), None],
            "votes": pd.array([12, None], "Int64"),
            "safe_for_all": [True, None],
            "sizes": [[1.5, 2.0], None],
        }
    )
    path = tmp_path / "items.parquet"
    items.to_parquet(path)
    assert run(connection, path, "items", rest_to_attributes=True).outcomes["created"] == 2
    assert item(connection, "9007199254740993", "tags, released_on, votes, safe_for_all, attributes") == (
        ["steel", "red"],
        dt.date(2001, 2, 3),
        12,
        True,
        {"sizes": [1.5, 2.0]},
    )
    assert item(connection, "2", "tags, released_on, votes, safe_for_all, attributes") == ([], None, None, False, {})
    given = pd.DataFrame(
        {"user_id": [7, 8], "item_id": [2, 3], "value": [4, 5], "rated_at": pd.to_datetime([NOW, NOW])}
    )
    given.to_parquet(tmp_path / "ratings.parquet")
    summary = run(connection, tmp_path / "ratings.parquet", "ratings")
    assert ratings(connection) == [("7", "2", 4.0, NOW)]
    assert told(summary) == {2: "names an item that is not in the catalogue"}
    with pytest.raises(InvalidInput, match="is not a parquet file"):
        run(connection, written(tmp_path / "text.parquet", "no"), "items")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": {"sku": "item_id"}}, "there is no field 'sku' in items"),
        ({"columns": {"title": "nome"}}, "the file has no column 'nome'"),
        ({"constants": {"attributes.": "x"}}, "there is no field 'attributes.'"),
        ({}, "items need the field title"),
    ],
)
def test_a_mapping_that_does_not_fit_is_refused(
    connection: psycopg.Connection, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        run(connection, written(tmp_path / "items.csv", "item_id,name\n1,Kettle\n"), "items", **options)


def command(*arguments: str) -> object:
    with pytest.raises(SystemExit) as ended:
        main(["import", *arguments])
    return ended.value.code


def test_the_command(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MEDLEY_DATABASE_URL", database_url)
    path = str(written(tmp_path / "items.csv", "sku,title\n1,Kettle\n2,\n"))
    assert command("csv", path, "--kind", "items", "--map", "item_id=sku", "--set", "language=en") == 3
    printed = capsys.readouterr()
    assert "items: 1 created, 0 unchanged, 0 updated" in printed.out
    assert printed.err.splitlines() == ["  items.csv, line 3: title: is missing", "1 lines were left out."]
    assert command("csv", path, "--kind", "items", "--map", "item_id") == 2
    assert "is not like field=value" in capsys.readouterr().err
    assert command("csv", path, "--kind", "ratings", "--scale", "5", "1") == 2
    assert command("csv", path, "--kind", "ratings", "--map", "user_id=sku", "--map", "item_id=sku") == 1
    assert "name its column with --map value=COLUMN" in capsys.readouterr().err


def test_without_pyarrow_parquet_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    assert command("parquet", str(tmp_path / "x.parquet"), "--kind", "items") == 1
    assert capsys.readouterr().err == "medley: Reading parquet needs pyarrow: pip install 'medley[parquet]'\n"
