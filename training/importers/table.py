"""Any shop's items, ratings and events from a table, by a mapping of its columns; repeatable, in constant memory."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg

from app.config import Settings
from app.errors import FieldError
from app.services.event_merge import EventRow, merge_events_sync
from app.services.events import EventLimits
from app.services.item_merge import ItemFields
from app.services.limits import (
    LARGEST_POSITION,
    LONGEST_KIND,
    LONGEST_RECOMMENDATION_ID,
    refuse_id,
    refuse_length,
)
from app.services.rating_merge import RatingRow, merge_ratings_sync
from app.services.ratings import RatingRules
from training.importers.item_rows import ItemMerger, MergeRules, Row, Rule, checked_item, refresh_statistics
from training.importers.lines import BadLineError, BadLines
from training.importers.progress import Report, ignore_progress
from training.importers.table_fields import Fields, Kind, TableMapping, Values, resolve_fields
from training.importers.table_files import TableFile

_REFUSED: Mapping[str, str] = {
    "unknown_item": "names an item that is not in the catalogue",
    "reused": "has an event_id that is stored with something else",
}


@dataclass(slots=True)
class TableSummary:
    """What an import did: how many rows had each outcome, and the lines left out."""

    outcomes: Counter[str] = field(default_factory=Counter[str])
    bad: BadLines = field(default_factory=BadLines)


def import_table(
    connection: psycopg.Connection,
    table: TableFile,
    kind: Kind,
    mapping: TableMapping,
    *,
    settings: Settings,
    now: datetime,
    scale: tuple[float, float] | None = None,
    report: Report = ignore_progress,
) -> TableSummary:
    """Import the rows of a table as items, ratings or events; ``scale`` is the lowest and highest rating of the file.

    The connection is in autocommit mode; each chunk is a transaction. What the API would refuse is refused here, line by
    line. Raises InvalidInput for a mapping that does not fit the table.
    """
    fields = resolve_fields(kind, table.columns, mapping)
    summary = TableSummary()
    if kind == "items":
        _import_items(connection, table, fields, summary, now, report)
    elif kind == "ratings":
        rules = RatingRules.of(settings)
        _import_feedback(connection, table, fields, summary, _rating_merge(rules, scale, now), report)
    else:
        _import_feedback(connection, table, fields, summary, _event_merge(EventLimits.of(settings), now), report)
    refresh_statistics(connection, summary.outcomes["created"] + summary.outcomes["updated"])
    return summary


def _import_items(
    connection: psycopg.Connection,
    table: TableFile,
    fields: Fields,
    summary: TableSummary,
    now: datetime,
    report: Report,
) -> None:
    named = (*fields.columns, *fields.constants)
    owned = [name.partition(".")[2] for name in named if name.startswith("attributes.")]
    columns = dict.fromkeys(name.partition(".")[0] for name in named if name != "item_id")
    rules: dict[str, Rule] = {name: "merge" if name == "attributes" else "replace" for name in columns}
    merger = ItemMerger(connection, MergeRules(rules, owned=owned), now=now)
    with table.open(summary.bad) as chunks, merger:
        for records in chunks:
            rows = _item_rows(table.name, fields.rows(table.name, records.frame, summary.bad), summary.bad)
            for line, item_id in merger.merge(rows):
                summary.bad.add(table.name, line, f"item {item_id} was given before")
            report(table.name, records.end, table.size)
    counts = merger.counts
    summary.outcomes.update(created=counts.created, updated=counts.updated, unchanged=counts.unchanged)


def _item_rows(name: str, rows: Iterable[tuple[int, Values]], bad: BadLines) -> Iterator[Row]:
    for line, values in rows:
        item = _item(values)
        try:
            yield line, values["item_id"], checked_item(values["item_id"], item)
        except BadLineError as error:
            bad.add(name, line, str(error))


def _item(values: Values) -> ItemFields:
    plain: dict[str, Any] = {}
    people: list[dict[str, str]] = []
    attributes: dict[str, Any] = {}
    for name, value in values.items():
        group, _, rest = name.partition(".")
        if value is None or name == "item_id":
            continue
        if group == "people":
            people += [{"name": each, "role": rest} if rest else {"name": each} for each in value]
        elif group == "attributes":
            attributes[rest] = value
        else:
            plain[name] = value
    return ItemFields(**plain, people=people, attributes=attributes)


_Merge = Callable[[psycopg.Connection, list[Any]], list[Any]]


@dataclass(frozen=True, slots=True)
class _Feedback:
    """How one kind of feedback is made from a row's values, checked and merged."""

    make: Callable[[Values], Any]
    merge: _Merge


