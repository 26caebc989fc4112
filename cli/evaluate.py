"""``medley evaluate``: how well the engine that serves ranks what was held out."""

from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.config import Settings
from app.errors import InvalidInput
from cli.console import say, show_progress
from cli.settings import read_settings

if TYPE_CHECKING:
    from training.data import Snapshot
    from training.evaluation.figures import Figure
    from training.evaluation.protocols import Protocol as ProtocolOf


class Protocol(StrEnum):
    """The protocols of docs/evaluation.md."""

    LAST_OUT = "last-out"
    NEW_USERS = "new-users"
    COLD_USERS = "cold-users"
    COLD_ITEMS = "cold-items"
    RATING = "rating"
    TIME_CUT = "time-cut"


def evaluate(
    data: Annotated[Path | None, typer.Option(exists=True, help="A MovieLens archive or folder.")] = None,
    db: Annotated[bool, typer.Option("--db", help="Take what the database holds instead.")] = False,
    protocol: Annotated[Protocol, typer.Option(help="What is held out.")] = Protocol.LAST_OUT,
    item_text: Annotated[
        Path | None, typer.Option(exists=True, help="Plots, cast and directors of the movies, by movie id.")
    ] = None,
    plots: Annotated[Path | None, typer.Option(help="Also draw plots into this folder.")] = None,
    json: Annotated[Path | None, typer.Option(help="Also write every figure to this file.")] = None,
    cache: Annotated[bool, typer.Option(help="Keep fitted parts, and use those kept before.")] = True,
) -> None:
    """Measure the engine on held-out ratings of a data set, or of what the database holds."""
    # They import what fits, which takes a second.
    from training.evaluation.figures import to_json  # noqa: PLC0415
    from training.evaluation.item_text import with_item_text  # noqa: PLC0415
    from training.evaluation.prepared import PreparedParts  # noqa: PLC0415
    from training.evaluation.protocols import PROTOCOLS  # noqa: PLC0415
    from training.evaluation.setting import Setting  # noqa: PLC0415
    from training.fit import Parameters  # noqa: PLC0415

    settings = read_settings()
    if (data is None) != db:
        raise InvalidInput("Give either --data PATH or --db.")
    snapshot = _snapshot(settings, data)
    if item_text is not None:
        snapshot = replace(snapshot, items=with_item_text(snapshot.items, item_text))
    say(f"{len(snapshot.feedback):,} ratings of {len(snapshot.items):,} items by {snapshot.feedback.n_users:,} users")
    chosen = PROTOCOLS[protocol.value]
    with show_progress() as progress:
        setting = Setting(
            snapshot,
            Parameters(),
            settings.rating_max,
            PreparedParts(settings.data_dir / "evaluation" if cache else None),
            lambda stage, share: progress(f"{protocol.value}: {stage}", int(1000 * share), 1000),
            data,
            scale_bottom=settings.rating_min,
        )
        figures = chosen.load()(setting)
    _print_tables(figures, chosen)
    if json is not None:
        json.write_text(to_json(figures))
    if plots is not None and chosen.plotted is not None:
        from training.evaluation.plots import draw_plots  # noqa: PLC0415

        for path in draw_plots(figures, chosen.plotted, plots):
            say(f"Drew {path}")


def _snapshot(settings: Settings, data: Path | None) -> "Snapshot":
    if data is not None:
        from training.evaluation.archive import read_snapshot_of_archive  # noqa: PLC0415

        return read_snapshot_of_archive(data, settings.rating_min, settings.rating_max)
    from app.db import open_sync_engine  # noqa: PLC0415
    from app.postgres import database_url  # noqa: PLC0415
    from training.snapshot import read_snapshot  # noqa: PLC0415

    with database_url(settings, say=say) as url, open_sync_engine(url) as engine:
        return read_snapshot(engine, settings.event_kinds).snapshot


def _print_tables(figures: "Sequence[Figure]", protocol: "ProtocolOf") -> None:
    from training.evaluation.dials import METRICS, POSITIONS  # noqa: PLC0415
    from training.evaluation.figures import to_table, to_table_of_slices  # noqa: PLC0415
    from training.evaluation.protocols import LISTS  # noqa: PLC0415
    from training.evaluation.rankers import BLEND  # noqa: PLC0415

    dials = [position.name for position in POSITIONS]
    parts = dict.fromkeys(figure.slice for figure in figures if figure.slice not in dials)
    tables = [to_table(figures, protocol.metrics, part) for part in parts]
    tables += [to_table(figures, LISTS, "all"), to_table_of_slices(figures, METRICS, BLEND, dials)]
    for table in filter(None, tables):
        say("")
        say(table)
    say("")
    for figure in figures:
        if figure.metric.startswith("fit "):
            say(f"{figure.metric}: {figure.value:,.1f}")
