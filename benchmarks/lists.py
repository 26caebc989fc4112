"""What filters and the rows of a home page cost beside one plain list, over HTTP."""

from collections.abc import Mapping, Sequence
from urllib.parse import quote, urlencode

from benchmarks.data import Size
from benchmarks.figures import Figure, at_most, median_of
from benchmarks.library import Library, stored_library
from benchmarks.load import Request, put_load
from benchmarks.processes import Server, processor_seconds
from benchmarks.workspace import Workspace

SIZE = Size(users=1_000, items=4_000, ratings=100_000)
QUICK = Size(users=200, items=1_000, ratings=8_000)
FILTERED_TIMES, HOME_TIMES = 2.0, 4.0
CONNECTIONS = 4


def measure_lists(workspace: Workspace) -> list[Figure]:
    """Personal lists with filters, and home, each against the plain list of the same users: how many times its processor time, of
    the worker alone, in rounds that take turns."""
    size, rounds, seconds = (QUICK, 2, 0.5) if workspace.quick else (SIZE, 7, 1.5)
    with stored_library(workspace, "lists", size) as (library, titles):
        users, paths = titles.user_ids(), list_paths(library)
        with titles.service() as service:
            for path in paths.values():
                _processor_time(service, users, path, seconds / 3)  # to warm up
            taken = [
                {name: _processor_time(service, users, path, seconds) for name, path in paths.items()}
                for _ in range(rounds)
            ]
    plain = [each["plain"] for each in taken]
    figures = [median_of("plain list", plain, "us/request", note=f"{titles.data.name}; {size.ratings:,} ratings")]
    for name in list(paths)[1:]:
        ratios = [each[name] / each["plain"] for each in taken]
        most = HOME_TIMES if name == "home" else FILTERED_TIMES
        figures.append(median_of(f"  {name}", ratios, "times", at_most(most)))
    return figures


def list_paths(library: Library) -> Mapping[str, str]:
    """The path under a user of each list, the plain one first."""
    filters = {
        "category": {"category": "Drama"},
        "year": {"released_from": "1990-01-01", "released_to": "2005-12-31"},
        "min_rating": {"min_rating": 3},
        "min_ratings": {"min_ratings": 5},
        "tag": {"tag": "tag 7"},
        "person": {"person": library.people[0][0]},
        "category, year and min_rating": {"category": "Drama", "released_from": "1990-01-01", "min_rating": 3},
    }
    plain = "recommendations?limit=20"
    return {
        "plain": plain,
        **{name: f"{plain}&{urlencode(query)}" for name, query in filters.items()},
        "home": "home?limit=20",
    }


def _processor_time(service: Server, users: Sequence[str], path: str, seconds: float) -> float:
    """Of the worker for one request, in microseconds."""
    requests = [Request("GET", f"/v1/users/{quote(user, safe='')}/{path}") for user in users]
    before = processor_seconds([service.pid])
    answers = put_load(service.port, requests, connections=CONNECTIONS, seconds=seconds)
    return 1e6 * (processor_seconds([service.pid]) - before) / len(answers.microseconds)
