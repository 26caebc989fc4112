"""One training run, from the rows in the database to the active release."""

import importlib.metadata
import platform
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Engine

from app.engine.arrays import AnyArray, BoolArray, FloatArray, RowArray
from app.engine.artifact import Manifest, write_artifact
from app.errors import Conflict
from app.event_kinds import EventKinds
from training.blend import HISTORY_SIZES, BlendParameters, learn_blend
from training.catalogue import catalogue_arrays
from training.collaborative import Factors
from training.content import ContentFit, fit_content
from training.data import Snapshot
from training.evaluate import measure_next_item
from training.fit import Fit, Parameters, Report, fit_signals, report_nothing
from training.lock import hold_training_lock
from training.popularity import opinion_prior
from training.publish import Published, publish_release
from training.rating_model import fit_rating_model
from training.runs import ProgressLog, failures_noted, start_run
from training.snapshot import DatabaseSnapshot, read_snapshot
from training.split import Split, hash_pairs, hold_out_newest
from training.threads import one_blas_thread

LIKED_SHARE = 0.8
"""From which share of the top of the scale a rating says that the item was liked: 4 of 5 stars."""

SIGNALS_SHARE = 0.6
"""How much of the refit's time goes into the signals; the rest is the predicted rating's."""

LIBRARIES = ("numpy", "scipy", "scikit-learn", "implicit")


def train(
    engine: Engine,
    artifacts: Path,
    *,
    scale_top: float,
    now: datetime,
    cause: str = "command",
    parameters: Parameters | None = None,
    event_kinds: EventKinds | None = None,
    report: Report = report_nothing,
) -> Published:
    """Fit on what the database holds, publish and activate. Raises :class:`Conflict` when another run is under way or there is
    nothing to train on."""
    with hold_training_lock(engine) as lock:
        run = start_run(lock, cause)
        with failures_noted(engine, run):
            progress = ProgressLog(engine, run.key, report)
            location = build_artifact(
                engine,
                artifacts,
                release=run.release,
                scale_top=scale_top,
                now=now,
                parameters=parameters or Parameters(),
                event_kinds=event_kinds,
                report=progress.report,
            )
            return publish_release(lock, run, location)


def build_artifact(
    engine: Engine,
    artifacts: Path,
    *,
    release: str,
    scale_top: float,
    now: datetime,
    parameters: Parameters,
    event_kinds: EventKinds | None = None,
    report: Report = report_nothing,
) -> Path:
    """Fit on what the database holds and write the artifact, which is not registered yet; returns where it is."""
    report("snapshot", 0.0)
    data = read_snapshot(engine, event_kinds)
    if not data.snapshot.items:
        raise Conflict("There are no items to train on.", code="nothing_to_train_on")
    fit, metrics = fit_release(data.snapshot, parameters, scale_top, report)
    report("publish", 0.0)
    given = _all_parameters(parameters, scale_top, event_kinds)
    manifest = _manifest(data, fit, metrics, given, now, release)
    return write_artifact(artifacts, manifest, fit.arrays | _catalogue(data.snapshot, parameters, scale_top))


def _catalogue(snapshot: Snapshot, parameters: Parameters, scale_top: float) -> dict[str, AnyArray]:
    share = scale_top / parameters.vote_scale
    prior = opinion_prior(snapshot.feedback, snapshot.items, share, parameters.popularity)
    return catalogue_arrays(snapshot.items, snapshot.feedback, prior)


