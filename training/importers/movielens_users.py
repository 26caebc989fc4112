"""What MovieLens tells of the people who rated, as attributes of users: gender, age group and occupation, not where they live."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import LiteralString

import orjson
import psycopg

from training.importers.lines import BadLineError, BadLines, decode_line, read_blocks
from training.importers.movielens_layouts import MovieLensFiles, parse_id
from training.importers.progress import Report, ignore_progress

AGE_GROUPS = (
    (1, "under 18"),
    (18, "18-24"),
    (25, "25-34"),
    (35, "35-44"),
    (45, "45-49"),
    (50, "50-55"),
    (56, "56 and over"),
)
"""From which age on, in years; MovieLens 1M tells of each user the beginning of the group alone."""

OCCUPATIONS_1M = (
    "other", "educator", "artist", "clerical", "college student", "customer service", "healthcare", "executive", "farmer",
    "homemaker", "school student", "lawyer", "programmer", "retired", "sales", "scientist", "self-employed", "engineer",
    "craftsman", "unemployed", "writer",
)  # fmt: skip
GENDERS = {"F": "female", "M": "male"}

_STAGE: LiteralString = """
CREATE TEMPORARY TABLE movielens_users (id text COLLATE "C" PRIMARY KEY, attributes jsonb NOT NULL) ON COMMIT DROP
"""
# Other attributes stay, and so does who has not rated: nobody becomes a user by this. Locked in the order of ids, as other
# writers of several users do.
_MERGE: LiteralString = """
WITH known AS MATERIALIZED (
    SELECT users.key, given.attributes FROM users JOIN movielens_users AS given USING (id)
    WHERE NOT users.attributes @> given.attributes ORDER BY users.id FOR UPDATE OF users
)
UPDATE users SET attributes = users.attributes || known.attributes FROM known WHERE users.key = known.key
"""


@dataclass(frozen=True, slots=True)
class UserRow:
    """One user as an archive describes them."""

    id: str
    attributes: dict[str, str]


@dataclass(frozen=True, slots=True)
class _UserFile:
    name: str
    header: bool
    parse: Callable[[str], UserRow]


def import_users(
    connection: psycopg.Connection, found: MovieLensFiles, bad: BadLines, report: Report = ignore_progress
) -> int:
    """Add what the archive tells of users to those who are stored; gives how many were changed. Within the caller's
    transaction; nothing where the archive has no such file."""
    with connection.cursor() as cursor:
        cursor.execute(_STAGE)
        seen: set[str] = set()
        with cursor.copy("COPY movielens_users (id, attributes) FROM STDIN") as copy:
            for user in read_users(found, bad, report):
                if user.id not in seen:
                    seen.add(user.id)
                    copy.write_row((user.id, orjson.dumps(user.attributes).decode()))
        return cursor.execute(_MERGE).rowcount if seen else 0


def read_users(found: MovieLensFiles, bad: BadLines, report: Report = ignore_progress) -> Iterator[UserRow]:
    """The users of an archive; none where it does not tell of them."""
    file = _FILES.get(found.layout.ratings)
    member = found.files.get(file.name) if file else None
    if file is None or member is None:
        return
    with found.archive.open(member) as stream:
        for block in read_blocks(stream, file.name, header=file.header):
            for number, line in block.lines():
                try:
                    yield file.parse(decode_line(line, ("utf-8", "latin-1")))
                except BadLineError as error:
                    bad.add(file.name, number, str(error))
            report(member.name.name, block.end, member.size)


def _user(user_id: str, gender: str, age: str, occupation: str) -> UserRow:
    attributes: dict[str, str] = {}
    if gender in GENDERS:
        attributes["gender"] = GENDERS[gender]
    if age.isdigit() and 0 < int(age) < 130:
        attributes["age_group"] = [name for least, name in AGE_GROUPS if int(age) >= least][-1]
    if occupation and len(occupation) <= 50 and occupation not in {"other", "none"}:
        attributes["occupation"] = occupation
    return UserRow(parse_id(user_id), attributes)


def _parse_dat(line: str) -> UserRow:
    user_id, gender, age, occupation, _ = _fields(line.split("::"))
    if not occupation.isdigit() or int(occupation) >= len(OCCUPATIONS_1M):
        raise BadLineError(f"the occupation {occupation[:40]!r} is none of those there are")
    return _user(user_id, gender, age, OCCUPATIONS_1M[int(occupation)])


def _parse_100k(line: str) -> UserRow:
    user_id, age, gender, occupation, _ = _fields(line.split("|"))
    return _user(user_id, gender, age, occupation)


def _parse_recbole(line: str) -> UserRow:
    user_id, age, gender, occupation, _ = _fields(line.split("\t"))
    return _user(user_id, gender, age, occupation)


def _fields(fields: Sequence[str]) -> tuple[str, str, str, str, str]:
    if len(fields) != 5:
        raise BadLineError(f"has {len(fields)} fields, not 5")
    first, second, third, fourth, fifth = (each.strip() for each in fields)
    return first, second, third, fourth, fifth


_FILES = {
    "ratings.dat": _UserFile("users.dat", header=False, parse=_parse_dat),
    "u.data": _UserFile("u.user", header=False, parse=_parse_100k),
    "ml-100k.inter": _UserFile("ml-100k.user", header=True, parse=_parse_recbole),
}
"""By the name of the file of ratings, which tells the layout."""
