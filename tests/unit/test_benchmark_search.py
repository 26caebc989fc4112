"""The library that searches are measured in, and what is typed to find it."""

import random
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pandas as pd
from rapidfuzz.distance import OSA

from benchmarks.data import Size, given_data
from benchmarks.library import KINDS, make_library, misspelt, search_requests, write_library
from benchmarks.lists import list_paths

SIZE = Size(users=20, items=300, ratings=400)


def test_the_library_is_an_archive_and_the_same_again(tmp_path: Path) -> None:
    library = make_library(SIZE.items)
    data = write_library(tmp_path / "one", library, SIZE)
    again = write_library(tmp_path / "two", make_library(SIZE.items), SIZE)
    for name in ("ratings.csv", "movies.csv", "people.csv"):
        assert (data.path / name).read_bytes() == (again.path / name).read_bytes()
    assert given_data(data.path).path == data.path
    people, ratings = pd.read_csv(data.path / "people.csv"), pd.read_csv(data.path / "ratings.csv")
    assert people["title"].tolist() == list(library.titles)
    assert (len(people), len(ratings)) == (300, 400)
    assert not ratings.duplicated(["userId", "movieId"]).any()


def test_searches_are_of_every_kind_and_some_name_a_user() -> None:
    asked = search_requests(make_library(SIZE.items), ["a", "b"], 500, seed=1)
    assert {each.kind for each in asked} == set(KINDS)
    queries = [parse_qs(urlsplit(each.request.path).query) for each in asked]
    assert all(query["q"][0].strip() for query in queries)
    assert {query.get("user_id", ["-"])[0] for query in queries} == {"a", "b", "-"}


def test_a_typo_is_one() -> None:
    rng = random.Random(2)  # noqa: S311 - no secret
    for _ in range(200):
        assert OSA.distance("the matrix reloaded", misspelt(rng, "the matrix reloaded", 1)) <= 1


def test_lists_are_measured_with_filters_that_let_something_pass() -> None:
    library = make_library(SIZE.items)
    paths = list_paths(library)
    assert next(iter(paths)) == "plain"
    assert parse_qs(urlsplit(paths["person"]).query)["person"][0] in library.people[0]
    assert len(set(paths.values())) == len(paths)
