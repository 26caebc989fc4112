"""One training run, from the rows in the database to the active release."""

from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from app.engine.arrays import AnyArray
from app.engine.artifact import write_artifact
from app.errors import Conflict
from app.event_kinds import EventKinds
from training.candidate import Effort, blend_parameters
from training.catalogue import catalogue_arrays
from training.champion import AUTOMATIC, Champion, first_parameters, read_champion
from training.data import Snapshot
from training.fit import Parameters, Report, report_nothing
from training.lock import hold_training_lock
from training.manifest import manifest_of
from training.popularity import opinion_prior
from training.publish import Published, publish_release
from training.recipe import Fitted, Tuning, fit_release
from training.runs import NO_WISH, ActiveRun, ProgressLog, Wish, failures_noted, start_run
from training.snapshot import read_snapshot
from training.tuning import Budget
from training.tuning_log import keep_in_row, read_unfinished


@dataclass(frozen=True, slots=True)
class Plan:
    """How a run trains. ``parameters`` None stands for those that a search has found before, else the defaults;
    ``tune_minutes`` for a run that is not asked for another number."""

    scale_top: float
    now: datetime
    parameters: Parameters | None = None
    event_kinds: EventKinds | None = None
    tune_minutes: float = 0.0


def train(
    engine: Engine,
    artifacts: Path,
    *,
    scale_top: float,
    now: datetime,
    wish: Wish = NO_WISH,
    parameters: Parameters | None = None,
    event_kinds: EventKinds | None = None,
    report: Report = report_nothing,
) -> Published:
    """Fit on what the database holds, publish and activate. Raises :class:`Conflict` when another run is under way or there is
    nothing to train on, and :class:`GateFailed` when the active release stays because its configuration is better."""
    plan = Plan(scale_top, now, parameters, event_kinds)
    with hold_training_lock(engine) as lock:
        run = start_run(lock, "command", wish)
        with failures_noted(engine, run):
            location = build_artifact(engine, artifacts, run, plan, ProgressLog(engine, run.key, report).report)
            return publish_release(lock, run, location)


def build_artifact(
    engine: Engine, artifacts: Path, run: ActiveRun, plan: Plan, report: Report = report_nothing
) -> Path:
    """Fit on what the database holds and write the artifact, which is not registered yet; returns where it is."""
    report("snapshot", 0.0)
    data = read_snapshot(engine, plan.event_kinds)
    if not data.snapshot.items:
        raise Conflict("There are no items to train on.", code="nothing_to_train_on")
    with engine.connect() as connection:
        champion = read_champion(connection)
    # After a run that the gate turned away, the next that nobody asked for takes what has proved itself: the data must not grow
    # old over it.
    careful = champion is not None and champion.rejected and run.cause in AUTOMATIC
    fitted = fit_release(
        data.snapshot,
        plan.parameters or first_parameters(champion, len(data.snapshot.feedback), careful=careful),
        plan.scale_top,
        report,
        champion,
        forced=run.wish.forced,
        tuning=None if careful else _tuning(engine, run, plan),
    )
    report("publish", 0.0)
    manifest = manifest_of(
        data,
        fitted.fit,
        release=run.release,
        now=plan.now,
        parameters=_all_parameters(fitted.parameters, plan),
        metrics=fitted.metrics,
        gate=fitted.gate,
        tuning=_origin(fitted, champion, run.release),
    )
    catalogue = _catalogue(data.snapshot, fitted.parameters, plan.scale_top)
    return write_artifact(artifacts, manifest, fitted.fit.arrays | catalogue)


def _catalogue(snapshot: Snapshot, parameters: Parameters, scale_top: float) -> dict[str, AnyArray]:
    share = scale_top / parameters.vote_scale
    prior = opinion_prior(snapshot.feedback, snapshot.items, share, parameters.popularity)
    return catalogue_arrays(snapshot.items, snapshot.feedback, prior)


def _tuning(engine: Engine, run: ActiveRun, plan: Plan) -> Tuning | None:
    minutes = plan.tune_minutes if run.wish.tune_minutes is None else run.wish.tune_minutes
    if minutes <= 0:
        return None
    return Tuning(Budget(60 * minutes), keep_in_row(engine, run), read_unfinished(engine, run))


def _origin(fitted: Fitted, champion: Champion | None, release: str) -> dict[str, Any]:
    """Where the parameters were found, if a search found them, and what this run's own search tried."""
    found = {} if fitted.search is None else fitted.search.as_document()
    if fitted.search is not None and fitted.search.best != fitted.search.start:
        return found | {"tuned_by": release}
    inherited = champion is not None and champion.tuned and champion.parameters == fitted.parameters
    return found | ({"tuned_by": champion.tuning["tuned_by"]} if champion is not None and inherited else {})


def _all_parameters(parameters: Parameters, plan: Plan) -> dict[str, Any]:
    """Everything that decided what was fitted, as it stands in the manifest."""
    blend = asdict(blend_parameters(plan.scale_top, Effort()))
    kinds = None if plan.event_kinds is None else plan.event_kinds.model_dump(mode="json")
    return asdict(parameters) | {"blend": blend, "scale_top": plan.scale_top, "event_kinds": kinds}
