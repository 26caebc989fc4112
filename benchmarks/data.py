"""The ratings that are measured on: a MovieLens archive of the user's, or as many made up from a seed."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from app.errors import ConfigurationError
from training.importers.archive import open_archive
from training.importers.generated import ADJECTIVES, GENRES, NOUNS
from training.importers.movielens_layouts import detect_layout

SEED = 20_030_228
FIRST_SECONDS = 956_703_932  # 2000-04-25
SECONDS_A_USER = 30 * 86_400


@dataclass(frozen=True, slots=True)
class Size:
    """How much to make up."""

    users: int
    items: int
    ratings: int


MOVIELENS_1M = Size(users=6_040, items=3_700, ratings=1_000_000)


@dataclass(frozen=True, slots=True)
class DataSet:
    """An archive that ``medley import movielens`` takes, and what to call it."""

    path: Path
    name: str


def given_data(path: Path) -> DataSet:
    """The user's archive. Raises ConfigurationError if there is none, InvalidInput if it is of no known layout."""
    if not path.exists():
        raise ConfigurationError(f"there is no archive at {path}")
    layout = detect_layout(open_archive(path)).layout
    return DataSet(path, f"{path.name} ({layout.name})")


def generated_data(folder: Path, size: Size) -> DataSet:
    """``movies.csv`` and ``ratings.csv`` in the layout of MovieLens, the same for the same size."""
    rng = np.random.default_rng(SEED)
    folder.mkdir(parents=True)
    genres = np.zeros((size.items, len(GENRES)), np.float32)
    genres[np.arange(size.items)[:, None], rng.integers(0, len(GENRES), (size.items, 2))] = 1
    _movies(rng, genres).to_csv(folder / "movies.csv", index=False)
    _ratings(rng, genres, size).to_csv(folder / "ratings.csv", index=False)
    return DataSet(folder, f"generated, {size.users:,} users, {size.items:,} items, {size.ratings:,} ratings")


def _movies(rng: np.random.Generator, genres: npt.NDArray[np.float32]) -> pd.DataFrame:
    years = rng.integers(1930, 2001, len(genres))
    titles = [
        f"{ADJECTIVES[movie % len(ADJECTIVES)]} {NOUNS[movie // len(ADJECTIVES) % len(NOUNS)]} {movie} ({year})"
        for movie, year in enumerate(years)
    ]
    names = ["|".join(np.take(GENRES, np.flatnonzero(row))) for row in genres]
    return pd.DataFrame({"movieId": np.arange(1, len(genres) + 1), "title": titles, "genres": names})


def _ratings(rng: np.random.Generator, genres: npt.NDArray[np.float32], size: Size) -> pd.DataFrame:
    """Users with tastes draw films by fame and liking, each film once, and rate what they like higher."""
    fame = rng.normal(0, 1.5, size.items)
    users: list[npt.NDArray[np.int64]] = []
    movies: list[npt.NDArray[np.int64]] = []
    values: list[npt.NDArray[np.float64]] = []
    for user, count in enumerate(_counts(rng, size).tolist()):
        liking: npt.NDArray[np.float64] = genres @ rng.normal(0, 0.7, genres.shape[1])
        # The largest of log-weights with Gumbel noise are a draw by those weights without replacement.
        seen = np.argpartition(-(fame + liking + rng.gumbel(size=size.items)), count - 1)[:count]
        users.append(np.full(count, user + 1))
        movies.append(seen + 1)
        values.append(np.clip(np.round(3.5 + 0.6 * liking[seen] + rng.normal(0, 0.8, count)), 1, 5))
    user = np.concatenate(users)
    seconds = FIRST_SECONDS + 5_000 * user + rng.integers(0, SECONDS_A_USER, len(user))
    columns = {"userId": user, "movieId": np.concatenate(movies), "rating": np.concatenate(values)}
    return pd.DataFrame(columns | {"timestamp": seconds})


def _counts(rng: np.random.Generator, size: Size) -> npt.NDArray[np.int64]:
    """How many ratings each user gives: log-normal, at most half of the items, adding up to the size."""
    most = size.items // 2
    if not size.users <= size.ratings <= size.users * most:
        raise ValueError("each user gives at least one rating, and rates at most half of the items")
    shares = rng.lognormal(0, 1.1, size.users)
    counts = np.clip((shares / shares.sum() * size.ratings).astype(np.int64), 1, most)
    while missing := size.ratings - int(counts.sum()):
        room = np.flatnonzero(counts < most if missing > 0 else counts > 1)
        counts[rng.choice(room, min(abs(missing), len(room)), replace=False)] += 1 if missing > 0 else -1
    return counts
