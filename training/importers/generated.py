"""A small catalogue made up from a seed, in the layout of MovieLens: for a demo with no data set within reach."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from training.importers.downloads import written_atomically

SEED = 20_240_229
MOVIES = 480
USERS = 320
FIRST_SECONDS = 1_577_836_800  # 2020-01-01T00:00:00Z
DAYS = 1_400
GENRES = ("Action", "Comedy", "Documentary", "Drama", "Fantasy", "Horror", "Romance", "Sci-Fi", "Thriller", "Western")
ADJECTIVES = (
    "Silent", "Crimson", "Broken", "Golden", "Hollow", "Distant", "Restless", "Paper", "Winter", "Electric", "Borrowed", "Salt",
    "Second", "Midnight", "Narrow", "Burning", "Gentle", "Iron", "Forgotten", "Laughing", "Sunken", "Glass", "Wandering", "Blue",
)  # fmt: skip
NOUNS = (
    "Harbour", "Orchard", "Signal", "Lantern", "River", "Ledger", "Compass", "Garden", "Machine", "Letter", "Kingdom", "Window",
    "Voyage", "Carnival", "Mirror", "Highway", "Island", "Promise", "Station", "Shadow",
)  # fmt: skip


def generate_catalogue(folder: Path) -> Path:
    """Write ``movies.csv`` and ``ratings.csv`` of invented movies, and users with tastes, always the same ones."""
    rng = np.random.default_rng(SEED)
    genres = _generate_genres(rng)
    _write(folder / "movies.csv", ("movieId", "title", "genres"), _movie_rows(rng, genres))
    _write(folder / "ratings.csv", ("userId", "movieId", "rating", "timestamp"), _rating_rows(rng, genres))
    return folder


def _generate_genres(rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Which genres each movie has: one to three, shape (MOVIES, len(GENRES))."""
    chosen = np.zeros((MOVIES, len(GENRES)), np.bool_)
    for row in chosen:
        row[rng.choice(len(GENRES), size=rng.integers(1, 4), replace=False)] = True
    return chosen


def _movie_rows(rng: np.random.Generator, genres: npt.NDArray[np.bool_]) -> Iterable[Sequence[object]]:
    years = rng.integers(1960, 2020, MOVIES)
    for movie in range(MOVIES):
        adjective, noun = ADJECTIVES[movie % len(ADJECTIVES)], NOUNS[(movie // len(ADJECTIVES)) % len(NOUNS)]
        names = "|".join(name for name, has in zip(GENRES, genres[movie], strict=True) if has)
        yield movie + 1, f"{adjective} {noun}, The ({years[movie]})", names


def _rating_rows(rng: np.random.Generator, genres: npt.NDArray[np.bool_]) -> Iterable[Sequence[object]]:
    """Each user likes a few genres and dislikes some; what is liked and well known is seen and rated more."""
    quality = rng.normal(0, 0.5, MOVIES)
    fame = rng.exponential(1.0, MOVIES)
    for user in range(USERS):
        taste = rng.normal(0, 1.0, len(GENRES))
        liking = genres @ taste / genres.sum(axis=1) + quality
        chance = np.exp(liking) * fame
        count = int(rng.integers(20, 90))
        seen = rng.choice(MOVIES, size=count, replace=False, p=chance / chance.sum())
        stars: npt.NDArray[np.float64] = 3.3 + 0.9 * liking[seen] + rng.normal(0, 0.4, count)
        values = np.clip(np.round(2 * stars) / 2, 0.5, 5.0)
        seconds = FIRST_SECONDS + int(rng.integers(0, DAYS)) * 86_400 + np.sort(rng.integers(0, 40 * 86_400, count))
        for movie, value, second in zip(seen.tolist(), values.tolist(), seconds.tolist(), strict=True):
            yield user + 1, movie + 1, value, second


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    with written_atomically(path) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8")
