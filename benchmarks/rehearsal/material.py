"""An archive as the bodies of batches: its items and its ratings."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from training.importers.archive import open_archive
from training.importers.lines import BadLines
from training.importers.movielens_layouts import detect_layout
from training.importers.movielens_movies import read_movies
from training.importers.movielens_ratings import Bounds, read_ratings

MOST_ROWS = 5_000
BATCHES = 100  # at least, so that a kill finds one under way


@dataclass(frozen=True, slots=True)
class Material:
    """What is loaded: items and ratings as rows of batches, the latter cut into batches."""

    items: list[dict[str, Any]]
    batches: list[list[dict[str, Any]]]

    @property
    def users(self) -> list[str]:
        """Everybody who rates."""
        return sorted({row["user_id"] for batch in self.batches for row in batch})


def read_material(archive: Path, *, lowest: float, highest: float) -> Material:
    """The whole archive. Raises InvalidInput where it cannot be read."""
    found = detect_layout(open_archive(archive))
    bad = BadLines()
    movies = list(read_movies(found, bad))
    items = [{"item_id": each.id, "title": each.title, "categories": each.categories} for each in movies]
    known = np.sort(np.array([int(each.id) for each in movies], np.int64))
    bounds = Bounds(lowest, highest, int(datetime.now(UTC).timestamp()), known)
    rows: list[dict[str, Any]] = []
    with found.archive.open(found.files[found.layout.ratings]) as stream:
        for block in read_ratings(stream, found.layout, bounds, bad):
            columns = (block.user.tolist(), block.movie.tolist(), block.value.tolist(), block.seconds.tolist())
            rows += [_rating_row(*row) for row in zip(*columns, strict=True)]
    size = max(1, min(MOST_ROWS, len(rows) // BATCHES))
    return Material(items, [rows[first : first + size] for first in range(0, len(rows), size)])


def _rating_row(user: int, movie: int, value: float, seconds: int) -> dict[str, Any]:
    when = datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
    return {"user_id": str(user), "item_id": str(movie), "value": value, "rated_at": when}
