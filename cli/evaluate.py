"""``medley evaluate``: how well the engine that serves ranks what was held out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
    from training.evaluation.store import Store
    from training.fit import Parameters


class Protocol(StrEnum):
    """The protocols of docs/evaluation.md."""

    LAST_OUT = "last-out"
    NEW_USERS = "new-users"
    COLD_USERS = "cold-users"
    COLD_ITEMS = "cold-items"
    RATING = "rating"
    TIME_CUT = "time-cut"


Data = Annotated[Path | None, typer.Option(exists=True, help="A MovieLens archive or folder.")]
FromDatabase = Annotated[bool, typer.Option("--db", help="Take what the database holds instead.")]
WhichProtocol = Annotated[Protocol, typer.Option(help="What is held out.")]
ItemText = Annotated[
    Path | None, typer.Option(exists=True, help="Plots, cast and directors of the movies, by movie id.")
]
PlotsFolder = Annotated[Path | None, typer.Option(help="Also draw plots into this folder.")]
JsonFile = Annotated[Path | None, typer.Option(help="Also write every figure to this file.")]
Cache = Annotated[bool, typer.Option(help="Keep fitted parts, and use those kept before.")]


@dataclass(frozen=True, slots=True)
class _Source:
    """What is measured: the snapshot, the archive it came from, and parameters that a search found for what is served."""

    snapshot: "Snapshot"
    archive: Path | None = None
    parameters: "Parameters | None" = None


def evaluate(
    data: Data = None,
    db: FromDatabase = False,
    protocol: WhichProtocol = Protocol.LAST_OUT,
    item_text: ItemText = None,
    plots: PlotsFolder = None,
    json: JsonFile = None,
    cache: Cache = True,
) -> None:
    """Measure the engine on held-out ratings of a data set, or of what the database holds."""
    # It imports what fits, which takes a second.
    from training.evaluation.protocols import PROTOCOLS  # noqa: PLC0415
    from training.evaluation.store import Store  # noqa: PLC0415

    settings = read_settings()
    if (data is None) != db:
        raise InvalidInput("Give either --data PATH or --db.")
    store = Store(settings.data_dir / "evaluation" if cache else None)
    source = _with_text(_read(settings, data, store), item_text)
    feedback = source.snapshot.feedback
    say(f"{len(feedback):,} ratings of {len(source.snapshot.items):,} items by {feedback.n_users:,} users")
    figures = _measure(settings, source, protocol.value, store)
    chosen = PROTOCOLS[protocol.value]
    _print_tables(figures, chosen)
    _write(figures, chosen, plots, json)


def _read(settings: Settings, data: Path | None, store: "Store") -> _Source:
    if data is not None:
        from training.evaluation.archive import read_snapshot_of_archive  # noqa: PLC0415

        return _Source(read_snapshot_of_archive(data, settings.rating_min, settings.rating_max, store), data)
    from app.db import open_sync_engine  # noqa: PLC0415
    from app.postgres import database_url  # noqa: PLC0415
    from training.champion import read_champion  # noqa: PLC0415
    from training.snapshot import read_snapshot  # noqa: PLC0415

    with database_url(settings, say=say) as url, open_sync_engine(url) as engine:
        snapshot = read_snapshot(engine, settings.event_kinds).snapshot
        with engine.connect() as connection:
            champion = read_champion(connection)
    return _Source(snapshot, parameters=champion.parameters if champion is not None and champion.tuned else None)


def _with_text(source: _Source, item_text: Path | None) -> _Source:
    if item_text is None:
        return source
    from training.evaluation.item_text import with_item_text  # noqa: PLC0415

    items = with_item_text(source.snapshot.items, item_text)
    return replace(source, snapshot=replace(source.snapshot, items=items))


def _measure(settings: Settings, source: _Source, protocol: str, store: "Store") -> "Sequence[Figure]":
    from training.evaluation.protocols import evaluate as measure  # noqa: PLC0415
    from training.evaluation.setting import Setting  # noqa: PLC0415

    with show_progress() as progress:
        setting = Setting(
            source.snapshot,
            source.parameters,
            settings.rating_max,
            store,
            lambda stage, share: progress(f"{protocol}: {stage}", int(1000 * share), 1000),
            source.archive,
            scale_bottom=settings.rating_min,
        )
        return measure(protocol, setting)


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


def _write(figures: "Sequence[Figure]", protocol: "ProtocolOf", plots: Path | None, json: Path | None) -> None:
    from training.evaluation.figures import to_json  # noqa: PLC0415

    if json is not None:
        json.write_text(to_json(figures))
    if plots is not None:
        from training.evaluation.plots import draw_plots  # noqa: PLC0415

        for path in draw_plots(figures, protocol.plotted, plots):
            say(f"Drew {path}")
