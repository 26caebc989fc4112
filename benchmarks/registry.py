"""Every benchmark, in the order in which they are run."""

from collections.abc import Callable, Mapping, Sequence

from benchmarks.engine import measure_engine
from benchmarks.figures import Figure
from benchmarks.serving import measure_memory, measure_serving
from benchmarks.storing import measure_batch, measure_import
from benchmarks.training import measure_train
from benchmarks.workspace import Workspace

BENCHMARKS: Mapping[str, Callable[[Workspace], Sequence[Figure]]] = {
    "import": measure_import,
    "train": measure_train,
    "engine": measure_engine,
    "memory": measure_memory,
    "serve": measure_serving,
    "batch": measure_batch,
}
