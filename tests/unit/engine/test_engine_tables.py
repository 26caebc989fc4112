"""Tables of strings and arrays that grow."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.engine.growing import GrowingArray
from app.engine.strings import StringTable

STRINGS = st.text(max_size=6).map(str.encode)


@given(st.sets(STRINGS, max_size=20), STRINGS)
def test_a_string_is_found_where_it_stands_and_no_other_is(strings: set[bytes], other: bytes) -> None:
    ordered = sorted(strings)
    table = StringTable.of(ordered)
    assert len(table) == len(ordered)
    assert list(table) == ordered
    assert [table.find(s) for s in ordered] == list(range(len(ordered)))
    assert table.find(other) == (ordered.index(other) if other in strings else None)


def test_a_table_counts_from_its_end_and_no_further() -> None:
    table = StringTable.of([b"", "é".encode(), "映画".encode()])
    assert table[-1].decode() == "映画"
    assert table[0] == b""
    for outside in (3, -4):
        with pytest.raises(IndexError):
            table[outside]


def test_a_prefix_and_a_longer_string_are_others() -> None:
    table = StringTable.of([b"ab", b"abc", b"b"])
    assert [table.find(s) for s in (b"a", b"ab", b"abcd", b"abc", b"c")] == [None, 0, None, 1, None]


@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), max_size=70))
def test_a_growing_array_shows_what_was_added_and_old_views_stay(rows: list[tuple[int, int]]) -> None:
    array = GrowingArray((2,), np.int64)
    views = [array.view]
    for row in rows:
        array.append(row)
        views.append(array.view)
    assert len(array) == len(rows)
    for length, view in enumerate(views):
        assert view.tolist() == [list(row) for row in rows[:length]]
        assert view.dtype == np.int64


def test_a_growing_array_may_hold_numbers_and_rows_without_width() -> None:
    numbers, nothing = GrowingArray((), np.bool_), GrowingArray((0,), np.float32)
    for i in range(40):
        numbers.append(i % 2 == 0)
        nothing.append(np.zeros(0))
    assert numbers.view.tolist() == [True, False] * 20
    assert nothing.view.shape == (40, 0)
