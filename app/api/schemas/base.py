"""The strict base of every schema, and the types that all of them share."""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from app.services import limits
from app.services.limits import Refusal

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")


_BOUNDS: dict[str, Any] = {"minimum": -limits.LARGEST_VALUE, "maximum": limits.LARGEST_VALUE}
FeedbackValue = Annotated[float, Field(json_schema_extra=_BOUNDS)]
"""Of a rating or an event. The bounds are described only: the scale and the kinds of events are settings, and what they refuse
they say better."""


class Strict(BaseModel):
    """Base of what clients send: nothing unknown, nothing converted, no number that is not finite."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, frozen=True)


class Answer(BaseModel):
    """Base of what is answered: every field is always there, and lists are never null."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, from_attributes=True, json_schema_serialization_defaults_required=True
    )


def _raise(refusal: Refusal | None) -> None:
    if refusal is not None:
        raise PydanticCustomError(refusal.code, refusal.detail)  # pyright: ignore[reportArgumentType] - ours, if not literal


def storable_text(value: str) -> str:
    """Refuse what Postgres cannot hold: U+0000 and lone surrogates."""
    _raise(limits.refuse_text(value))
    return value


def _external_id(value: str) -> str:
    _raise(limits.refuse_id(value))
    return value


ExternalId = Annotated[
    str,
    Field(
        min_length=1,
        max_length=limits.LONGEST_ID,
        description="The client's own id: 1 to 256 characters, not `.` or `..`.",
    ),
    AfterValidator(_external_id),
]
Text = Annotated[str, AfterValidator(storable_text)]


def _parse_instant(value: Any) -> datetime:
    """An RFC 3339 time with its offset, as UTC; digits after the sixth are cut off."""
    if not isinstance(value, str) or not _RFC_3339.fullmatch(value):
        raise PydanticCustomError(
            "not_an_instant", "A time must be a string as RFC 3339 has it, with its offset from UTC"
        )
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise PydanticCustomError("not_an_instant", "There is no such time between the years 1 and 9999") from None


Instant = Annotated[
    datetime,
    BeforeValidator(_parse_instant),
    Field(description="RFC 3339, with an offset; answered in UTC.", examples=["2026-11-21T10:15:00Z"]),
]


_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def _parse_date(value: Any) -> date:
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise PydanticCustomError("not_a_date", "A date must be a string of the form YYYY-MM-DD")
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise PydanticCustomError("not_a_date", "There is no such day between the years 1 and 9999") from None


Date = Annotated[date, BeforeValidator(_parse_date), Field(examples=["1994-09-23"])]


def _web_address(value: str) -> str:
    _raise(limits.refuse_address(value))
    return value


WebAddress = Annotated[
    str,
    Field(
        max_length=limits.LONGEST_ADDRESS,
        examples=["https://example.com/318.jpg"],
        json_schema_extra={"format": "uri", "pattern": "^https?://"},
    ),
    AfterValidator(_web_address),
]


def _free_json(value: dict[str, Any]) -> dict[str, Any]:
    _raise(limits.refuse_free_json(value))
    return value


FreeJson = Annotated[
    dict[str, Any],
    AfterValidator(_free_json),
    Field(description=f"Any JSON object of up to {limits.FREE_JSON_BYTES} bytes, up to {limits.FREE_JSON_DEPTH} deep."),
]
