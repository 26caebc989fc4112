"""Adds plots, people, genres and certificates to the movies of a catalogue, from a file that knows them by movie id.

Lines are ``id::title::year::certificate::released::genres::directors::writers::cast::plot``, maybe with more behind; names are
separated by commas, and what stands in brackets behind a name says what for.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from app.engine.terms import Description
from app.errors import InvalidInput
from training.data import ItemRecord
from training.importers.archive import open_files
from training.importers.lines import BadLineError, decode_line, read_blocks

SEPARATOR = "::"
FIELDS = 10
UNKNOWN = frozenset({"", "N/A", "Not Rated", "Unrated"})

_IN_BRACKETS = re.compile(r"\([^)]*\)")


@dataclass(frozen=True, slots=True)
class _Text:
    certificate: str
    genres: list[str]
    people: list[dict[str, str]]
    plot: str


def with_item_text(items: Sequence[ItemRecord], path: Path) -> list[ItemRecord]:
    """The items, in their order, with what the file knows of them; a description that an item has already stays.

    ``path`` is such a file, or a zip file or folder that holds one, named ``.dat``. Raises InvalidInput if no line fits an item.
    """
    found = dict(_read(path))
    enriched = [
        item if (text := found.get(item.id)) is None else replace(item, description=_add(item.description, text))
        for item in items
    ]
    if items and not any(item.id in found for item in items):
        raise InvalidInput(f"{path}: none of its lines is about an item of this catalogue")
    return enriched


def _add(description: Description, text: _Text) -> Description:
    certificate = {} if text.certificate in UNKNOWN else {"certificate": text.certificate}
    return replace(
        description,
        text=description.text or (None if text.plot in UNKNOWN else text.plot),
        tags=[*description.tags, *(genre for genre in text.genres if genre not in description.tags)],
        people=[*description.people, *(person for person in text.people if person not in description.people)],
        attributes=certificate | dict(description.attributes),
    )


def _read(path: Path) -> Iterator[tuple[bytes, _Text]]:
    for archive, member in open_files([path], ".dat"):
        with archive.open(member) as stream:
            for block in read_blocks(stream, member.name.name, header=False):
                for _, line in block.lines():
                    try:
                        fields = decode_line(line, ("utf-8", "latin-1")).split(SEPARATOR)
                    except BadLineError:
                        continue
                    if len(fields) >= FIELDS:
                        yield fields[0].encode(), _parse(fields)


def _parse(fields: Sequence[str]) -> _Text:
    roles = {"director": fields[6], "writer": fields[7], "cast": fields[8]}
    people = [{"role": role, "name": name} for role, names in roles.items() for name in _names(names)]
    return _Text(fields[3].strip(), _names(fields[5]), people, fields[9].strip())


def _names(text: str) -> list[str]:
    """Each name once, in order."""
    names = (name.strip() for name in _IN_BRACKETS.sub("", text).split(","))
    return [name for name in dict.fromkeys(names) if name not in UNKNOWN]
