"""Archives of invented movies in every layout of MovieLens, and what an import of them leaves in a database."""

import datetime as dt
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg

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