def _import_feedback(
    connection: psycopg.Connection,
    table: TableFile,
    fields: Fields,
    summary: TableSummary,
    feedback: _Feedback,
    report: Report,
) -> None:
    with table.open(summary.bad) as chunks:
        for records in chunks:
            lines: list[int] = []
            rows: list[Any] = []
            for line, values in fields.rows(table.name, records.frame, summary.bad):
                try:
                    rows.append(feedback.make(values))
                    lines.append(line)
                except BadLineError as error:
                    summary.bad.add(table.name, line, str(error))
            with connection.transaction():
                outcomes = feedback.merge(connection, rows)
            for line, outcome in zip(lines, outcomes, strict=True):
                if outcome in _REFUSED:
                    summary.bad.add(table.name, line, _REFUSED[outcome])
                else:
                    summary.outcomes[outcome] += 1
            report(table.name, records.end, table.size)


def _rating_merge(rules: RatingRules, scale: tuple[float, float] | None, now: datetime) -> _Feedback:
    low, high = scale or (rules.minimum, rules.maximum)
    share = (rules.maximum - rules.minimum) / (high - low)

    def make(values: Values) -> RatingRow:
        value: float = values["value"]
        if not low <= value <= high:
            raise BadLineError(f"the rating {value:g} is off the scale of {low:g} to {high:g}")
        if scale:
            value = min(max(rules.minimum + (value - low) * share, rules.minimum), rules.maximum)
        rated_at = values.get("rated_at")
        _check_ids(values)
        _refuse(rules.offence(value, rated_at, now))
        return values["user_id"], values["item_id"], value, rated_at

    def merge(connection: psycopg.Connection, rows: list[Any]) -> list[Any]:
        placeholders = rules.create_placeholder_items
        return merge_ratings_sync(connection, rows, now=now, create_placeholder_items=placeholders)

    return _Feedback(make, merge)


def _event_merge(limits: EventLimits, now: datetime) -> _Feedback:
    def make(values: Values) -> EventRow:
        _check_ids(values)
        given = {name: value for name, value in values.items() if value is not None}
        given.setdefault("event_id", _event_id(given))
        event = EventRow(**given)
        _refuse(limits.offence(event, now))
        return event

    def merge(connection: psycopg.Connection, rows: list[Any]) -> list[Any]:
        return merge_events_sync(connection, rows, now=now)

    return _Feedback(make, merge)


def _event_id(values: Values) -> str:
    """An id made of what an event says, so that a second import of the same file stores nothing twice."""
    text = "\x1f".join(f"{name}={values[name]}" for name in sorted(values))
    return f"import-{hashlib.sha256(text.encode()).hexdigest()[:40]}"


def _check_ids(values: Values) -> None:
    for name in ("user_id", "item_id", "session_id", "event_id"):
        refusal = refuse_id(value) if (value := values.get(name)) is not None else None
        if refusal is not None:
            raise BadLineError(f"{name}: {refusal.detail}")
    for name, longest in (("kind", LONGEST_KIND), ("recommendation_id", LONGEST_RECOMMENDATION_ID)):
        refusal = refuse_length(value, longest) if (value := values.get(name)) is not None else None
        if refusal is not None:
            raise BadLineError(f"{name}: {refusal.detail}")
    position = values.get("position")
    if position is not None and not 1 <= position <= LARGEST_POSITION:
        raise BadLineError(f"position: must lie between 1 and {LARGEST_POSITION}")


def _refuse(offence: FieldError | None) -> None:
    if offence is not None:
        raise BadLineError(f"{offence.pointer.removeprefix('/')}: {offence.detail}")
