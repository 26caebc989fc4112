"""What the JSON reader takes, and what it refuses and where it says the fault is."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.errors import MalformedRequest
from app.api.strict_json import MAX_DEPTH, parse_json
from app.errors import InvalidInput

STORABLE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | STORABLE,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(STORABLE, inner, max_size=5),
    max_leaves=30,
)


@given(VALUES, st.booleans())
def test_whatever_json_can_hold_comes_back(value: Any, ascii_only: bool) -> None:
    assert parse_json(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@given(st.binary(max_size=200) | st.text(st.sampled_from('{}[]",:0123eE+-.\\ud8NaIfty'), max_size=60).map(str.encode))
def test_no_bytes_do_worse_than_a_refusal(body: bytes) -> None:
    try:
        value = parse_json(body)
    except InvalidInput:
        return
    # What is accepted is what the standard reader makes of it, and can be written again.
    assert json.loads(body) == value
    json.dumps(value, allow_nan=False)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "empty_body"),
        (b"\xef\xbb\xbf{}", "byte_order_mark"),
        (b'{"a": "\xff"}', "invalid_utf8"),
        (b'{"a": "\xed\xa0\x80"}', "invalid_utf8"),
        (b'{"a": 1', "malformed_json"),
        (b"{'a': 1}", "malformed_json"),
        (b'{"a": 1,}', "malformed_json"),
        (b'{"a": 01}', "malformed_json"),
        (b'"a\nb"', "malformed_json"),
        (b"{} {}", "trailing_data"),
        ('{"a": 1}'.encode("utf-16"), "invalid_utf8"),
    ],
)
def test_what_is_no_json_is_malformed(body: bytes, code: str) -> None:
    with pytest.raises(MalformedRequest) as refusal:
        parse_json(body)
    assert refusal.value.code == code


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', "/b/c", "duplicate_key"),
        (b'{"a": 1, "\\u0061": 2}', "/a", "duplicate_key"),
        (b'[{"x/y~z": 1, "x/y~z": 1}]', "/0/x~1y~0z", "duplicate_key"),
        (b'{"a": [0, NaN]}', "/a/1", "number_out_of_range"),
        (b'{"a": -Infinity}', "/a", "number_out_of_range"),
        (b'{"a": 1e400}', "/a", "number_out_of_range"),
        (b'{"a": 9223372036854775808}', "/a", "number_out_of_range"),
        (b'{"a": -' + b"9" * 5000 + b"}", "/a", "number_out_of_range"),
        (b'{"a": "x\\u0000y"}', "/a", "nul_character"),
        (b'{"a": "\\ud800"}', "/a", "lone_surrogate"),
        (b'{"a": "\\udc00\\ud800"}', "/a", "lone_surrogate"),
        (b'{"a\\u0000": 1}', "/a\ufffd", "nul_character"),
        (b'"\\u0000"', "", "nul_character"),
    ],
)
def test_what_cannot_be_accepted_is_pointed_at(body: bytes, pointer: str, code: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        parse_json(body)
    assert (refusal.value.errors[0].pointer, refusal.value.errors[0].code) == (pointer, code)


def test_every_fault_is_told_up_to_a_hundred() -> None:
    with pytest.raises(InvalidInput) as refusal:
        parse_json(b"[" + b",".join([b"NaN"] * 500) + b"]")
    assert [error.pointer for error in refusal.value.errors] == [f"/{position}" for position in range(100)]


def test_escapes_that_only_look_suspicious_are_kept() -> None:
    assert parse_json(b'{"a": "\\ud83d\\ude00", "b": "\\\\u0000"}') == {"a": "\U0001f600", "b": "\\u0000"}


def test_numbers_at_the_edges_are_kept() -> None:
    largest, tiny = parse_json(b"[9223372036854775807, 1e-400]")
    assert largest == 2**63 - 1
    assert tiny == 0
    assert math.copysign(1, parse_json(b"-0.0")) == -1


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 900, 100_000])
def test_deep_nesting_is_refused_and_never_overflows(opening: bytes, depth: int) -> None:
    closing = b"]" if opening == b"[" else b"}"
    with pytest.raises(InvalidInput) as refusal:
        parse_json(opening * depth + b"1" + closing * depth)
    assert refusal.value.code == "too_deep"


def test_nesting_up_to_the_limit_is_read() -> None:
    assert parse_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH) is not None
