"""Ratings files: sound blocks as columns, the rest line by line, and both ways the same."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import InvalidInput
from training.importers.lines import LONGEST_LINE_BYTES, BadLines, Block, read_blocks
from training.importers.movielens_layouts import LAYOUTS, Layout
from training.importers.movielens_ratings import (
    Bounds,
    RatingBlock,
    _parse_columns,  # pyright: ignore[reportPrivateUsage] - the quick way is compared with the careful one
    _parse_lines,  # pyright: ignore[reportPrivateUsage]
    read_ratings,
)

BY_FILE = {layout.ratings: layout for layout in LAYOUTS}
BOUNDS = Bounds(0.5, 5.0, 2_000_000_000, np.array([1, 2, 30]))


def rows(blocks: list[RatingBlock]) -> list[tuple[float, ...]]:
    return [row for b in blocks for row in zip(b.user, b.movie, b.value, b.seconds, strict=True)]


def read(text: bytes, layout: Layout) -> tuple[list[tuple[float, ...]], BadLines]:
    bad = BadLines()
    return rows(list(read_ratings(io.BytesIO(text), layout, BOUNDS, bad))), bad


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("u.data", b"7\t1\t4\t100\n8\t30\t2\t200\n"),
        ("ratings.dat", b"7::1::4::100\n8::30::2::200\n"),
        ("ratings.csv", b"userId,movieId,rating,timestamp\r\n7,1,4.0,100\r\n8,30,2.0,200\r\n"),
        ("ratings.csv", b"userId,movieId,rating,timestamp\n7,1,4.0,100\n8,30,2.0,200"),
        ("ratings.csv", b'userId,movieId,rating,timestamp\n"7","1","4.0","100"\n\n8,30,2.0,200\n'),
        (
            "ml-100k.inter",
            b"user_id:token\titem_id:token\trating:float\ttimestamp:float\n7\t1\t4\t100\n8\t30\t2\t200\n",
        ),
    ],
)
def test_every_layout_is_read(file: str, text: bytes) -> None:
    found, bad = read(text, BY_FILE[file])
    assert found == [(7, 1, 4.0, 100), (8, 30, 2.0, 200)]
    assert bad.count == 0


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"7,1,4.0", "has 3 fields, not 4"),
        (b"7,1,4.0,100,9", "has 5 fields, not 4"),
        (b"x,1,4.0,100", "'x' is not a whole number"),
        (b"-7,1,4.0,100", "'-7' is not a whole number"),
        (b"99999999999999999999,1,4.0,100", "is not a whole number"),
        (b"7,4,4.0,100", "rates movie 4, which movies.csv does not have"),
        (b"7,1,5.5,100", "5.5 is off the scale of 0.5 to 5"),
        (b"7,1,nan,100", "is not a finite number"),
        (b"7,1,good,100", "'good' is not a number"),
        (b"7,1,,100", "'' is not a number"),
        (b"7,1,4.0,2000000001", "lies in the future"),
        (b"7,1,4.0,-1", "is not in seconds since 1970"),
        (b"7,1,4.0,1.5", "is not in seconds since 1970"),
        (b"7,1,4.0,1\x000", "holds a NUL character"),
        (b"\xff,1,4.0,100", "is not valid utf-8"),
        (b"7,1\r,4.0,100,", "has 5 fields, not 4"),
    ],
)
def test_a_bad_line_is_left_out_by_number_and_reason(line: bytes, reason: str) -> None:
    text = b"userId,movieId,rating,timestamp\n7,1,4.0,100\n\n" + line + b"\n8,30,2.0,200\n"
    found, bad = read(text, BY_FILE["ratings.csv"])
    assert found == [(7, 1, 4.0, 100), (8, 30, 2.0, 200)]
    assert (bad.count, bad.first[0].file, bad.first[0].line) == (1, "ratings.csv", 4)
    assert reason in bad.first[0].reason


def test_a_field_too_many_and_one_too_few_do_not_cancel_out() -> None:
    found, bad = read(b"7\t1\t4\n8\t30\t2\t200\t1\n9\t2\t3\t300\n", BY_FILE["u.data"])
    assert found == [(9, 2, 3.0, 300)]
    assert [line.line for line in bad.first] == [1, 2]


def test_only_the_first_bad_lines_are_kept_and_all_are_counted() -> None:
    _, bad = read(b"no rating\n" * 100, BY_FILE["u.data"])
    assert bad.count == 100
    assert [line.line for line in bad.first] == list(range(1, 21))


def test_blocks_hold_whole_lines_and_count_on() -> None:
    text = b"".join(b"line %d\n" % number for number in range(1, 1_000)) + b"the end"
    blocks = list(read_blocks(io.BytesIO(text), "a file", header=True, block_bytes=100))
    assert len(blocks) > 10
    numbered = [pair for block in blocks for pair in block.lines()]
    assert numbered == [(number, b"line %d" % number) for number in range(2, 1_000)] + [(1_000, b"the end")]
    assert blocks[-1].end == len(text)


def test_a_file_without_lines_is_refused_before_it_fills_the_memory() -> None:
    with pytest.raises(InvalidInput, match="line 1 is longer"):
        list(read_blocks(io.BytesIO(b"x" * (LONGEST_LINE_BYTES + 100)), "a file", header=False, block_bytes=10))


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.ratings)
def test_sound_blocks_take_the_quick_way(layout: Layout) -> None:
    separator = layout.separator.decode()
    for end in ("\n", "\r\n"):
        text = "".join(separator.join(fields) + end for fields in (("7", "1", "4.0", "100"), ("8", "30", "2.0", "200")))
        quick = _parse_columns(Block(text.encode(), 1, 0), layout, BOUNDS)
        assert quick is not None
        assert rows([quick]) == [(7, 1, 4.0, 100), (8, 30, 2.0, 200)]


odd_field = st.one_of(
    st.sampled_from(["4.0", "3.7", "007", "1e1", "+1", " 1", "1 ", "", "nan", "0x1", "1_0", "True", "1.0", "\u0661"]),
    st.text("0123456789.e-+ \r", max_size=4),
)


@given(position=st.integers(0, 3), odd=odd_field, after=st.lists(st.sampled_from([b"7\t1\t4\t100\n", b"\n", b"7\n"])))
def test_the_quick_way_takes_only_what_the_careful_way_takes_alike(position: int, odd: str, after: list[bytes]) -> None:
    fields = ["8", "30", "2", "200"]
    fields[position] = odd
    block = Block("\t".join(fields).encode() + b"\n" + b"".join(after), 1, 0)
    quick = _parse_columns(block, BY_FILE["u.data"], BOUNDS)
    bad = BadLines()
    careful = _parse_lines(block, BY_FILE["u.data"], BOUNDS, bad)
    if quick is not None:
        assert bad.count == 0
        assert rows([quick]) == rows([careful])
