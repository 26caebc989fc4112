"""Batches whose rows are looked at one by one: what is well formed goes on, what is not is told apart by its position."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from app.api.errors import ContentTooLarge, field_errors
from app.errors import FieldError, InvalidInput

RowT = TypeVar("RowT", bound=BaseModel)
Rejections = dict[int, list[FieldError]]


def read_rows(
    batch: Sequence[Any], rows: TypeAdapter[list[RowT]], name: str, most: int
) -> tuple[Sequence[int], list[RowT], Rejections]:
    """The positions and values of the rows that are well formed, and what is wrong with each of the others."""
    if not batch:
        error = FieldError(f"/{name}", "too_short", "A batch holds at least one row")
        raise InvalidInput("The batch is empty.", errors=[error])
    if len(batch) > most:
        raise ContentTooLarge(f"A batch holds at most {most} rows.", code="batch_too_large")
    positions: Sequence[int] = range(len(batch))
    try:
        return positions, rows.validate_python(batch), {}
    except ValidationError as invalid:
        # One look at the whole list says which rows are bad; a second takes the others.
        by_row: defaultdict[int, list[Any]] = defaultdict(list)
        for error in invalid.errors(include_url=False, include_context=False, include_input=False):
            by_row[int(error["loc"][0])].append(error)
    rejected = {position: field_errors(errors, (name,)) for position, errors in by_row.items()}
    positions = [position for position in positions if position not in rejected]
    return positions, rows.validate_python([batch[position] for position in positions]), rejected


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
            outcomes[position] = {"position": position, "outcome": result, "code": None, "detail": None, "errors": []}
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
