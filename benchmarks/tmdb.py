"""The single-file layout of TMDB at its full length: how fast a million movies are gone through, and in how much memory."""

import csv
import random
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.workspace import Workspace
from training.importers.generated import ADJECTIVES, GENRES, NOUNS

ROWS, QUICK_ROWS = 1_300_000, 20_000
MIN_VOTES = 50
SEED = 4
_FIXED = {
    "status": "Released",
    "revenue": "0",
    "adult": "False",
    "backdrop_path": "",
    "budget": "0",
    "homepage": "",
    "imdb_id": "",
    "original_language": "en",
    "popularity": "0.6",
    "poster_path": "/poster.jpg",
    "tagline": "",
    "production_countries": "France, Italy",
    "spoken_languages": "French, English",
}


def measure_tmdb(workspace: Workspace) -> list[Figure]:
    """``medley import tmdb`` of a made-up file, most of whose movies have too few votes to be taken, as in the published one."""
    rows = QUICK_ROWS if workspace.quick else ROWS
    file = write_file(workspace.home / "TMDB_all_movies.csv", rows)
    size = file.stat().st_size
    with workspace.another_database() as empty:
        run = empty.import_tmdb(file, min_votes=MIN_VOTES)
        stored = int(empty.strings("SELECT count(*) FROM items")[0])
    file.unlink()
    note = f"{rows:,} movies, {size / 1e6:,.0f} MB; {stored:,} with {MIN_VOTES} votes or more are stored"
    return [
        Figure("time", run.seconds, "s", note=note),
        Figure("rows", rows / run.seconds, "movies/s"),
        Figure("peak memory", run.peak_bytes / 1e6, "MB"),
    ]


def write_file(path: Path, rows: int) -> Path:
    """A file of so many movies, the same for the same number. Votes are log-normal: one in twelve has 50 or more."""
    rng = random.Random(SEED)  # noqa: S311 - no secret
    words = [*ADJECTIVES, *NOUNS]
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        varying = ("id", "title", "original_title", "vote_average", "vote_count", "release_date", "runtime", "overview",
                   "genres", "keywords", "production_companies")  # fmt: skip
        writer.writerow([*varying, *_FIXED])
        for number in range(1, rows + 1):
            title = f"{rng.choice(ADJECTIVES)} {rng.choice(NOUNS)} {number}"
            year, votes = rng.randint(1930, 2025), int(rng.lognormvariate(0.0, 2.8))
            writer.writerow([
                10_000_000 + number, title, title, round(rng.uniform(3, 9), 1), votes, f"{year}-06-15", rng.randint(5, 200),
                " ".join(rng.choices(words, k=40)), ", ".join(rng.sample(GENRES, 2)), ", ".join(rng.choices(words, k=5)),
                f"Studio {number % 5_000}", *_FIXED.values(),
            ])  # fmt: skip
    return path
