"""A table of strings in two arrays, so that it can be memory-mapped and shared by every worker."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from app.engine.arrays import ByteArray, RowArray


@dataclass(frozen=True, slots=True)
class StringTable(Sequence[bytes]):
    """UTF-8 strings one after the other in ``blob``; string ``i`` is ``blob[offsets[i]:offsets[i + 1]]``.

    ``offsets`` has shape ``(n + 1,)``, int64. :meth:`find` asks for a table that is sorted by bytes.
    """

    blob: ByteArray
    offsets: RowArray

    @classmethod
    def of(cls, strings: Iterable[bytes]) -> "StringTable":
        """A table of the given strings, in their order."""
        parts = list(strings)
        offsets = np.zeros(len(parts) + 1, np.int64)
        np.cumsum([len(part) for part in parts], out=offsets[1:])
        return cls(np.frombuffer(b"".join(parts), np.uint8), offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> bytes:  # pyright: ignore[reportIncompatibleMethodOverride] - no slices, they would copy
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        index %= len(self)
        return self.blob[self.offsets[index] : self.offsets[index + 1]].tobytes()

    def take(self, rows: Iterable[int]) -> list[bytes]:
        """The strings at ``rows``, each from 0 to ``len(self) - 1``; cheaper than one by one."""
        blob, offsets = self.blob.data, self.offsets.data
        return [bytes(blob[offsets[row] : offsets[row + 1]]) for row in rows]

    def find(self, string: bytes) -> int | None:
        """Where ``string`` stands in a sorted table, or None. Takes log2(n) steps."""
        index = bisect_left(self, string)
        return index if index < len(self) and self[index] == string else None
