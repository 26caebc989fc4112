"""The engine alone: one thread, no database, no HTTP."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from app.engine.arrays import RowArray
from app.engine.artifact import open_artifact, require_array
from app.engine.assembly import build_engine, read_configuration
from app.engine.engine import Engine
from app.engine.history import History, rating_history
from benchmarks.figures import Figure, at_most, quantile
from benchmarks.processes import MeasurementFailed
from benchmarks.workspace import Workspace

MICROSECONDS = 500
HISTORY_SIZE = 100
LIMIT = 20
USERS = 200
SEED = 3
PROBE_SECONDS = 300


def measure_engine(workspace: Workspace) -> list[Figure]:
    """Score all items and rank the unseen for a history of a hundred, and the steps of it, in a process of its own."""
    return engine_figures(workspace, MICROSECONDS, 3 if workspace.quick else 20)


def engine_figures(workspace: Workspace, most_microseconds: int, rounds: int) -> list[Figure]:
    """The same for any bound and number of rounds."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.engine", str(workspace.artifact), str(rounds)],
        env=workspace.environment | {"OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        check=False,
        timeout=PROBE_SECONDS,
    )
    if done.returncode != 0:
        raise MeasurementFailed(f"the engine failed: {done.stderr.decode(errors='replace').strip()[-400:]}")
    n_items, steps = json.loads(done.stdout)
    figures: list[Figure] = []
    for name, microseconds in steps.items():
        bound = at_most(most_microseconds) if name == "score and rank" else None
        note = f"{n_items:,} items, history of {HISTORY_SIZE}, limit {LIMIT}" if bound else ""
        figures.append(Figure(name, quantile(microseconds, 0.5), "us", bound, note=note))
        if bound:
            figures.append(Figure("  p95", quantile(microseconds, 0.95), "us"))
    return figures


def time_engine(artifact: Path, rounds: int) -> tuple[int, dict[str, list[float]]]:
    """How many rows there are, and the microseconds of each step for every user and round."""
    loaded = open_artifact(artifact)
    configuration = read_configuration(loaded.manifest.configuration)
    engine = build_engine(loaded.arrays, configuration)
    histories = _histories(
        require_array(loaded.arrays, "popularity.counts", np.int64, (engine.n_rows,)), configuration.overall_mean
    )
    taken: dict[str, list[float]] = {}
    for turn in range(rounds + 1):
        for history in histories:
            for name, microseconds in _time_steps(engine, history).items():
                if turn:  # the first one touches every page of the arrays
                    taken.setdefault(name, []).append(microseconds)
    return engine.n_rows, taken


def _histories(counts: RowArray, overall_mean: float) -> list[History]:
    """Users who rated items by their popularity, each once."""
    rng = np.random.default_rng(SEED)
    size = min(HISTORY_SIZE, int(np.count_nonzero(counts)))
    histories: list[History] = []
    for _ in range(USERS):
        rows = rng.choice(len(counts), size, replace=False, p=counts / counts.sum())
        values = rng.integers(1, 6, size).astype(np.float32)
        histories.append(rating_history(rows, values, np.sort(rng.random(size)), overall_mean))
    return histories


def _time_steps(engine: Engine, history: History) -> dict[str, float]:
    allowed = np.ones(engine.n_rows, np.bool_)
    allowed[history.rows] = False
    scores = engine.score(history)
    total = np.zeros(engine.n_rows, np.float32)
    steps: dict[str, Callable[[], object]] = {
        "score and rank": lambda: engine.score(history).rank(allowed, LIMIT),
        "  score": lambda: engine.score(history),
    }
    for signal in engine.signals:
        reading, weights = signal.read(history), np.ones(len(signal.columns), np.float32)
        steps[f"    read {signal.name}"] = lambda signal=signal: signal.read(history)
        steps[f"    add {signal.name}"] = lambda reading=reading, weights=weights: reading.add_to(total, weights)
    steps["  rank"] = lambda: scores.rank(allowed, LIMIT)
    steps["score, rank and explain"] = lambda: engine.score(history).rank(allowed, LIMIT, explain=True)
    return {name: _microseconds(step) for name, step in steps.items()}


def _microseconds(step: Callable[[], object]) -> float:
    began = time.perf_counter()
    step()
    return 1e6 * (time.perf_counter() - began)


if __name__ == "__main__":
    json.dump(time_engine(Path(sys.argv[1]), int(sys.argv[2])), sys.stdout)
