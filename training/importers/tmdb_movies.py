"""Movies and credits as TMDB data sets write them: lists as JSON or, in the single-file layout, parted by commas."""

import datetime as dt
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import orjson

from app.services.item_merge import ItemFields
from app.services.limits import LONGEST_LABEL, LONGEST_NAME, MOST_LABELS
from training.importers.item_rows import checked_item
from training.importers.lines import BadLineError

IMAGE_ADDRESS = "https://image.tmdb.org/t/p/w500{}"
MOST_ACTORS = 15
MOST_A_ROLE = 5
MOST_NAMES = 20
LARGEST_ID = 10**12
ROLES = {
    "Director": "director",
    "Writer": "writer",
    "Screenplay": "writer",
    "Story": "writer",
    "Novel": "author",
    "Original Music Composer": "composer",
    "Director of Photography": "cinematographer",
    "Editor": "editor",
    "Producer": "producer",
}
_ATTRIBUTES = {
    "companies": "production_companies",
    "countries": "production_countries",
    "spoken_languages": "spoken_languages",
}


def parse_movie(row: Mapping[str, str]) -> ItemFields:
    """One movie. Raises BadLineError for what cannot be a movie; what is merely too much of a list is left out."""
    votes, vote_mean, runtime = _whole(row, "vote_count"), _number(row, "vote_average"), _whole(row, "runtime")
    attributes: dict[str, Any] = {"tmdb_id": parse_tmdb_id(row["id"])}
    for name, column in _ATTRIBUTES.items():
        if names := _names(row, column, MOST_NAMES, LONGEST_NAME):
            attributes[name] = names
    for name in ("imdb_id", "original_title", "tagline"):
        if (value := row.get(name, "").strip()) and value != row["title"].strip():
            attributes[name] = value
    if row.get("adult", "").strip().casefold() == "true":
        attributes["adult"] = True
    poster = row.get("poster_path", "").strip()
    return checked_item(
        row["id"].strip(),
        ItemFields(
            title=row["title"].strip(),
            description=row.get("overview", "").strip() or None,
            categories=_names(row, "genres", MOST_LABELS, LONGEST_LABEL),
            tags=_names(row, "keywords", MOST_LABELS, LONGEST_LABEL),
            released_on=_date(row.get("release_date", "").strip()),
            duration_minutes=runtime or None,
            language=row.get("original_language", "").strip() or None,
            image_url=IMAGE_ADDRESS.format(poster) if poster.startswith("/") else None,
            votes=votes,
            vote_mean=vote_mean if votes else None,
            attributes=attributes,
        ),
    )


def parse_people(row: Mapping[str, str]) -> list[dict[str, str]]:
    """The people of one movie: who wrote and directed it, who plays in it by billing, then others of note; each once a role."""
    cast_list = sorted(_objects(row, "cast"), key=_billing)
    actors = _people(((member, "actor") for member in cast_list), MOST_ACTORS)
    crew = _people(
        ((member, ROLES[job]) for member in _objects(row, "crew") if (job := str(member.get("job"))) in ROLES),
        MOST_A_ROLE,
    )
    first = [person for role in ("director", "writer") for person in crew if person["role"] == role]
    return [*first, *actors, *(person for person in crew if person not in first)]


def parse_tmdb_id(text: str) -> int:
    """TMDB's own number of a movie."""
    text = text.strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 13 and 0 < int(text) <= LARGEST_ID):
        raise BadLineError(f"the id {text[:40]!r} is not a whole number above 0")
    return int(text)


def _names(row: Mapping[str, str], column: str, most: int, longest: int) -> list[str]:
    cell = row.get(column, "").strip()
    given = [str(each.get("name") or "") for each in _objects(row, column)] if cell.startswith("[") else cell.split(",")
    names = dict.fromkeys(" ".join(name.split()) for name in given)
    return [name for name in names if 0 < len(name) <= longest][:most]


def _objects(row: Mapping[str, str], column: str) -> list[dict[str, Any]]:
    cell = row.get(column, "").strip()
    try:
        found: Any = orjson.loads(cell or "[]")
    except orjson.JSONDecodeError as error:
        raise BadLineError(f"{column} is not valid JSON: {error.msg}") from error
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in cast("list[Any]", found)):
        raise BadLineError(f"{column} is not a list of objects")
    return cast("list[dict[str, Any]]", found)


def _billing(member: Mapping[str, Any]) -> float:
    order = member.get("order")
    return order if isinstance(order, int | float) else math.inf


def _people(members: Iterable[tuple[Mapping[str, Any], str]], most: int) -> Sequence[dict[str, str]]:
    """Names with their roles, without repetition, at most ``most`` of each role."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    counts: dict[str, int] = {}
    for member, role in members:
        name = " ".join(str(member.get("name") or "").split())
        if 0 < len(name) <= LONGEST_NAME and (name, role) not in found and counts.get(role, 0) < most:
            counts[role] = counts.get(role, 0) + 1
            found[name, role] = {"name": name, "role": role}
    return list(found.values())


def _number(row: Mapping[str, str], column: str) -> float | None:
    text = row.get(column, "").strip()
    try:
        number = float(text) if text else None
    except ValueError as error:
        raise BadLineError(f"{column} {text[:40]!r} is not a number") from error
    if number is not None and not math.isfinite(number):
        raise BadLineError(f"{column} {text[:40]!r} is not a finite number")
    return number


def _whole(row: Mapping[str, str], column: str) -> int | None:
    number = _number(row, column)
    return None if number is None else round(number)


def _date(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text) if text else None
    except ValueError as error:
        raise BadLineError(f"the release date {text[:40]!r} is not like 1999-12-31") from error
