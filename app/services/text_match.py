"""How a text answers a query: as a whole, at its beginning, by its words, or nearly."""

from dataclasses import dataclass
from typing import Literal

from rapidfuzz import fuzz

from app.services.search_text import Query, fold, telling_words

Quality = Literal["exact", "prefix", "words", "similar"]

_BASE: dict[Quality, float] = {"exact": 4.0, "prefix": 3.0, "words": 2.6, "similar": 1.0}
_COVERAGE = 0.1
LEAST_RATIO = 60.0
"""How alike texts must be that do not even share begun words, in hundredths."""


@dataclass(frozen=True, slots=True)
class TextMatch:
    """In which way a text matches, and how well: from 1 to 4 and a little."""

    quality: Quality
    score: float


def match_text(query: Query, text: str) -> TextMatch | None:
    """How ``text`` (not folded) answers a query; None where it does not."""
    folded = fold(text)
    words = telling_words(folded)
    telling = " ".join(words)
    covered = min(len(query.telling) / max(len(telling), 1), 1.0)
    quality = _quality(query, folded, telling, words)
    if quality != "similar":
        return TextMatch(quality, _BASE[quality] + _COVERAGE * covered)
    ratio = max(fuzz.WRatio(query.telling, telling), fuzz.token_sort_ratio(query.telling, telling))
    return TextMatch("similar", _BASE["similar"] + ratio / 100) if ratio >= LEAST_RATIO else None


def _quality(query: Query, folded: str, telling: str, words: list[str]) -> Quality:
    if query.folded == folded or query.telling == telling:
        return "exact"
    if folded.startswith(query.folded) or telling.startswith(query.telling):
        return "prefix"
    if all(any(word.startswith(begun) for word in words) for begun in query.words):
        return "words"
    return "similar"