def fit_release(
    snapshot: Snapshot, parameters: Parameters, scale_top: float, report: Report = report_nothing
) -> tuple[Fit, dict[str, Any]]:
    """The fit on all data, with a blend learned and measured on held-out data.

    Each user's newest rating is held out; half of the users teach the blend, the other half measure it. Then the same
    configuration is fitted on everything.
    """
    report("content", 0.0)
    content = fit_content([item.description for item in snapshot.items], parameters.content, parameters.seed)
    weights, metrics, factors = _learn_on_held_out(snapshot, content, parameters, scale_top, report)
    final = fit_signals(
        snapshot,
        snapshot.feedback,
        parameters,
        scale_top,
        lambda _, share: report("refit", share * SIGNALS_SHARE),
        content,
        factors,
    )
    rating = fit_rating_model(
        snapshot.feedback,
        len(snapshot.items),
        parameters.rating,
        parameters.seed,
        lambda share: report("refit", SIGNALS_SHARE + (1 - SIGNALS_SHARE) * share),
    )
    if rating is not None and rating.left_out:
        metrics["rating"] = {"left_out": rating.left_out, "rmse": rating.rmse}
    return final.with_blend(HISTORY_SIZES, weights).with_rating(rating), metrics


def _learn_on_held_out(
    snapshot: Snapshot, content: ContentFit, parameters: Parameters, scale_top: float, report: Report
) -> tuple[FloatArray, dict[str, Any], Factors | None]:
    """The blend's weights, how well they do, and the factors that the refit may start from. The tables of this fit, which are
    as large as those to come, are gone on return."""
    split = hold_out_newest(snapshot.feedback, parameters.seed)
    trial = fit_signals(snapshot, split.known, parameters, scale_top, report, content)
    teaching = _teaching(split, parameters.seed)
    with one_blas_thread():
        weights = learn_blend(
            trial.engine(), _part(split, teaching), _blend_parameters(scale_top), parameters.seed, report
        )
        report("evaluate", 0.0)
        measured = trial.with_blend(HISTORY_SIZES, weights).engine()
        metrics: dict[str, Any] = {"next_item": measure_next_item(measured, split, _measuring(teaching, 2_000))}
    return weights, metrics, trial.factors


def _blend_parameters(scale_top: float) -> BlendParameters:
    return BlendParameters(liked_from=LIKED_SHARE * scale_top)


def _all_parameters(parameters: Parameters, scale_top: float, event_kinds: EventKinds | None) -> dict[str, Any]:
    """Everything that decided what was fitted, as it stands in the manifest."""
    blend = asdict(_blend_parameters(scale_top))
    kinds = None if event_kinds is None else event_kinds.model_dump(mode="json")
    return asdict(parameters) | {"blend": blend, "scale_top": scale_top, "event_kinds": kinds}


def _teaching(split: Split, seed: int) -> BoolArray:
    return hash_pairs(split.users, np.zeros_like(split.users), seed) % np.uint64(2) == 0


def _part(split: Split, chosen: BoolArray) -> Split:
    return replace(
        split, users=split.users[chosen], targets=split.targets[chosen], target_values=split.target_values[chosen]
    )


def _measuring(teaching: BoolArray, most: int) -> RowArray:
    """At most ``most`` of the users who do not teach, evenly spread."""
    others = np.flatnonzero(~teaching)
    return (
        others[np.unique(np.linspace(0, len(others) - 1, min(len(others), most)).astype(np.int64))]
        if len(others)
        else others
    )


def _manifest(
    data: DatabaseSnapshot, fit: Fit, metrics: dict[str, Any], parameters: dict[str, Any], now: datetime, release: str
) -> Manifest:
    window = data.snapshot.window
    return Manifest(
        release=release,
        created_at=now.isoformat(),
        data_from=_instant(window[0]) if window else None,
        data_until=_instant(window[1]) if window else None,
        catalogue_seen=data.catalogue_seen,
        counts={
            "items": len(data.snapshot.items),
            "users": data.snapshot.feedback.n_users,
            "ratings": int(data.snapshot.feedback.rated.sum()),
            "events": int((~data.snapshot.feedback.rated).sum()),
        },
        configuration=fit.configuration.as_document(),
        parameters=parameters,
        metrics=metrics,
        libraries={"python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in LIBRARIES},
    )


def _instant(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
