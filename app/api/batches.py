"""Batches whose rows are looked at one by one: what is well formed goes on, what is not is told apart by its position."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import orjson
from anyio import lowlevel
from fastapi import Response
from pydantic import BaseModel, TypeAdapter, ValidationError

from app.api.errors import ContentTooLarge, field_errors
from app.errors import FieldError, InvalidInput

RowT = TypeVar("RowT", bound=BaseModel)
Rejections = dict[int, list[FieldError]]
ROWS_BETWEEN_PAUSES = 250
MOST_TOLD = 8
"""What is told of the faults of a row."""
MOST_LISTED = 12
"""Faults of a row that are looked at."""
# One for all rows: ten thousand lists would wake the garbage collector.
_NONE: list[Any] = []


async def read_rows(
    batch: Sequence[Any], rows: TypeAdapter[list[RowT]], name: str, most: int
) -> tuple[Sequence[int], list[RowT], Rejections]:
    """The positions and values of the rows that are well formed, and what is wrong with each of the others."""
    if not batch:
        error = FieldError(f"/{name}", "too_short", "A batch holds at least one row")
        raise InvalidInput("The batch is empty.", errors=[error])
    if len(batch) > most:
        raise ContentTooLarge(f"A batch holds at most {most} rows.", code="batch_too_large")
    values: list[RowT] = []
    rejected: Rejections = {}
    for first in range(0, len(batch), ROWS_BETWEEN_PAUSES):
        await lowlevel.checkpoint()  # others are served while a large batch is read
        part = batch[first : first + ROWS_BETWEEN_PAUSES]
        try:
            values += rows.validate_python(part)
        except ValidationError as invalid:
            # One look at all says which rows are bad; a second takes the others.
            many = invalid.error_count() > MOST_LISTED * len(part)
            bad = _rejections_alone(part, rows, first, name) if many else _rejections(invalid, first, name)
            rejected |= bad
            values += rows.validate_python([row for place, row in enumerate(part, first) if place not in bad])
    return [position for position in range(len(batch)) if position not in rejected], values, rejected


def _rejections(invalid: ValidationError, first: int, name: str) -> Rejections:
    """What is wrong with each row that is named, by its position, when the list begins at the row ``first``."""
    by_row: defaultdict[int, list[Any]] = defaultdict(list)
    for error in invalid.errors(include_url=False, include_context=False, include_input=False):
        place, *path = error["loc"]
        by_row[first + int(place)].append({**error, "loc": (first + int(place), *path)})
    return {position: field_errors(errors[:MOST_TOLD], (name,)) for position, errors in by_row.items()}


def _rejections_alone(part: Sequence[Any], rows: TypeAdapter[list[RowT]], first: int, name: str) -> Rejections:
    """The same row by row. Where there is very much wrong with one it is only said how much: to list it all takes a hundred times
    as long as the rest."""
    rejected: Rejections = {}
    for position, row in enumerate(part, first):
        try:
            rows.validate_python([row])
        except ValidationError as invalid:
            if (count := invalid.error_count()) > MOST_LISTED:
                detail = f"{count} things are wrong with this row."
                rejected[position] = [FieldError(f"/{name}/{position}", "too_many_errors", detail)]
            else:
                rejected |= _rejections(invalid, position, name)
    return rejected


def batch_answer(outcomes: Sequence[Mapping[str, Any]], counted: Iterable[str]) -> Response:
    """The outcomes and how many there are of each kind, not through the response model, which would look at every row
    once more."""
    counts = Counter(each["outcome"] for each in outcomes)
    answer = {"counts": {name: counts[name] for name in counted}, "outcomes": outcomes}
    return Response(orjson.dumps(answer), media_type="application/json")


def batch_outcomes(
    count: int, positions: Sequence[int], results: Sequence[str | FieldError], rejected: Rejections, name: str
) -> list[dict[str, Any]]:
    """The outcome of each of the ``count`` rows, in order: ``results`` are those of the rows at ``positions``."""
    outcomes: list[dict[str, Any]] = [{}] * count
    refused: dict[int, Sequence[FieldError]] = dict(rejected)
    for position, result in zip(positions, results, strict=True):
        if isinstance(result, FieldError):
            refused[position] = [replace(result, pointer=f"/{name}/{position}{result.pointer}")]
        else:
            outcomes[position] = {
                "position": position,
                "outcome": result,
                "code": None,
                "detail": None,
                "errors": _NONE,
            }
    return _with_rejections(outcomes, refused)


def _with_rejections(
    outcomes: list[dict[str, Any]], refused: Mapping[int, Sequence[FieldError]]
) -> list[dict[str, Any]]:
    for position, errors in refused.items():
        outcomes[position] = {
            "position": position,
            "outcome": "rejected",
            "code": errors[0].code,
            "detail": errors[0].detail,
            "errors": [{"pointer": each.pointer, "code": each.code, "detail": each.detail} for each in errors],
        }
    return outcomes
