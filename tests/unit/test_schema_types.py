"""The types that all schemas share."""

import json
from base64 import urlsafe_b64encode
from datetime import UTC, date, datetime
from hashlib import blake2b
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from app.api.schemas.base import Date, ExternalId, FreeJson, Instant, Text, WebAddress
from app.api.schemas.paging import decode_cursor, encode_cursor
from app.api.schemas.query import Limit, QueryFlag, QueryInteger, QueryNumber
from app.errors import InvalidInput


def read(kind: Any, value: Any) -> Any:
    return TypeAdapter(kind).validate_python(value)


def refused(kind: Any, value: Any) -> str:
    with pytest.raises(ValidationError) as refusal:
        read(kind, value)
    return refusal.value.errors()[0]["type"]


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-21T10:15:00Z", datetime(2026, 11, 21, 10, 15, tzinfo=UTC)),
        ("2026-11-21t10:15:00z", datetime(2026, 11, 21, 10, 15, tzinfo=UTC)),
        ("2026-11-21T10:15:00.5+02:00", datetime(2026, 11, 21, 8, 15, 0, 500_000, tzinfo=UTC)),
        ("2026-11-21T10:15:00.123456789-00:30", datetime(2026, 11, 21, 10, 45, 0, 123_456, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_instants_are_read_as_utc(text: str, instant: datetime) -> None:
    assert read(Instant, text) == instant
    assert read(Instant, text).utcoffset().total_seconds() == 0


@pytest.mark.parametrize(
    "value",
    ["2026-11-21T10:15:00", "2026-11-21", "2026-02-30T00:00:00Z", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00",
     "2026-11-21T24:01:00Z", "2026-11-21T10:15Z", "20261121T101500Z", "٢٠٢٦-11-21T10:15:00Z", "", 1_763_720_100, None, True,
     datetime(2026, 11, 21, tzinfo=UTC)],
)  # fmt: skip
def test_what_is_no_instant_is_refused(value: Any) -> None:
    assert refused(Instant, value) == "not_an_instant"


@given(st.datetimes(timezones=st.just(UTC)))
def test_every_instant_that_is_written_can_be_read(instant: datetime) -> None:
    assert read(Instant, instant.isoformat()) == instant


@pytest.mark.parametrize(
    "value", ["1994-9-23", "1994-02-30", "0000-01-01", "10000-01-01", "1994-09-23T00:00:00Z", 0, None]
)
def test_what_is_no_date_is_refused(value: Any) -> None:
    assert refused(Date, value) == "not_a_date"


def test_dates_are_read() -> None:
    assert read(Date, "1994-09-23") == date(1994, 9, 23)


@pytest.mark.parametrize(
    "value", ["a", "a/b", " ", "%2F", "popular", "\U0001f3ac", "x" * 256, "\U0001f3ac" * 256, "..."]
)
def test_ids_may_hold_anything(value: str) -> None:
    assert read(ExternalId, value) == value


@pytest.mark.parametrize(
    ("value", "code"),
    [("", "string_too_short"), ("x" * 257, "string_too_long"), (".", "reserved_id"), ("..", "reserved_id"),
     ("a\0b", "nul_character")],
)  # fmt: skip
def test_what_is_no_id_is_refused(value: str, code: str) -> None:
    assert refused(ExternalId, value) == code


def test_text_holds_neither_nul_nor_half_a_pair() -> None:
    assert refused(Text, "a\0") == "nul_character"
    with pytest.raises(ValidationError):
        read(Text, "a\ud800")


@pytest.mark.parametrize("value", ["https://example.com", "http://example.com:8080/a?b=c#d", "https://[::1]/x"])
def test_web_addresses(value: str) -> None:
    assert read(WebAddress, value) == value


@pytest.mark.parametrize(
    "value",
    [
        "javascript:alert(1)",
        "//example.com",
        "/a",
        "example.com",
        "https://",
        "data:text/html,x",
        "https://a b",
        "https://[",
        "",
    ],
)
def test_what_is_no_web_address_is_refused(value: str) -> None:
    assert refused(WebAddress, value) == "not_a_web_address"


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth - 1):
        value = {"a": value}
    return value


def test_free_json_is_bounded_in_depth_size_and_numbers() -> None:
    assert read(FreeJson, nested(8)) == nested(8)
    assert refused(FreeJson, nested(9)) == "too_deep"
    assert refused(FreeJson, {"a": [[[[[[[[]]]]]]]]}) == "too_deep"
    assert read(FreeJson, {"a": "x" * 65_528})
    assert refused(FreeJson, {"a": "x" * 65_529}) == "too_long"
    assert refused(FreeJson, {"a": [1e19]}) == "number_out_of_range"
    assert refused(FreeJson, []) == "dict_type"


@pytest.mark.parametrize("value", ["1.0", " 1", "+1", "1_0", "0x1", "", "01", "true", "\uff11", "1e2", "9" * 19])
def test_integers_of_a_query_are_plain_digits(value: str) -> None:
    assert refused(QueryInteger, value) == "not_an_integer"


@pytest.mark.parametrize("value", ["nan", "inf", "e2", ".5", "5.", "", " 1", "1_0.0"])
def test_numbers_of_a_query_are_written_as_in_json(value: str) -> None:
    assert refused(QueryNumber, value) == "not_a_number"


def test_numbers_of_a_query_may_have_an_exponent_and_are_finite() -> None:
    assert read(QueryNumber, "1e2") == 100
    assert refused(QueryNumber, "1e400") == "not_finite"


def test_query_types_read_what_they_should() -> None:
    assert (read(QueryInteger, "-12"), read(QueryNumber, "0.25"), read(QueryFlag, "true"), read(Limit, "100")) == (
        -12,
        0.25,
        True,
        100,
    )
    assert refused(QueryFlag, "yes") == "not_a_boolean"
    assert refused(Limit, "0") == "greater_than_equal"
    assert refused(Limit, "101") == "less_than_equal"


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), st.integers(-(2**60), 2**60))
def test_cursors_come_back(text: str, number: int) -> None:
    assert decode_cursor("items", encode_cursor("items", text, number)) == [text, number]


@given(st.text(max_size=60))
def test_no_text_passes_for_a_cursor(text: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        decode_cursor("items", text)
    assert refusal.value.errors[0].pointer == "/query/cursor"


def test_cursors_are_bound_to_their_list_and_whole() -> None:
    cursor = encode_cursor("items", "a")
    for mangled, listing in (
        (cursor, "ratings"),
        (cursor[:-1], "items"),
        (cursor + "A", "items"),
        (cursor[::-1], "items"),
    ):
        with pytest.raises(InvalidInput):
            decode_cursor(listing, mangled)


@pytest.mark.parametrize("position", [["a\0b"], [1, "\ud800"], [], [[]], [None], [{}], {"a": 1}, "a", 1.5, None])
def test_cursors_that_were_made_up_are_refused(position: object) -> None:
    payload = json.dumps(position).encode()
    digest = blake2b(payload, digest_size=6, person=b"items").digest()
    with pytest.raises(InvalidInput):
        decode_cursor("items", urlsafe_b64encode(digest + payload).decode().rstrip("="))
