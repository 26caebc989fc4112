"""What an import of MovieLens tells of users: their gender, age group and occupation, where the archive has them."""

from pathlib import Path
from typing import Any

import psycopg
import pytest
from movielens_archives import NOW, OF_1M, OF_100K, OF_RECBOLE, RULES, folder_of, run

from training.importers.movielens import import_movielens

OF_ALL = {
    "10": {"gender": "female", "age_group": "25-34", "occupation": "lawyer"},
    "11": {"gender": "male", "age_group": "under 18"},
}
USERS = {
    "users.dat": b"10::F::25::11::02139\n11::M::1::0::1\n12::M::56::16::never rated\nno user\n10::F::25::99::1\n",
    "u.user": b"10|29|F|lawyer|02139\n11|7|M|other|00000\n12|60|M|retired|1\nno user\n",
    "ml-100k.user": b"user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token\n"
    b"10\t29\tF\tlawyer\t1\n11\t7\tM\tother\t1\n",
}


def attributes(connection: psycopg.Connection) -> dict[str, Any]:
    return dict(connection.execute("SELECT id, attributes FROM users").fetchall())


@pytest.mark.parametrize(
    ("files", "name", "bad"),
    [(OF_1M, "users.dat", 2), (OF_100K, "u.user", 1), (OF_RECBOLE, "ml-100k.user", 0)],
    ids=["1m", "100k", "recbole"],
)
def test_attributes_of_those_who_rated(
    connection: psycopg.Connection, tmp_path: Path, files: dict[str, bytes], name: str, bad: int
) -> None:
    path = folder_of(files | {name: USERS[name]}, tmp_path / "a")
    without = import_movielens(connection, path, RULES, now=NOW, user_attributes=False)
    assert (without.users, without.bad.count, attributes(connection)) == (0, 0, {"10": {}, "11": {}})
    summary = run(connection, path)
    assert (summary.users, summary.bad.count) == (2, bad)
    assert attributes(connection) == OF_ALL
    connection.execute(
        'UPDATE users SET attributes = attributes || \'{"ours": 1, "gender": "other"}\' WHERE id = \'10\''
    )
    assert run(connection, path, whole=True).users == 1
    assert attributes(connection) == OF_ALL | {"10": OF_ALL["10"] | {"ours": 1}}
