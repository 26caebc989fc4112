"""Reads a MovieLens archive straight into a snapshot, so that an evaluation needs no database."""

from pathlib import Path

import numpy as np

from app.engine.terms import Description
from training.data import Feedback, ItemRecord, Snapshot
from training.importers.archive import open_archive
from training.importers.lines import BadLines
from training.importers.movielens_layouts import MovieLensFiles, detect_layout
from training.importers.movielens_movies import read_movies
from training.importers.movielens_ratings import Bounds, read_ratings

LATEST_SECONDS = 2**40


def read_snapshot_of_archive(path: Path, lowest: float, highest: float) -> Snapshot:
    """The movies and ratings of an archive or folder in any of the known layouts. Raises InvalidInput for anything else.

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
    return Snapshot(items, _read_feedback(found, np.array([int(movie.id) for movie in movies]), lowest, highest, bad))


def _read_feedback(
    found: MovieLensFiles,
    ids: "np.ndarray[tuple[int], np.dtype[np.int64]]",
    lowest: float,
    highest: float,
    bad: BadLines,
) -> Feedback:
    order = np.argsort(ids)
    bounds = Bounds(lowest, highest, LATEST_SECONDS, ids[order])
    with found.archive.open(found.files[found.layout.ratings]) as stream:
        blocks = list(read_ratings(stream, found.layout, bounds, bad))
    user = np.concatenate([block.user for block in blocks])
    movie = np.concatenate([block.movie for block in blocks])
    people, users = np.unique(user, return_inverse=True)
    return Feedback.ordered(
        len(people),
        users.astype(np.int64),
        order[np.searchsorted(ids[order], movie)].astype(np.int64),
        np.concatenate([block.value for block in blocks]).astype(np.float32),
        np.concatenate([block.seconds for block in blocks]).astype(np.float64),
    )
