"""The generated large catalogue that is measured on."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.data import Size, given_data
from benchmarks.large_catalogue import Shape, clustered_data

SIZE = Size(users=200, items=400, ratings=4_000)
SHAPE = Shape(clusters=8, favourites=2, at_large=0.2)


def test_clustered_data_is_an_archive_of_the_size_asked_for_and_the_same_again(tmp_path: Path) -> None:
    data = clustered_data(tmp_path / "one", SIZE, SHAPE)
    again = clustered_data(tmp_path / "two", SIZE, SHAPE)
    for name in ("ratings.csv", "movies.csv"):
        assert (data.path / name).read_bytes() == (again.path / name).read_bytes()
    assert given_data(data.path).path == data.path
    ratings, movies = pd.read_csv(data.path / "ratings.csv"), pd.read_csv(data.path / "movies.csv")
    assert (len(ratings), len(movies)) == (4_000, 400)
    assert len(ratings[["userId", "movieId"]].drop_duplicates()) == 4_000
    assert ratings["movieId"].isin(movies["movieId"]).all()
    assert ratings["rating"].between(1, 5).all()


def test_a_few_items_have_most_of_the_ratings(tmp_path: Path) -> None:
    ratings = pd.read_csv(clustered_data(tmp_path / "data", SIZE, SHAPE).path / "ratings.csv")
    counts = np.sort(np.bincount(ratings["movieId"], minlength=401))[::-1]
    assert counts[:40].sum() > 3 * counts[200:240].sum()


@pytest.mark.parametrize(("at_large", "most"), [(0.0, 2), (1.0, 8)])
def test_users_keep_to_their_clusters_but_for_what_is_drawn_at_large(
    tmp_path: Path, at_large: float, most: int
) -> None:
    size = replace(SIZE, ratings=2_000)
    folder = clustered_data(tmp_path / "data", size, replace(SHAPE, at_large=at_large)).path
    ratings, movies = pd.read_csv(folder / "ratings.csv"), pd.read_csv(folder / "movies.csv")
    genres = ratings.merge(movies, on="movieId").groupby("userId")["genres"].nunique()
    assert genres.max() == most


def test_more_different_ratings_than_the_clusters_hold_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="were asked for"):
        clustered_data(tmp_path / "data", Size(users=4, items=40, ratings=150), SHAPE)
