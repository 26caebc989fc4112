"""Training: how long, and in how much memory."""

from benchmarks.figures import Figure, at_most
from benchmarks.workspace import Workspace

SECONDS = 30
PEAK_MB = 1_500


def measure_train(workspace: Workspace) -> list[Figure]:
    """``medley train`` in a process of its own, from start to the active release."""
    run = workspace.trained
    size = sum(file.stat().st_size for file in workspace.artifact.iterdir())
    return [
        Figure("time", run.seconds, "s", at_most(SECONDS)),
        Figure("peak memory", run.peak_bytes / 1e6, "MB", at_most(PEAK_MB)),
        Figure("artifact", size / 1e6, "MB"),
    ]
