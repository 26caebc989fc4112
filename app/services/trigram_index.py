"""Which of many short texts look like another: an inverted index of trigrams in memory.

The trigrams are those of pg_trgm: of each word with two blanks before it and one after. Each stands in one of :data:`BUCKETS`
by a hash, so that nothing has to be looked up; two that share one only make a text a little too alike, and whoever asks compares
what is found in full. An index takes about 4 bytes for each letter, and 1 MB.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.engine.arrays import RowArray

BUCKETS = 1 << 18
LONGEST_INDEXED = 64
"""Of a longer text the beginning is indexed, and of a longer query looked for."""
_FACTORS = np.array([40_503 * 40_503, 40_503, 1], np.uint64)
_SPREAD = np.uint64(0x9E37_79B9_7F4A_7C15)
_SHIFT = np.uint64(64 - 18)
_BLANK = ord(" ")


class TrigramIndex:
    """An index of ``n`` folded texts, whose numbers are their places."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._n = len(texts)
        padded = [_padded(text[:LONGEST_INDEXED]) for text in texts]
        buckets, places = _trigrams("".join(padded))
        lengths = np.fromiter(map(len, padded), np.int64, len(padded))
        owners = np.repeat(np.arange(self._n), lengths)[places]
        pairs = np.sort(
            buckets.astype(np.int64) * max(self._n, 1) + owners
        )  # np.unique hashes, and takes 60 times as long
        pairs = pairs[np.concatenate([[True], pairs[1:] != pairs[:-1]])] if len(pairs) else pairs
        self._owners: NDArray[np.int32] = (pairs % max(self._n, 1)).astype(np.int32)
        counts = np.bincount(pairs // max(self._n, 1), minlength=BUCKETS)
        self._starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)

    def count_shared(self, text: str) -> tuple[NDArray[np.int32], int]:
        """How many of the trigrams of ``text`` each text of the index has, ``(n,)``, and how many there are."""
        buckets, _ = _trigrams(_padded(text[:LONGEST_INDEXED]))
        each: set[int] = set(buckets.tolist())
        lists = [self._owners[self._starts[bucket] : self._starts[bucket + 1]] for bucket in each]
        found = np.concatenate(lists) if lists else self._owners[:0]
        return np.bincount(found, minlength=self._n).astype(np.int32), len(each)

    def find(self, text: str, likeness: float) -> tuple[RowArray, NDArray[np.float32]]:
        """The texts that have at least this share of the trigrams of ``text``, and which share each has."""
        counts, n_trigrams = self.count_shared(text)
        found = np.flatnonzero(counts >= max(likeness * n_trigrams, 1))
        return found, (counts[found] / np.float32(max(n_trigrams, 1))).astype(np.float32)


def _padded(text: str) -> str:
    """Each word with two blanks before it; the next text's, or the end, give the one after."""
    return "  " + text.replace(" ", "  ") if text else ""


def _trigrams(padded: str) -> tuple[NDArray[np.uint64], RowArray]:
    """The bucket of each trigram, and where it begins."""
    letters = np.frombuffer((padded + "  ").encode("utf-32-le"), np.uint32).astype(np.uint64)
    if len(padded) == 0:
        return np.zeros(0, np.uint64), np.zeros(0, np.int64)
    mixed = letters[:-2] * _FACTORS[0] + letters[1:-1] * _FACTORS[1] + letters[2:] * _FACTORS[2]
    # Two blanks after a letter belong to the next word.
    places = np.flatnonzero((letters[1:-1] != _BLANK) | (letters[2:] != _BLANK))
    return (mixed[places] * _SPREAD) >> _SHIFT, places
