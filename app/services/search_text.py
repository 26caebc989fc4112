"""Text as the search compares it: without case, accents and punctuation. The migrations have the same in SQL, for candidates."""

import re
import unicodedata
from dataclasses import dataclass

LONGEST_QUERY = 256
MOST_WORDS = 10
STOP_WORDS = frozenset(
    (
        "the",
        "a",
        "an",
        "of",
        "and",
        "le",
        "la",
        "les",
        "el",
        "los",
        "las",
        "il",
        "lo",
        "gli",
        "der",
        "die",
        "das",
        "den",
        "det",
        "l",
    )
)
"""Articles and such: a word of a query only where there is no other."""

_MARKS = re.compile("[\u0300-\u036f\ufe00-\ufe0f]+")
_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "\u0131": "i", "ß": "ss", "æ": "ae", "œ": "oe", "þ": "th"}
)
_JOINING = re.compile("[.'\u2018\u2019\u02bc`\u00b4]+")
_PUNCTUATION = re.compile(
    "[\u0000-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00bf\u00d7\u00f7\u2000-\u2bff\u3000-\u3004\u3006\u3008-\u303f]+"
)


def fold(text: str) -> str:
    """Words in lower case without accents, one blank between them; empty where there is nothing but punctuation.

    Full stops and apostrophes join (E.T. is et, Schindler's is schindlers), everything else that is no letter and no digit parts.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text).lower()
        text = _MARKS.sub("", text).translate(_LETTERS)
    return _PUNCTUATION.sub(" ", _JOINING.sub("", text.lower())).strip()


def telling_words(folded: str) -> list[str]:
    """The words of a folded text that are no stop words; all of them where there are no others."""
    words = folded.split()
    return [word for word in words if word not in STOP_WORDS] or words


@dataclass(frozen=True, slots=True)
class Query:
    """What is searched for: folded, and its telling words."""

    folded: str
    words: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> "Query":
        """The query of a text as it was typed; of many words the first :data:`MOST_WORDS` are looked for."""
        folded = fold(text)
        return cls(folded, tuple(telling_words(folded)[:MOST_WORDS]))

    @property
    def telling(self) -> str:
        """Its words in one text."""
        return " ".join(self.words)
