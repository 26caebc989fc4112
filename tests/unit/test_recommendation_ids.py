"""Recommendation ids: what a list was comes back from its id, and from nothing that was made up."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services.limits import LONGEST_RECOMMENDATION_ID
from app.services.recommendation_ids import LIST_CODES, PREFIX, ListKind, make_recommendation_id, read_recommendation_id
from app.services.signing import Signer

SIGNER = Signer(b"0123456789abcdef0123456789abcdef")
NOW = datetime(2026, 11, 21, 10, 15, 3, tzinfo=UTC)
NAMES = st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), min_size=1, max_size=256)


@given(kind=st.sampled_from(list(LIST_CODES)), release=st.none() | NAMES, variant=st.none() | NAMES)
def test_an_id_says_what_its_list_was(kind: ListKind, release: str | None, variant: str | None) -> None:
    token = make_recommendation_id(SIGNER, kind, release, NOW, variant)
    read = read_recommendation_id(SIGNER, token)
    assert read is not None
    assert (read.kind, read.made_at, read.release, read.variant) == (kind, NOW, release, variant)
    assert len(token) <= LONGEST_RECOMMENDATION_ID
    assert token.startswith(PREFIX)


def test_lists_of_the_same_moment_have_ids_of_their_own() -> None:
    made = {make_recommendation_id(SIGNER, "popular", "r1", NOW) for _ in range(100)}
    assert len(made) == 100


@pytest.mark.parametrize("token", ["", "rec_", "rec_1", "rec_\u00e9", SIGNER.sign("recommendation", b"1"),
                                   PREFIX + SIGNER.sign("cursor", bytes(20))])  # fmt: skip
def test_what_was_made_up_says_nothing(token: str) -> None:
    assert read_recommendation_id(SIGNER, token) is None


def test_what_was_changed_or_signed_by_another_says_nothing() -> None:
    token = make_recommendation_id(SIGNER, "home", "r1", NOW)
    assert read_recommendation_id(Signer(b"x" * 32), token) is None
    for at in range(len(PREFIX), len(token)):
        other = "A" if token[at] != "A" else "B"
        assert read_recommendation_id(SIGNER, token[:at] + other + token[at + 1 :]) is None
