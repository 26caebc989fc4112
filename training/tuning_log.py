"""Where a search is kept while it goes on: in the row of its run, so that the next run goes on where a killed one was."""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Engine, select, update

from app.models import TrainingRun
from training.runs import ActiveRun


def read_unfinished(engine: Engine, run: ActiveRun) -> Mapping[str, Any]:
    """What the last run that searched has kept of it, whatever ran since; empty where that search came to its end."""
    searched = TrainingRun.result["tuning"].has_key("trials")
    before = select(TrainingRun.state, TrainingRun.result).where(TrainingRun.key < run.key, searched)
    with engine.connect() as connection:
        row = connection.execute(before.order_by(TrainingRun.key.desc()).limit(1)).one_or_none()
    return row.result["tuning"] if row is not None and row.state == "failed" else {}


def keep_in_row(engine: Engine, run: ActiveRun) -> Callable[[Mapping[str, Any]], None]:
    """Writes a search to the row of the run, for as long as the run goes on."""

    def keep(document: Mapping[str, Any]) -> None:
        which = (TrainingRun.key == run.key) & (TrainingRun.state == "running")
        with engine.begin() as connection:
            connection.execute(update(TrainingRun).where(which).values(result={"tuning": dict(document)}))

    return keep
