"""A library to search in: a hundred thousand made-up titles with people, and what is typed to find them."""

import random
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.data import FIRST_SECONDS, DataSet, Size
from benchmarks.load import Request
from benchmarks.workspace import Workspace
from training.importers.generated import GENRES

SEED = 20_040_229
SECONDS_OF_ALL = 3 * 365 * 86_400
WORDS, FIRST_NAMES, LAST_NAMES = 30_000, 2_500, 20_000
PEOPLE_A_TITLE = 3
TAGS = 40
LENGTHS = (0.15, 0.35, 0.28, 0.14, 0.08)
"""The shares of titles of one to five words."""
WITH_ARTICLE = 0.25
LETTERS = "abcdefghijklmnopqrstuvwxyz"
_ONSETS = (
    "",
    "b",
    "br",
    "c",
    "ch",
    "d",
    "g",
    "gr",
    "h",
    "j",
    "l",
    "m",
    "n",
    "p",
    "pr",
    "r",
    "s",
    "st",
    "t",
    "tr",
    "v",
    "w",
)
_VOWELS = ("a", "e", "i", "o", "u", "ea", "ou")
_ENDS = ("", "", "", "n", "r", "s", "t", "l", "m", "nd")

Ask = Callable[[random.Random, "Library"], str]


@dataclass(frozen=True, slots=True)
class Library:
    """What there is to be found: titles as they are shown, each with the names of its people."""

    titles: Sequence[str]
    people: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Asked:
    """One search: the kind of query, and the request."""

    kind: str
    request: Request


@contextmanager
def stored_library(workspace: Workspace, name: str, size: Size) -> Generator[tuple[Library, Workspace]]:
    """A library of this size in a database of its own, with people, and a workspace on that."""
    home = workspace.home / name
    library = make_library(size.items)
    data = write_library(home / "generated", library, size)
    with workspace.another_database() as empty:
        stored = replace(empty, home=home, data=data)
        _ = stored.imported  # the titles first, then the people in them
        stored.import_table(data.path / "people.csv", kind="items")
        yield library, stored


