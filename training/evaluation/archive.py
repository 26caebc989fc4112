"""Reads a MovieLens archive straight into a snapshot, so that an evaluation needs no database."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from app.engine.arrays import RowArray
from app.engine.group_popularity import group_name
from app.engine.terms import Description
from training.data import Feedback, ItemRecord, Snapshot, UserGroups
from training.evaluation.store import Entry, Store, digest
from training.importers.archive import open_archive
from training.importers.lines import BadLines
from training.importers.movielens_layouts import MovieLensFiles, detect_layout
from training.importers.movielens_movies import read_movies
from training.importers.movielens_ratings import Bounds, read_ratings
from training.importers.movielens_users import read_users

LATEST_SECONDS = 2**40
_BYTES_AT_ONCE = 2**20


def read_snapshot_of_archive(path: Path, lowest: float, highest: float, store: Store) -> Snapshot:
    """The movies and ratings of an archive or folder in any of the known layouts; ratings that were read before are found in the
    ``store``. Raises InvalidInput for anything else.

    Items stand in the byte order of their ids, users are numbered in the order of their numbers.
    """
    found = detect_layout(open_archive(path))
    bad = BadLines()
    movies = sorted(read_movies(found, bad), key=lambda movie: movie.id.encode())
    items = [
        ItemRecord(
            row, movie.id.encode(), Description(movie.title, categories=movie.categories, released_on=movie.released_on)
        )
        for row, movie in enumerate(movies)
    ]
    ids = np.array([int(movie.id) for movie in movies])
    with found.archive.open(found.files[found.layout.ratings]) as stream:
        content = hashlib.sha256()
        while block := stream.read(_BYTES_AT_ONCE):
            content.update(block)
    key = {
        "content": content.hexdigest(),
        "layout": found.layout.name,
        "items": digest(ids),
        "bounds": [lowest, highest],
    }
    entry = store.get("ratings", key, lambda: _entry_of(*_read_feedback(found, ids, lowest, highest, bad)))
    arrays: dict[str, Any] = dict(entry.arrays)
    people = arrays.pop("people")
    return Snapshot(items, Feedback(len(people), **arrays), _read_groups(found, people, bad))


def _entry_of(feedback: Feedback, people: RowArray) -> Entry:
    arrays = {name: getattr(feedback, name) for name in ("users", "items", "values", "times")}
    return Entry(arrays | {"people": people})


def _read_groups(found: MovieLensFiles, people: RowArray, bad: BadLines) -> UserGroups:
    """Who shares an attribute, of the users with these numbers, ascending."""
    numbers = {str(person): place for place, person in enumerate(people.tolist())}
    names: dict[bytes, int] = {}
    pairs: list[tuple[int, int]] = []
    for user in read_users(found, bad):
        for attribute, value in user.attributes.items():
            if user.id in numbers:
                group = names.setdefault(group_name(attribute, value), len(names))
                pairs.append((numbers[user.id], group))
    members = np.array(pairs, np.int64).reshape(-1, 2)
    return UserGroups(list(names), members[:, 0], members[:, 1])


def _read_feedback(
    found: MovieLensFiles,
    ids: RowArray,
    lowest: float,
    highest: float,
    bad: BadLines,
) -> tuple[Feedback, RowArray]:
    """The ratings, and the numbers of the users in the archive, ascending."""
    order = np.argsort(ids)
    bounds = Bounds(lowest, highest, LATEST_SECONDS, ids[order])
    with found.archive.open(found.files[found.layout.ratings]) as stream:
        blocks = list(read_ratings(stream, found.layout, bounds, bad))
    user = np.concatenate([block.user for block in blocks])
    movie = np.concatenate([block.movie for block in blocks])
    people, users = np.unique(user, return_inverse=True)
    feedback = Feedback.ordered(
        len(people),
        users.astype(np.int64),
        order[np.searchsorted(ids[order], movie)].astype(np.int64),
        np.concatenate([block.value for block in blocks]).astype(np.float32),
        np.concatenate([block.seconds for block in blocks]).astype(np.float64),
    )
    return feedback, people.astype(np.int64)
