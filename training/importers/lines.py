"""Text files as numbered lines and as blocks of whole lines, and the account of lines that could not be taken."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO

from app.errors import InvalidInput

BLOCK_BYTES = 4_000_000
LONGEST_LINE_BYTES = 1_000_000


class BadLineError(ValueError):
    """A line that cannot be taken; the message is the reason."""


@dataclass(frozen=True, slots=True)
class BadLine:
    """One line that was left out: in which file, its number counted from 1, and why."""

    file: str
    line: int
    reason: str


@dataclass(slots=True)
class BadLines:
    """All lines left out: every one is counted, the first ``limit`` are kept."""

    limit: int = 20
    count: int = 0
    first: list[BadLine] = field(default_factory=list[BadLine])

    def add(self, file: str, line: int, reason: str) -> None:
        """Take down one line."""
        self.count += 1
        if len(self.first) < self.limit:
            self.first.append(BadLine(file, line, reason))


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines of a file; ``first_line`` is the number of the first, ``end`` how far into the file they reach."""

    text: bytes
    first_line: int
    end: int

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Each line that is not blank, with its number and without its ending."""
        # Not splitlines(): a stray carriage return or form feed inside a line would shift the numbers after it.
        for offset, line in enumerate(self.text.split(b"\n")):
            stripped = line.removesuffix(b"\r")
            if stripped.strip():
                yield self.first_line + offset, stripped


def read_blocks(stream: IO[bytes], name: str, *, header: bool, block_bytes: int = BLOCK_BYTES) -> Iterator[Block]:
    """Cut a file into blocks of about ``block_bytes``, each ending with a line; ``header`` leaves out the first line.

    Holds one block at a time, whatever the file's size. Raises InvalidInput for a line longer than LONGEST_LINE_BYTES.
    """
    line, end = 1, 0
    if header:
        end += len(_read_line(stream, name, 1))
        line = 2
    while text := stream.read(block_bytes):
        if not text.endswith(b"\n"):
            text += _read_line(stream, name, line + text.count(b"\n"))
        end += len(text)
        yield Block(text, line, end)
        line += text.count(b"\n")


def decode_line(line: bytes, encodings: Sequence[str]) -> str:
    """The text of a line in the first encoding that fits. Raises BadLineError if none does, or for a NUL."""
    if b"\0" in line:
        raise BadLineError("holds a NUL character")
    for encoding in encodings:
        try:
            return line.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise BadLineError(f"is not valid {' or '.join(encodings)}")


def _read_line(stream: IO[bytes], name: str, number: int) -> bytes:
    rest = stream.readline(LONGEST_LINE_BYTES + 1)
    if len(rest) > LONGEST_LINE_BYTES:
        raise InvalidInput(f"{name}: line {number} is longer than {LONGEST_LINE_BYTES} bytes")
    return rest
