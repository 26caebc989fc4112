"""``medley evaluate``: how well the engine that serves ranks what was held out."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cli.console import say, show_progress
from cli.settings import read_settings


class Protocol(StrEnum):
    """The protocols of docs/evaluation.md."""

    LAST_OUT = "last-out"


def evaluate(
    data: Annotated[Path, typer.Option(exists=True, help="A MovieLens archive or folder.")],
    protocol: Annotated[Protocol, typer.Option(help="What is held out.")] = Protocol.LAST_OUT,
    json: Annotated[Path | None, typer.Option(help="Also write every figure to this file.")] = None,
) -> None:
    """Measure the engine on held-out ratings of a data set, without a database."""
    # They import what fits, which takes a second.
    from training.evaluation.archive import read_snapshot_of_archive  # noqa: PLC0415
    from training.evaluation.figures import to_json, to_table  # noqa: PLC0415
    from training.evaluation.last_out import evaluate_last_out  # noqa: PLC0415
    from training.fit import Parameters  # noqa: PLC0415

    settings = read_settings()
    snapshot = read_snapshot_of_archive(data, settings.rating_min, settings.rating_max)
    say(f"{len(snapshot.feedback):,} ratings of {len(snapshot.items):,} items by {snapshot.feedback.n_users:,} users")
    with show_progress() as progress:
        figures = evaluate_last_out(
            snapshot,
            Parameters(),
            settings.rating_max,
            lambda stage, share: progress(f"{protocol.value}: {stage}", int(1000 * share), 1000),
        )
    for part in dict.fromkeys(figure.slice for figure in figures):
        say("")
        say(to_table(figures, ("HR@10 of 99", "NDCG@10 of 99", "HR@10", "NDCG@10", "Recall@20"), part))
    say("")
    say(to_table(figures, ("MRR", "coverage@20", "novelty@20", "diversity@20"), "all"))
    if json is not None:
        json.write_text(to_json(figures))
