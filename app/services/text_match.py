"""How a text answers a query: as a whole, at its beginning, by its words, or nearly."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from rapidfuzz import fuzz
from rapidfuzz.process import cdist

from app.services.search_text import Query, telling_words

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


def match_texts(query: Query, folded: Sequence[str]) -> list[TextMatch | None]:
    """How each of these folded texts answers a query; None for one that does not."""
    matches: list[TextMatch | None] = []
    doubtful: list[int] = []
    tellings: list[str] = []
    said = query.telling
    for text in folded:
        telling = " ".join(telling_words(text))
        quality = _quality(query, said, text, telling)
        if quality is None:
            doubtful.append(len(matches))
            tellings.append(telling)
            matches.append(None)
        else:
            covered = min(len(said) / max(len(telling), 1), 1.0)
            matches.append(TextMatch(quality, _BASE[quality] + _COVERAGE * covered))
    if doubtful:
        ratios = [cdist([said], tellings, scorer=scorer)[0] for scorer in (fuzz.WRatio, fuzz.token_sort_ratio)]
        for place, ratio in zip(doubtful, np.maximum(*ratios).tolist(), strict=True):
            if ratio >= LEAST_RATIO:
                matches[place] = TextMatch("similar", _BASE["similar"] + ratio / 100)
    return matches


def _quality(query: Query, said: str, folded: str, telling: str) -> Quality | None:
    """The kind of match that needs no measuring; None where there is none."""
    if query.folded == folded or said == telling:
        return "exact"
    if folded.startswith(query.folded) or telling.startswith(said):
        return "prefix"
    spaced = " " + telling
    return "words" if all(" " + begun in spaced for begun in query.words) else None
