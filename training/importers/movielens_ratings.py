"""Ratings of an archive, block by block: columns where every line is sound, line by line where one is not."""

import functools
import io
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

import numpy as np
import numpy.typing as npt
import pandas as pd

from training.importers.lines import BadLineError, BadLines, Block, decode_line, read_blocks
from training.importers.movielens_layouts import Layout, parse_id

COLUMNS = ("user", "movie", "value", "seconds")
DTYPES = {"user": np.int64, "movie": np.int64, "value": np.float64, "seconds": np.int64}


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a rating must keep to: the scale, the latest time (seconds since 1970) and the known movies, sorted."""

    lowest: float
    highest: float
    latest_seconds: int
    movies: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RatingBlock:
    """Sound ratings in the order of the file, as columns of one length; ``end`` is how far into the file they reach."""

    user: npt.NDArray[np.int64]
    movie: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]
    seconds: npt.NDArray[np.int64]
    end: int


def read_ratings(stream: IO[bytes], layout: Layout, bounds: Bounds, bad: BadLines) -> Iterator[RatingBlock]:
    """The file's ratings, one block in memory at a time; lines that cannot be taken go to ``bad``."""
    for block in read_blocks(stream, layout.ratings, header=layout.header):
        yield _parse_columns(block, layout, bounds) or _parse_lines(block, layout, bounds, bad)


def _parse_columns(block: Block, layout: Layout, bounds: Bounds) -> RatingBlock | None:
    """The whole block at once, or None if any line of it has to be looked at."""
    # pandas alone would take much that is no rating: 1.0 and True as ids, lines cut short or too long.
    if _sound_lines(layout.separator).fullmatch(block.text) is None:
        return None
    text = block.text.replace(layout.separator, b",")
    frame = pd.read_csv(io.BytesIO(text), header=None, names=COLUMNS, dtype=DTYPES)
    user, movie, value, seconds = (frame[name].to_numpy() for name in COLUMNS)
    found = RatingBlock(user, movie, value, seconds, block.end)
    return found if _all_sound(found, bounds) else None


@functools.cache
def _sound_lines(separator: bytes) -> re.Pattern[bytes]:
    """Lines of two ids, a decimal number and seconds, none of which can overflow; possessive, so in one pass."""
    fields = (rb"\d{1,18}+", rb"\d{1,18}+", rb"\d{1,9}+(?:\.\d{1,6}+)?+", rb"\d{1,18}+")
    return re.compile(rb"(?:" + re.escape(separator).join(fields) + rb"(?:\r?\n|\Z))*+")


def _all_sound(found: RatingBlock, bounds: Bounds) -> bool:
    return bool(
        ((found.value >= bounds.lowest) & (found.value <= bounds.highest)).all()
        and (found.seconds <= bounds.latest_seconds).all()
        and np.isin(found.movie, bounds.movies).all()
    )


def _parse_lines(block: Block, layout: Layout, bounds: Bounds, bad: BadLines) -> RatingBlock:
    rows: list[tuple[int, int, float, int]] = []
    known = set(bounds.movies.tolist())
    for number, line in block.lines():
        try:
            rows.append(_parse_rating(decode_line(line, ("utf-8",)), layout, bounds, known))
        except BadLineError as error:
            bad.add(layout.ratings, number, str(error))
    users, movies, values, seconds = zip(*rows, strict=True) if rows else ((), (), (), ())
    return RatingBlock(
        np.array(users, np.int64),
        np.array(movies, np.int64),
        np.array(values, np.float64),
        np.array(seconds, np.int64),
        block.end,
    )


def _parse_rating(line: str, layout: Layout, bounds: Bounds, known: set[int]) -> tuple[int, int, float, int]:
    fields = [field.strip().strip('"') for field in line.split(layout.separator.decode())]
    if len(fields) != len(COLUMNS):
        raise BadLineError(f"has {len(fields)} fields, not {len(COLUMNS)}")
    user, movie = int(parse_id(fields[0])), int(parse_id(fields[1]))
    if movie not in known:
        raise BadLineError(f"rates movie {movie}, which {layout.movies} does not have")
    value, seconds = _number(fields[2], "rating"), _number(fields[3], "time")
    if not bounds.lowest <= value <= bounds.highest:
        raise BadLineError(f"the rating {value:g} is off the scale of {bounds.lowest:g} to {bounds.highest:g}")
    if seconds != int(seconds) or not 0 <= seconds <= bounds.latest_seconds:
        raise BadLineError(f"the time {fields[3][:40]} is not in seconds since 1970 or lies in the future")
    return user, movie, value, int(seconds)


def _number(text: str, what: str) -> float:
    try:
        number = float(text)
    except ValueError as error:
        raise BadLineError(f"the {what} {text[:40]!r} is not a number") from error
    if not math.isfinite(number):
        raise BadLineError(f"the {what} {text[:40]!r} is not a finite number")
    return number
