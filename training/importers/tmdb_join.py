"""Which items TMDB's movies belong to: those that know their TMDB id, those that a links file names, or their own."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg

from app.errors import Conflict, InvalidInput
from training.importers.archive import open_files
from training.importers.item_rows import MergeRules, Rule
from training.importers.lines import BadLineError, BadLines
from training.importers.records import read_header, read_records
from training.importers.tmdb_movies import parse_tmdb_id

LINK_COLUMNS = {"movieId", "tmdbId"}

# A catalogue that TMDB alone fills: what it says stands, what it does not say stays.
_OWN: Mapping[str, Rule] = {
    "title": "update",
    "description": "update",
    "categories": "update",
    "tags": "update",
    "released_on": "update",
    "duration_minutes": "update",
    "language": "update",
    "image_url": "update",
    "votes": "update",
    "vote_mean": "update",
    "attributes": "merge",
}
# Items of another source: its facts stay, TMDB's come beside them, and only the votes are TMDB's to say.
_JOINED: Mapping[str, Rule] = {
    "title": "keep",
    "description": "fill",
    "categories": "fill",
    "tags": "add",
    "released_on": "refine",
    "duration_minutes": "fill",
    "language": "fill",
    "image_url": "fill",
    "votes": "update",
    "vote_mean": "update",
    "attributes": "merge",
}


@dataclass(frozen=True, slots=True)
class Join:
    """How TMDB's movies become items. ``items`` are the ids of the items of each TMDB id; None where every movie is an
    item under TMDB's own id."""

    items: Mapping[int, list[str]] | None

    @property
    def movie_rules(self) -> MergeRules:
        """What becomes of an item when its movie is read."""
        return MergeRules(_OWN) if self.items is None else MergeRules(_JOINED, revive=False)

    @property
    def people_rules(self) -> MergeRules:
        """What becomes of an item when its credits are read."""
        return MergeRules({"title": "keep", "people": "update" if self.items is None else "fill"}, revive=False)

    def items_of(self, tmdb_id: int) -> list[str]:
        """The ids of the items that a movie belongs to."""
        return [str(tmdb_id)] if self.items is None else self.items.get(tmdb_id, [])


def find_join(connection: psycopg.Connection, links: Path | None, bad: BadLines) -> Join:
    """Look at the catalogue and decide. Raises Conflict where TMDB's ids would be mixed with ids of another source."""
    if links is not None:
        return Join(_read_links(connection, links, bad))
    foreign, own, any_item = connection.execute(
        "SELECT coalesce(bool_or(attributes ->> 'tmdb_id' <> id), false),"
        " coalesce(bool_or(attributes ->> 'tmdb_id' = id), false), count(*) > 0 FROM items WHERE deleted_at IS NULL"
    ).fetchone() or (False, False, False)
    if foreign:
        return Join(known_items(connection))
    if any_item and not own:
        raise Conflict(
            "The catalogue holds items under ids of another source, and none of them has attributes.tmdb_id: TMDB's ids "
            "would be mixed with theirs. Name the file that joins the two: --links links.csv",
            code="ids_of_two_sources",
        )
    return Join(None)


def known_items(connection: psycopg.Connection) -> dict[int, list[str]]:
    """The ids of the items that carry a TMDB id, by it."""
    found: dict[int, list[str]] = {}
    rows = connection.execute(
        "SELECT id, (attributes ->> 'tmdb_id')::bigint FROM items"
        " WHERE deleted_at IS NULL AND attributes ->> 'tmdb_id' ~ '^[0-9]{1,13}$' ORDER BY id"
    )
    for item_id, tmdb_id in rows:
        found.setdefault(tmdb_id, []).append(item_id)
    return found


def _read_links(connection: psycopg.Connection, path: Path, bad: BadLines) -> dict[int, list[str]]:
    """The ids of the items that a links file names and the catalogue has, by TMDB id."""
    known = {item_id for (item_id,) in connection.execute("SELECT id FROM items WHERE deleted_at IS NULL")}
    found: dict[int, list[str]] = {}
    for item_id, tmdb_id in _link_rows(path, bad):
        if item_id in known:
            found.setdefault(tmdb_id, []).append(item_id)
    if not found:
        raise Conflict(f"{path} names no item of the catalogue: import the items first", code="nothing_to_join")
    return found


def _link_rows(path: Path, bad: BadLines) -> Iterator[tuple[str, int]]:
    for archive, member in open_files([path], ".csv"):
        name = member.name.name
        with archive.open(member) as stream:
            if not set(read_header(stream, name)) >= LINK_COLUMNS:
                continue
        with archive.open(member) as stream:
            for records in read_records(stream, name, bad):
                for line, item_id, tmdb_id in records.frame[["movieId", "tmdbId"]].itertuples():
                    try:
                        if tmdb_id.strip():
                            yield item_id.strip(), parse_tmdb_id(tmdb_id)
                    except BadLineError as error:
                        bad.add(name, line, str(error))
        return
    raise InvalidInput(f"{path}: there is no file with the columns movieId and tmdbId")
