"""MovieLens writes "Usual Suspects, The (1995)"; people read "The Usual Suspects"."""

import re

# A year or a range of years ("2006-2007", "2010-"), at the end but for IMDb's marks of how it was released ("(V)", "(TV)").
_YEAR = re.compile(r"\s*\((?P<year>(?:18|19|20)\d\d)(?:\s*[-\u2013](?:\s*\d{4})?)?\)(?:\s*\((?:V|TV|VG)\))?\s*$")
_ARTICLES = (
    "The",
    "A",
    "An",
    "La",
    "Le",
    "Les",
    "Il",
    "Lo",
    "Gli",
    "El",
    "Los",
    "Las",
    "Der",
    "Die",
    "Das",
    "Den",
    "Det",
)
_MOVED = re.compile(rf"^(?P<rest>[^()]*[^()\s,]), (?:(?P<article>{'|'.join(_ARTICLES)})|(?P<elided>L'))(?=$| \()")
_PARENTHESES = re.compile(r"\((?P<inside>[^()]+)\)")


def split_title(text: str) -> tuple[str, int | None]:
    """The title as people read it and the year, or None where there is none; a title is never left empty."""
    found = _YEAR.search(text)
    if found is None or not text[: found.start()].strip():
        return move_article(text.strip()), None
    return move_article(text[: found.start()].strip()), int(found["year"])


def move_article(title: str) -> str:
    """Put a trailing article back in front, in the title itself and in other titles that follow in parentheses."""
    moved = _to_the_front(title)
    return _PARENTHESES.sub(lambda found: f"({_to_the_front(found['inside'])})", moved)


def _to_the_front(title: str) -> str:
    return _MOVED.sub(lambda found: f"{found['elided'] or found['article'] + ' '}{found['rest']}", title, count=1)
