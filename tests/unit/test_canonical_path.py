"""The canonical form of a path: one decoding, one encoding."""

from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.errors import MalformedRequest
from app.api.routing import canonical_path

SEGMENTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


@given(st.lists(SEGMENTS, min_size=1, max_size=5), st.sampled_from(["", "/", ":@!$"]))
def test_segments_survive_whatever_they_hold_and_however_they_were_encoded(segments: list[str], safe: str) -> None:
    safe = safe.replace("/", "")
    raw = "".join("/" + quote(segment, safe=safe) for segment in segments).encode()
    canonical = canonical_path(raw)
    assert canonical.isascii()
    assert [unquote(part) for part in canonical.split("/")[1:]] == segments
    assert canonical_path(canonical.encode()) == canonical


@pytest.mark.parametrize(
    ("raw", "canonical"),
    [
        (b"/", "/"),
        (b"/v1/items%3Abatch", "/v1/items:batch"),
        (b"/v1/%75sers", "/v1/users"),
        (b"/v1/items/a%2Fb", "/v1/items/a%2Fb"),
        (b"/v1/items/a%252Fb", "/v1/items/a%252Fb"),
        (b"/v1/items/%2e%2e", "/v1/items/.."),
        (b"/v1/items/a%2fb", "/v1/items/a%2Fb"),
        ("/v1/items/é".encode(), "/v1/items/%C3%A9"),
        (b"/v1/items/a+b", "/v1/items/a+b"),
        (b"/v1/items/a b", "/v1/items/a%20b"),
    ],
)
def test_one_form(raw: bytes, canonical: str) -> None:
    assert canonical_path(raw) == canonical


@pytest.mark.parametrize(
    "raw", [b"/%", b"/%4", b"/%zz", b"/%ff", b"/%ed%a0%80", b"/\xff", b"//", b"/v1/", b"/v1//items"]
)
def test_what_cannot_be_decoded_or_is_empty_is_malformed(raw: bytes) -> None:
    with pytest.raises(MalformedRequest):
        canonical_path(raw)