def make_library(n_titles: int) -> Library:
    """Titles of one to five words and people in them, common ones and rare ones as in a language; the same for the same size."""
    rng = np.random.default_rng(SEED)
    words = _words(rng, WORDS, 1, 3)
    chosen = iter(_common(rng, words, len(LENGTHS) * n_titles, exponent=0.8))
    lengths: list[int] = (rng.choice(len(LENGTHS), n_titles, p=LENGTHS) + 1).tolist()
    titles = [" ".join(next(chosen).capitalize() for _ in range(length)) for length in lengths]
    titles = [
        f"The {title}" if has else title for title, has in zip(titles, rng.random(n_titles) < WITH_ARTICLE, strict=True)
    ]
    n_people = max(PEOPLE_A_TITLE, n_titles * 57 // 100)
    first, last = _words(rng, FIRST_NAMES, 1, 2), _words(rng, LAST_NAMES, 2, 3)
    names = [
        f"{first[one]} {last[other]}".title()
        for one, other in zip(
            rng.integers(0, len(first), n_people).tolist(), rng.integers(0, len(last), n_people).tolist(), strict=True
        )
    ]
    acting = _common(rng, names, PEOPLE_A_TITLE * n_titles, exponent=0.6)
    people = [acting[start : start + PEOPLE_A_TITLE] for start in range(0, len(acting), PEOPLE_A_TITLE)]
    return Library(titles, [list(dict.fromkeys(each)) for each in people])


def _words(rng: np.random.Generator, count: int, fewest: int, most: int) -> list[str]:
    """Different words of so many syllables."""
    syllables = [onset + vowel + end for onset in _ONSETS for vowel in _VOWELS for end in _ENDS]
    found: dict[str, None] = {}
    while len(found) < count:
        parts = rng.integers(0, len(syllables), (count, most)).tolist()
        lengths: list[int] = rng.integers(fewest, most + 1, count).tolist()
        for places, length in zip(parts, lengths, strict=True):
            found["".join(syllables[place] for place in places[:length])] = None
    return list(found)[:count]


def _common(rng: np.random.Generator, names: Sequence[str], count: int, *, exponent: float) -> list[str]:
    """So many draws, of the nth name in proportion to ``n ** -exponent``."""
    weights = np.arange(1.0, len(names) + 1) ** -exponent
    return [names[place] for place in rng.choice(len(names), count, p=weights / weights.sum()).tolist()]


def write_library(folder: Path, library: Library, size: Size) -> DataSet:
    """The library as an archive in the layout of MovieLens, with some ratings; ``people.csv`` beside it has names and tags."""
    rng = np.random.default_rng(SEED)
    folder.mkdir(parents=True)
    ids = np.arange(1, size.items + 1)
    years, genres = rng.integers(1950, 2020, size.items), rng.integers(0, len(GENRES), size.items)
    titles = [f"{title} ({year})" for title, year in zip(library.titles, years.tolist(), strict=True)]
    movies = pd.DataFrame({"movieId": ids, "title": titles, "genres": [GENRES[genre] for genre in genres.tolist()]})
    movies.to_csv(folder / "movies.csv", index=False)
    named = {
        "item_id": ids,
        "title": library.titles,
        "people": ["|".join(each) for each in library.people],
        "tags": [f"tag {tag}" for tag in rng.integers(0, TAGS, size.items).tolist()],
    }
    pd.DataFrame(named).to_csv(folder / "people.csv", index=False)
    _ratings(rng, size).to_csv(folder / "ratings.csv", index=False)
    return DataSet(folder, f"generated, {size.items:,} titles, {len(set().union(*library.people)):,} people")


def _ratings(rng: np.random.Generator, size: Size) -> pd.DataFrame:
    weights = rng.permutation(np.arange(1.0, size.items + 1) ** -0.9)
    pairs: npt.NDArray[np.int64] = rng.integers(0, size.users, 2 * size.ratings) * size.items
    pairs = np.unique(pairs + rng.choice(size.items, 2 * size.ratings, p=weights / weights.sum()))
    pairs = rng.permutation(pairs)[: size.ratings]
    columns = {"userId": pairs // size.items + 1, "movieId": pairs % size.items + 1}
    seconds = FIRST_SECONDS + rng.integers(0, SECONDS_OF_ALL, len(pairs))
    return pd.DataFrame(columns | {"rating": rng.integers(1, 6, len(pairs)), "timestamp": seconds})


def misspelt(rng: random.Random, text: str, typos: int) -> str:
    """The text with so many typos, each in a word of four letters or more where there is one: a letter left out, put in, taken
    for another, or exchanged with the next."""
    for _ in range(typos):
        words = text.split(" ")
        long = [place for place, word in enumerate(words) if len(word) >= 4] or list(range(len(words)))
        place = rng.choice(long)
        words[place] = _slip(rng, words[place])
        text = " ".join(words)
    return text


def _slip(rng: random.Random, word: str) -> str:
    at, kind = rng.randrange(max(len(word) - 1, 1)), rng.randrange(4)
    if kind == 0 and len(word) > 1:
        return word[:at] + word[at + 1 :]
    if kind == 1:
        return word[:at] + rng.choice(LETTERS) + word[at:]
    if kind == 2:
        return word[:at] + rng.choice(LETTERS) + word[at + 1 :]
    return word[:at] + word[at + 1 : at + 2] + word[at : at + 1] + word[at + 2 :]


def _title(rng: random.Random, library: Library) -> str:
    return rng.choice(library.titles).lower()


def _person(rng: random.Random, library: Library) -> str:
    return rng.choice(rng.choice(library.people)).lower()


def _begun(rng: random.Random, library: Library) -> str:
    """A title while it is typed: one to ten letters of it."""
    return _title(rng, library).removeprefix("the ")[: rng.randint(1, 10)].strip()


def _several(rng: random.Random, library: Library) -> str:
    """The last two words of a title of more."""
    long = next(words for words in iter(lambda: _title(rng, library).split(), None) if len(words) > 2)
    return " ".join(long[-2:])


KINDS: Mapping[str, tuple[float, Ask]] = {
    "while typing": (0.40, _begun),
    "whole title": (0.15, _title),
    "one typo": (0.15, lambda rng, library: misspelt(rng, _title(rng, library), 1)),
    "two typos": (0.08, lambda rng, library: misspelt(rng, _title(rng, library), 2)),
    "a person": (0.07, _person),
    "a person, one typo": (0.05, lambda rng, library: misspelt(rng, _person(rng, library), 1)),
    "last words": (0.05, _several),
    "nothing like it": (0.05, lambda rng, _: "".join(rng.choices(LETTERS, k=rng.randint(6, 14)))),
}
"""The kinds of queries with the share of each, as people type them."""
PERSONAL = 0.3
"""The share of searches that name a user."""


def search_requests(library: Library, users: Sequence[str], count: int, *, seed: int) -> list[Asked]:
    """So many searches in the shares of :data:`KINDS`, in a random order."""
    rng = random.Random(seed)  # noqa: S311 - no secret
    names = list(KINDS)
    asked: list[Asked] = []
    for kind in rng.choices(names, [KINDS[name][0] for name in names], k=count):
        query = {"q": KINDS[kind][1](rng, library)}
        if rng.random() < PERSONAL:
            query["user_id"] = rng.choice(users)
        asked.append(Asked(kind, Request("GET", f"/v1/search?{urlencode(query)}")))
    return asked
