"""What the importers refuse is what the API refuses."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.api.schemas.items import ItemRow
from app.api.strict_json import parse_json
from app.errors import InvalidInput
from app.services import limits
from app.services.item_limits import refuse_item
from app.services.item_merge import ItemFields


def texts(longest: int) -> st.SearchStrategy[str]:
    """Text at and past its limits, and text that Postgres cannot hold."""
    sizes = st.sampled_from([0, 1, 2, longest - 1, longest, longest + 1])
    odd = st.sampled_from(
        ["a\0b", "a\ud800b", "caf\u00e9", "\U0001f3ac", ".", "..", "en", "pt-BR", "e-", "en\n", "{x}"]
    )
    return sizes.map("x".__mul__) | odd


def lists_of(member: st.SearchStrategy[Any], most: int) -> st.SearchStrategy[list[Any]]:
    return st.lists(member, max_size=3) | st.sampled_from([most, most + 1]).map(
        lambda size: [f"label {number}" for number in range(size)]
    )


ADDRESSES = st.sampled_from(
    ["https://example.org/a.jpg", "http://x", "javascript:alert(1)", "https://", "https://a b", "//x", ""]
    + [f"https://example.org/{'x' * (limits.LONGEST_ADDRESS - 20 + extra)}" for extra in (0, 1)]
)
PEOPLE = st.lists(
    st.fixed_dictionaries({"name": texts(limits.LONGEST_NAME)}, optional={"role": texts(limits.LONGEST_ROLE)}),
    max_size=2,
) | st.sampled_from([limits.MOST_PEOPLE, limits.MOST_PEOPLE + 1]).map(lambda size: [{"name": "Ada"}] * size)
JSON = st.recursive(
    st.none() | st.booleans() | st.sampled_from([0, 10**18, 10**18 + 1, -(10**18) - 1, 1.5, 1e19]) | texts(70_000),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "b\0"]), inner, max_size=2),
    max_leaves=12,
)
INSTANTS = st.sampled_from([datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2)])
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "description": texts(limits.LONGEST_DESCRIPTION),
    "categories": lists_of(texts(limits.LONGEST_LABEL), limits.MOST_LABELS),
    "tags": lists_of(texts(limits.LONGEST_LABEL), limits.MOST_LABELS),
    "people": PEOPLE,
    "released_on": st.dates(),
    "duration_minutes": st.sampled_from([-1, 0, 100_000, 100_001]),
    "certificate": texts(limits.LONGEST_CERTIFICATE),
    "language": texts(limits.LONGEST_LANGUAGE),
    "image_url": ADDRESSES,
    "url": ADDRESSES,
    "available_from": INSTANTS,
    "available_until": INSTANTS,
    "votes": st.sampled_from([-1, 0, 2**53, 2**53 + 1]),
    "vote_mean": st.sampled_from([-1e6 - 1, -1e6, 7.5, 1e6, 1e6 + 1]),
    "attributes": st.dictionaries(st.sampled_from(["a", "b\0"]), JSON, max_size=2),
}
# Mostly one field at a time, or almost every item would be refused for another reason than the one looked at.
CHANGED = st.one_of(
    *(st.fixed_dictionaries({name: values}) for name, values in FIELDS.items())
) | st.fixed_dictionaries({}, optional=FIELDS)


def accepted_by_the_api(item_id: str, title: str, more: dict[str, Any]) -> bool:
    sent = {"item_id": item_id, "title": title, **more}
    body = json.dumps(sent, default=lambda each: each.isoformat()).encode()
    try:
        ItemRow.model_validate(parse_json(body))
    except (InvalidInput, ValidationError):
        return False
    return True


@given(texts(limits.LONGEST_ID), texts(limits.LONGEST_TITLE))
def test_ids_and_titles_are_refused_as_the_api_refuses_them(item_id: str, title: str) -> None:
    assert (refuse_item(item_id, ItemFields(title)) is None) == accepted_by_the_api(item_id, title, {})


@given(CHANGED)
def test_fields_are_refused_as_the_api_refuses_them(more: dict[str, Any]) -> None:
    found = refuse_item("1", ItemFields("Title", **more))
    assert (found is None) == accepted_by_the_api("1", "Title", more), found


@pytest.mark.parametrize(
    ("more", "pointer", "code"),
    [
        ({"vote_mean": float("nan")}, "/vote_mean", "out_of_range"),
        ({"attributes": {"a": float("inf")}}, "/attributes", "number_out_of_range"),
        ({"attributes": {"a": ["b\0"]}}, "/attributes", "nul_character"),
        ({"released_on": date(1999, 1, 1), "tags": [""]}, "/tags", "bad_length"),
    ],
)
def test_a_refusal_names_its_field(more: dict[str, Any], pointer: str, code: str) -> None:
    found = refuse_item("1", ItemFields("Title", **more))
    assert found is not None
    assert (found.pointer, found.code) == (pointer, code)
