"""Which of many short texts hold given words, begun words and misspelt words: an inverted index in memory."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import OSA
from rapidfuzz.process import cdist

from app.engine.arrays import FloatArray, RowArray
from app.services.trigram_index import TrigramIndex

BEGUN_LEAST = 0.6
BEGUN_RANGE = 0.35
TYPO_WEIGHTS = (1.0, 0.75, 0.55)
"""What a word counts that is 0, 1 or 2 typos away; a word of the query that is begun only counts more the more of it is there."""
ONE_TYPO_FROM, TWO_TYPOS_FROM = 4, 8
"""How long a word must be for so many typos to be forgiven."""
TRIGRAMS_A_TYPO = 4
"""How many trigrams of a word one typo changes at the most, an exchange of neighbours."""
_AFTER_ALL = "\U0010ffff"


class WordIndex:
    """An index of ``n`` folded texts, whose numbers are their places."""

    def __init__(self, texts: Iterable[str]) -> None:
        numbers: dict[str, int] = {}
        found: list[int] = []
        owners: list[int] = []
        self._n = 0
        for place, text in enumerate(texts):
            self._n += 1
            for word in text.split():
                found.append(numbers.setdefault(word, len(numbers)))
                owners.append(place)
        self._words = sorted(numbers)
        ranks = np.zeros(len(numbers), np.int64)
        ranks[[numbers[word] for word in self._words]] = np.arange(len(numbers))
        words = ranks[np.array(found, np.int64)]
        order = np.argsort(words, kind="stable")
        self._places: NDArray[np.int32] = np.array(owners, np.int32)[order]
        self._starts = np.searchsorted(words[order], np.arange(len(numbers) + 1))
        self._word_lengths = np.fromiter(map(len, self._words), np.int64, len(self._words))
        self._trigrams = TrigramIndex(self._words)

    def match(self, words: Sequence[str]) -> FloatArray:
        """How much of the words each text holds, ``(n,)`` from 0 to 1: the mean of what each word counts."""
        total = np.zeros(self._n, np.float32)
        for word in words:
            members, weights = self._like(word)
            order = np.argsort(weights, kind="stable")
            members, weights = members[order], weights[order]
            lengths = self._starts[members + 1] - self._starts[members]
            best = np.zeros(self._n, np.float32)
            # Of a place that comes twice the last, and so the greatest, stays.
            best[self._places[_ranges(self._starts[members], lengths)]] = np.repeat(weights, lengths)
            total += best
        return total / np.float32(max(len(words), 1))

    def _like(self, word: str) -> tuple[RowArray, FloatArray]:
        """The words of the index that may be meant, and what each counts."""
        low, high = bisect_left(self._words, word), bisect_left(self._words, word + _AFTER_ALL)
        begun = np.arange(low, high)
        weights = (BEGUN_LEAST + BEGUN_RANGE * len(word) / self._word_lengths[begun]).astype(np.float32)
        if low < high and self._words[low] == word:
            weights[0] = TYPO_WEIGHTS[0]
            return begun, weights
        typos = (len(word) >= ONE_TYPO_FROM) + (len(word) >= TWO_TYPOS_FROM)
        if not typos:
            return begun, weights
        near, distances = self._near(word, typos)
        typo_weights = np.array(TYPO_WEIGHTS, np.float32)[distances]
        return np.concatenate([begun, near]), np.concatenate([weights, typo_weights])

    def _near(self, word: str, typos: int) -> tuple[RowArray, NDArray[np.uint8]]:
        """The words at most so many typos away, and how many for each: compared are those that share the trigrams which so many
        typos leave."""
        shared, n_trigrams = self._trigrams.count_shared(word)
        alike = shared >= max(n_trigrams - TRIGRAMS_A_TYPO * typos, 1)
        near = np.flatnonzero(alike & (np.abs(self._word_lengths - len(word)) <= typos))
        spelt = [self._words[place] for place in near.tolist()]
        distances = cdist([word], spelt, scorer=OSA.distance, score_cutoff=typos, dtype=np.uint8)[0]
        return near[distances <= typos], distances[distances <= typos]


def _ranges(starts: RowArray, lengths: RowArray) -> RowArray:
    """The numbers of many ranges, one after the other."""
    before = np.cumsum(lengths) - lengths
    return np.repeat(starts - before, lengths) + np.arange(int(lengths.sum()))
