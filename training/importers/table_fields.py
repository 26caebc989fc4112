"""Which fields the rows of a table may have, and from which columns or constants they come."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import pandas as pd

from app.errors import InvalidInput
from training.importers import table_cells as cells
from training.importers.lines import BadLineError, BadLines

Kind = Literal["items", "ratings", "events"]
Values = Mapping[str, Any]
_Reader = Callable[[pd.Series], cells.Cells]

ITEM_FIELDS: Mapping[str, _Reader] = {
    "item_id": cells.texts,
    "title": cells.texts,
    "description": cells.texts,
    "released_on": cells.dates,
    "duration_minutes": cells.whole_numbers,
    "certificate": cells.texts,
    "language": cells.texts,
    "image_url": cells.texts,
    "url": cells.texts,
    "available_from": cells.instants,
    "available_until": cells.instants,
    "votes": cells.whole_numbers,
    "vote_mean": cells.numbers,
    "hidden": cells.flags,
    "safe_for_all": cells.flags,
}
LIST_FIELDS = ("categories", "tags", "people")
RATING_FIELDS: Mapping[str, _Reader] = {
    "user_id": cells.texts,
    "item_id": cells.texts,
    "value": cells.numbers,
    "rated_at": cells.instants,
}
EVENT_FIELDS: Mapping[str, _Reader] = {
    "event_id": cells.texts,
    "user_id": cells.texts,
    "session_id": cells.texts,
    "item_id": cells.texts,
    "kind": cells.texts,
    "value": cells.numbers,
    "occurred_at": cells.instants,
    "recommendation_id": cells.texts,
    "position": cells.whole_numbers,
}
REQUIRED: Mapping[Kind, Sequence[str]] = {
    "items": ("item_id", "title"),
    "ratings": ("user_id", "item_id", "value"),
    "events": ("item_id", "kind", "occurred_at"),
}


@dataclass(frozen=True, slots=True)
class TableMapping:
    """Where fields come from: ``columns`` names the column of a field that is called otherwise, ``constants`` give every
    row the same. ``rest_to_attributes`` puts all other columns of an item into its attributes."""

    columns: Mapping[str, str] = field(default_factory=dict[str, str])
    constants: Mapping[str, str] = field(default_factory=dict[str, str])
    list_separator: str = "|"
    rest_to_attributes: bool = False


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of one file, each with its column or constant and its reader."""

    columns: Mapping[str, str]
    constants: Mapping[str, str]
    readers: Mapping[str, _Reader]
    required: Sequence[str]

    def rows(self, name: str, frame: pd.DataFrame, bad: BadLines) -> Iterator[tuple[int, Values]]:
        """The rows of a chunk by line; those with a cell that cannot be read or is missing are taken down in ``bad``."""
        read = {ours: self.readers[ours](frame[theirs]) for ours, theirs in self.columns.items()}
        for ours, constant in self.constants.items():
            read[ours] = list(self.readers[ours](pd.Series([constant], dtype=object))) * len(frame)
        names = list(read)
        for place, line in enumerate(frame.index.tolist()):
            values = {ours: read[ours][place] for ours in names}
            try:
                self._check(values, frame, place)
            except BadLineError as error:
                bad.add(name, line, str(error))
            else:
                yield line, values

    def _check(self, values: Values, frame: pd.DataFrame, place: int) -> None:
        for ours, value in values.items():
            if value is cells.BAD:
                given = frame[self.columns[ours]].iloc[place] if ours in self.columns else self.constants[ours]
                raise BadLineError(f"{ours}: {str(given)[:40]!r} cannot be read")
            if value is None and ours in self.required:
                raise BadLineError(f"{ours}: is missing")


def resolve_fields(kind: Kind, header: Sequence[str], mapping: TableMapping) -> Fields:
    """Find the column of each field. Raises InvalidInput for a field or column that does not exist, or a required one that
    is given by neither column nor constant."""
    readers = _readers(kind, mapping)
    for ours in (*mapping.columns, *mapping.constants):
        if _reader_of(ours, kind, readers, mapping) is None:
            raise InvalidInput(
                f"there is no field {ours!r} in {kind}: the fields are {', '.join(readers)}{_more(kind)}"
            )
    for theirs in mapping.columns.values():
        if theirs not in header:
            raise InvalidInput(f"the file has no column {theirs!r}: its columns are {', '.join(header)}")
    taken = {*mapping.columns.values()}
    columns = dict(mapping.columns)
    for name in header:
        if name in readers and name not in columns and name not in mapping.constants and name not in taken:
            columns[name] = name
    if kind == "items" and mapping.rest_to_attributes:
        used = {*columns.values()}
        columns |= {f"attributes.{name}": name for name in header if name and name not in used}
    for ours in REQUIRED[kind]:
        if ours not in columns and ours not in mapping.constants:
            raise InvalidInput(f"{kind} need the field {ours}: name its column with --map {ours}=COLUMN")
    found = {ours: _reader_of(ours, kind, readers, mapping) for ours in (*columns, *mapping.constants)}
    known = {ours: reader for ours, reader in found.items() if reader is not None}
    return Fields(columns, dict(mapping.constants), known, REQUIRED[kind])


def _readers(kind: Kind, mapping: TableMapping) -> dict[str, _Reader]:
    if kind == "ratings":
        return dict(RATING_FIELDS)
    if kind == "events":
        return dict(EVENT_FIELDS)
    lists = partial(cells.lists, separator=mapping.list_separator)
    return dict(ITEM_FIELDS) | dict.fromkeys(LIST_FIELDS, lists)


def _reader_of(ours: str, kind: Kind, readers: Mapping[str, _Reader], mapping: TableMapping) -> _Reader | None:
    group, _, rest = ours.partition(".")
    if kind == "items" and rest and group == "people":
        return readers["people"]
    if kind == "items" and rest and group == "attributes":
        return partial(cells.attributes, separator=mapping.list_separator)
    return readers.get(ours)


def _more(kind: Kind) -> str:
    return ", people.ROLE, attributes.NAME" if kind == "items" else ""
