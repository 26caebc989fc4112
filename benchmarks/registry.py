"""Every benchmark, in the order in which they are run."""

from collections.abc import Callable, Mapping, Sequence

from benchmarks.engine import measure_engine
from benchmarks.figures import Figure
from benchmarks.large_catalogue import measure_large_catalogue
from benchmarks.lists import measure_lists
from benchmarks.memory import measure_memory
from benchmarks.search import measure_search
from benchmarks.serving import measure_serving
from benchmarks.storing import measure_batch, measure_import
from benchmarks.tmdb import measure_tmdb
from benchmarks.training import measure_train
from benchmarks.workers import measure_swap, measure_two_workers
from benchmarks.workspace import Workspace

BENCHMARKS: Mapping[str, Callable[[Workspace], Sequence[Figure]]] = {
    "import": measure_import,
    "train": measure_train,
    "engine": measure_engine,
    "memory": measure_memory,
    "serve": measure_serving,
    "workers": measure_two_workers,
    "swap": measure_swap,
    "lists": measure_lists,
    "search": measure_search,
    "batch": measure_batch,
    "tmdb": measure_tmdb,
    "large": measure_large_catalogue,
}
