"""CSV files as data frames of bounded size, whose index is the line that each record begins on.

Python's own reader does the syntax, because it knows the line it is on and can be set straight after a bad one; pandas
takes the columns from there.
"""

import csv
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO

import pandas as pd

from app.errors import InvalidInput
from training.importers.lines import LONGEST_LINE_BYTES, BadLineError, BadLines, decode_line

ROWS_A_CHUNK = 5_000


@dataclass(frozen=True, slots=True)
class Records:
    """Records of a file as columns of text, indexed by line; ``end`` is how many bytes of the file have been read."""

    frame: pd.DataFrame
    end: int


class _Lines(Iterator[str]):
    """Decoded lines, of which those of the record at hand can be given back; ``end`` is how many bytes have been read."""

    def __init__(self, stream: IO[bytes], name: str, bad: BadLines) -> None:
        self._stream, self._name, self._bad = stream, name, bad
        self._number = 0
        self._back: deque[tuple[int, str]] = deque()
        self._taken: list[tuple[int, str]] = []
        self._length = 0
        self.end = 0

    @property
    def first(self) -> int:
        """The number of the first line of the record at hand."""
        return self._taken[0][0] if self._taken else self._number + 1

    def __next__(self) -> str:
        if self._length > LONGEST_LINE_BYTES:
            raise csv.Error(f"the record is longer than {LONGEST_LINE_BYTES} characters")
        number, line = self._back.popleft() if self._back else self._read()
        self._taken.append((number, line))
        self._length += len(line)
        return line

    def begin_record(self) -> None:
        """Forget the lines of the record before."""
        self._taken, self._length = [], 0

    def give_back(self) -> None:
        """Put back all lines of the record but its first: an odd quote there may have swallowed them."""
        self._back.extendleft(reversed(self._taken[1:]))

    def _read(self) -> tuple[int, str]:
        while line := self._stream.readline(LONGEST_LINE_BYTES + 1):
            self._number += 1
            self.end += len(line)
            if len(line) > LONGEST_LINE_BYTES:
                raise InvalidInput(f"{self._name}: line {self._number} is longer than {LONGEST_LINE_BYTES} bytes")
            try:
                return self._number, decode_line(line, ("utf-8-sig",) if self._number == 1 else ("utf-8",))
            except BadLineError as error:
                self._bad.add(self._name, self._number, str(error))
        raise StopIteration


def read_header(stream: IO[bytes], name: str, separator: str = ",") -> list[str]:
    """The names of the columns. Raises InvalidInput for a file without any, or with one twice."""
    try:
        header = next(csv.reader(_Lines(stream, name, BadLines()), delimiter=separator, strict=True), None)
    except csv.Error as error:
        raise InvalidInput(f"{name}: the first line is not valid CSV: {error}") from error
    return _checked_header(header or (), name)


def read_records(
    stream: IO[bytes], name: str, bad: BadLines, *, separator: str = ",", rows: int = ROWS_A_CHUNK
) -> Iterator[Records]:
    """The file's records, at most ``rows`` of them in memory; the first line names the columns.

    A record that is no valid CSV or has not as many fields as there are columns is taken down in ``bad``, and reading
    goes on with the line after its first.
    """
    # The module's own limit is for all of the process; a credits file has fields past its default.
    csv.field_size_limit(LONGEST_LINE_BYTES)
    lines = _Lines(stream, name, bad)
    found = _sound_records(lines, name, separator, bad)
    first = next(found, None)
    header = _checked_header(first[1] if first else (), name)
    numbers: list[int] = []
    records: list[list[str]] = []
    for number, record in found:
        numbers.append(number)
        records.append(record)
        if len(records) == rows:
            yield Records(_frame(header, numbers, records), lines.end)
            numbers, records = [], []
    yield Records(_frame(header, numbers, records), lines.end)


def _sound_records(lines: _Lines, name: str, separator: str, bad: BadLines) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(lines, delimiter=separator, strict=True)
    width = 0
    while True:
        lines.begin_record()
        try:
            record = next(reader, None)
            reason = (
                None
                if not record or len(record) == (width or len(record))
                else f"has {len(record)} fields, not {width}"
            )
        except csv.Error as error:
            record, reason = None, f"is not valid CSV: {error}"
        if reason is not None:
            bad.add(name, lines.first, reason)
            lines.give_back()
            reader = csv.reader(lines, delimiter=separator, strict=True)
        elif record is None:
            return
        elif record:  # not a blank line
            width = width or len(record)
            yield lines.first, record


def _frame(header: Sequence[str], numbers: list[int], records: Sequence[Sequence[str]]) -> pd.DataFrame:
    columns = zip(*records, strict=True) if records else ((),) * len(header)
    return pd.DataFrame(
        {name: pd.Series(list(column), numbers, dtype=object) for name, column in zip(header, columns, strict=True)}
    )


def _checked_header(header: Sequence[str], name: str) -> list[str]:
    names = [column.strip() for column in header]
    if not any(names):
        raise InvalidInput(f"{name}: the first line names no columns")
    twice = sorted({column for column in names if names.count(column) > 1})
    if twice:
        raise InvalidInput(f"{name}: the column {twice[0]!r} is there twice")
    return names
