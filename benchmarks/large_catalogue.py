"""A catalogue of a hundred thousand items: the training on it and the engine over it."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.data import FIRST_SECONDS, DataSet, Size
from benchmarks.engine import engine_figures
from benchmarks.figures import Figure, at_most
from benchmarks.workspace import Workspace
from training.importers.generated import ADJECTIVES, GENRES, NOUNS

LARGE = Size(users=20_000, items=100_000, ratings=2_000_000)
QUICK = Size(users=500, items=12_000, ratings=20_000)
SECONDS = 180
PEAK_MB = 3_000
ENGINE_MICROSECONDS = 6_000
ROUNDS = 3
SEED = 20_031_121
SECONDS_OF_ALL = 3 * 365 * 86_400


@dataclass(frozen=True, slots=True)
class Shape:
    """How feedback is spread: items have a fame of ``rank ** -exponent`` and belong to one of ``clusters``; a user draws from
    ``favourites`` of these, and ``at_large`` of the time from all items."""

    exponent: float = 0.9
    clusters: int = 200
    favourites: int = 4
    at_large: float = 0.3


def measure_large_catalogue(workspace: Workspace) -> list[Figure]:
    """``medley train`` on generated data in a database of its own, and the engine that comes of it."""
    size = QUICK if workspace.quick else LARGE
    home = workspace.home / "large"
    data = clustered_data(home / "generated", size, Shape())
    with workspace.another_database() as empty:
        large = replace(empty, home=home, data=data)
        run = large.trained
        return [
            Figure("time", run.seconds, "s", at_most(SECONDS), note=data.name),
            Figure("peak memory", run.peak_bytes / 1e6, "MB", at_most(PEAK_MB)),
            Figure("artifact", sum(file.stat().st_size for file in large.artifact.iterdir()) / 1e6, "MB"),
            *engine_figures(large, ENGINE_MICROSECONDS, ROUNDS),
        ]


def clustered_data(folder: Path, size: Size, shape: Shape) -> DataSet:
    """``movies.csv`` and ``ratings.csv`` in the layout of MovieLens, the same for the same size and shape.

    Raises ValueError where the users' favourites have fewer items than are to be rated.
    """
    rng = np.random.default_rng(SEED)
    folder.mkdir(parents=True)
    fame = rng.permutation(np.arange(1.0, size.items + 1) ** -shape.exponent)
    clusters = rng.integers(0, shape.clusters, size.items)
    pairs = _pairs(rng, size, shape, fame, clusters)
    seconds = FIRST_SECONDS + rng.integers(0, SECONDS_OF_ALL, len(pairs))
    users, items = pairs // size.items + 1, pairs % size.items + 1
    columns = {"userId": users, "movieId": items, "rating": rng.integers(1, 6, len(pairs)), "timestamp": seconds}
    pd.DataFrame(columns).to_csv(folder / "ratings.csv", index=False)
    _movies(clusters).to_csv(folder / "movies.csv", index=False)
    return DataSet(folder, f"generated, {size.users:,} users, {size.items:,} items, {size.ratings:,} ratings")


def _pairs(
    rng: np.random.Generator,
    size: Size,
    shape: Shape,
    fame: npt.NDArray[np.float64],
    clusters: npt.NDArray[np.int64],
) -> npt.NDArray[np.int64]:
    """Who rates what, as ``user * items + item``, each once and in ascending order. Users are as busy as a log-normal has it."""
    draws = 2 * size.ratings
    busy = rng.lognormal(0, 1.1, size.users)
    users = rng.choice(size.users, draws, p=busy / busy.sum())
    favourites = rng.integers(0, shape.clusters, (size.users, shape.favourites))
    wanted = favourites[users, rng.integers(0, shape.favourites, draws)]
    wanted[rng.random(draws) < shape.at_large] = shape.clusters  # which stands for all
    items = np.empty(draws, np.int64)
    for cluster in range(shape.clusters + 1):
        asked = wanted == cluster
        members = np.flatnonzero(clusters == cluster) if cluster < shape.clusters else np.arange(size.items)
        items[asked] = rng.choice(members, int(asked.sum()), p=fame[members] / fame[members].sum())
    pairs = np.unique(users * size.items + items)
    if len(pairs) < size.ratings:
        raise ValueError(f"{len(pairs)} different ratings were drawn, {size.ratings} were asked for")
    return np.sort(rng.choice(pairs, size.ratings, replace=False))


def _movies(clusters: npt.NDArray[np.int64]) -> pd.DataFrame:
    """Titles of words that many share; the genres tell something of the cluster."""
    titles = [
        f"{ADJECTIVES[item % len(ADJECTIVES)]} {NOUNS[item // len(ADJECTIVES) % len(NOUNS)]} {item} ({1950 + item % 70})"
        for item in range(len(clusters))
    ]
    genres = [
        f"{GENRES[c % len(GENRES)]}|{GENRES[(c // len(GENRES) + c + 1) % len(GENRES)]}" for c in clusters.tolist()
    ]
    return pd.DataFrame({"movieId": np.arange(1, len(clusters) + 1), "title": titles, "genres": genres})
