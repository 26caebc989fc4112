"""Which of many short texts hold given words, begun words and misspelt words: an inverted index in memory."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import OSA
from rapidfuzz.process import cdist

from app.engine.arrays import FloatArray
from app.services.search_text import telling_words

BEGUN_LEAST = 0.6
BEGUN_RANGE = 0.35
TYPO_WEIGHTS = (1.0, 0.75, 0.55)
"""What a word counts that is 0, 1 or 2 typos away; a word of the query that is begun only counts more the more of it is there."""
ONE_TYPO_FROM, TWO_TYPOS_FROM = 4, 8
"""How long a word must be for so many typos to be forgiven."""
_AFTER_ALL = "\U0010ffff"


class WordIndex:
    """An index of ``n`` folded texts, whose numbers are their places."""

    def __init__(self, texts: Iterable[str]) -> None:
        numbers: dict[str, int] = {}
        found: list[int] = []
        owners: list[int] = []
        lengths: list[int] = []
        for place, text in enumerate(texts):
            lengths.append(len(" ".join(telling_words(text))))
            for word in text.split():
                found.append(numbers.setdefault(word, len(numbers)))
                owners.append(place)
        self.lengths = np.array(lengths, np.float32)
        """How long each text is without its stop words."""
        self._words = sorted(numbers)
        ranks = np.zeros(len(numbers), np.int64)
        ranks[[numbers[word] for word in self._words]] = np.arange(len(numbers))
        words = ranks[np.array(found, np.int64)]
        order = np.argsort(words, kind="stable")
        self._places: NDArray[np.int32] = np.array(owners, np.int32)[order]
        self._starts = np.searchsorted(words[order], np.arange(len(numbers) + 1))
        self._word_lengths = np.array([len(word) for word in self._words], np.int64)
        self._by_length = {
            length: np.flatnonzero(self._word_lengths == length) for length in np.unique(self._word_lengths).tolist()
        }
        self._spelt = {
            length: [self._words[i] for i in members.tolist()] for length, members in self._by_length.items()
        }

    def __len__(self) -> int:
        return len(self.lengths)

    def match(self, words: Sequence[str]) -> FloatArray:
        """How much of the words each text holds, ``(n,)`` from 0 to 1: the mean of what each word counts."""
        total = np.zeros(len(self), np.float32)
        for word in words:
            best = np.zeros(len(self), np.float32)
            members, weights = self._like(word)
            order = np.argsort(weights, kind="stable")
            if len(order):
                texts = [self._places[low:high] for low, high in self._ranges(members[order])]
                # Of a place that comes twice the last, and so the greatest, stays.
                best[np.concatenate(texts)] = np.repeat(weights[order], [len(each) for each in texts])
            total += best
        return total / np.float32(max(len(words), 1))

    def _ranges(self, members: NDArray[np.int64]) -> list[tuple[int, int]]:
        return list(zip(self._starts[members].tolist(), self._starts[members + 1].tolist(), strict=True))

    def _like(self, word: str) -> tuple[NDArray[np.int64], FloatArray]:
        """The words of the index that may be meant, and what each counts."""
        low, high = bisect_left(self._words, word), bisect_left(self._words, word + _AFTER_ALL)
        begun = np.arange(low, high)
        weights = (BEGUN_LEAST + BEGUN_RANGE * len(word) / self._word_lengths[begun]).astype(np.float32)
        if low < high and self._words[low] == word:
            weights[0] = TYPO_WEIGHTS[0]
            return begun, weights
        parts, counts = [begun], [weights]
        typos = (len(word) >= ONE_TYPO_FROM) + (len(word) >= TWO_TYPOS_FROM)
        for length in range(len(word) - typos, len(word) + typos + 1):
            if typos and length in self._spelt:
                distances = cdist([word], self._spelt[length], scorer=OSA.distance, score_cutoff=typos, dtype=np.uint8)[
                    0
                ]
                near = np.flatnonzero(distances <= typos)
                parts.append(self._by_length[length][near])
                counts.append(np.array(TYPO_WEIGHTS, np.float32)[distances[near]])
        return np.concatenate(parts), np.concatenate(counts)
