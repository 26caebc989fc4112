"""What one training run fits: held back, tuned, tried, let through by the gate, and fitted again on everything."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.blend import HISTORY_SIZES
from training.candidate import LIKED_SHARE, Candidate, Trials
from training.champion import Champion, changes_between
from training.content import ContentFit, fit_content
from training.data import Snapshot
from training.evaluate import measure_next_item
from training.fit import Fit, Parameters, Report, fit_signals, report_nothing
from training.gate import Rivals, judge, needs_champion
from training.parts import Parts
from training.period import HeldOut, hold_out_period
from training.rating_content import ItemContent, map_content
from training.rating_model import RatingFit, fit_rating_model
from training.tuning import Budget, Keep, Search, Tuner
from training.verdict import Gate, GateFailed, explain

SIGNALS_SHARE = 0.6
"""How much of the refit's time goes into the signals; the rest is the predicted rating's."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """A search that is asked for: its ``budget``, where to ``keep`` it, and what was kept of one that was not finished."""

    budget: Budget
    keep: Keep
    unfinished: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Fitted:
    """What is to be published, and what is told of it; ``search`` is there where the run tuned."""

    fit: Fit
    parameters: Parameters
    metrics: dict[str, Any]
    gate: Gate
    search: Search | None = None


def fit_release(
    snapshot: Snapshot,
    parameters: Parameters,
    scale_top: float,
    report: Report = report_nothing,
    champion: Champion | None = None,
    *,
    forced: bool = False,
    tuning: Tuning | None = None,
) -> Fitted:
    """The fit on all data, with a blend learned on held-out data; raises :class:`GateFailed` where the configuration ranks worse
    there than the ``champion``'s, unless ``forced``.

    Everybody's newest entry and the newest period are held out: of the one the blend is learned, the other is what the gate asks
    about (:mod:`training.period`). Tuning sees neither. Then the same configuration is fitted on everything.
    """
    report("content", 0.0)
    held = hold_out_period(snapshot.feedback, LIKED_SHARE * scale_top, parameters.seed)
    search = None
    if tuning is not None:
        begun = Search.of(tuning.unfinished, parameters)
        report("tune", 0.0)
        tuner = Tuner(snapshot, held.known, scale_top, tuning.budget, tuning.keep, lambda share: report("tune", share))
        search = tuner.go_on(begun)
        parameters = search.best
    content = _content(snapshot, parameters)
    challenger, gate = _pass_gate(snapshot, held, parameters, content, scale_top, report, champion, forced=forced)
    if not gate.is_open:
        raise GateFailed(
            f"The gate is closed: {explain(gate)}.", gate.as_document(), {} if search is None else search.as_document()
        )
    fit, metrics = _refit(snapshot, challenger, content, scale_top, report)
    return Fitted(fit, parameters, metrics, gate, search)


def _refit(
    snapshot: Snapshot, tried: Candidate, content: ContentFit, scale_top: float, report: Report
) -> tuple[Fit, dict[str, Any]]:
    """The configuration that was tried, fitted on everything, and what was measured of it."""
    parameters = tried.parameters
    final = fit_signals(
        snapshot,
        snapshot.feedback,
        parameters,
        scale_top,
        lambda _, share: report("refit", share * SIGNALS_SHARE),
        content,
        tried.factors,
    )
    rating = fit_rating_model(
        snapshot.feedback,
        len(snapshot.items),
        parameters.rating,
        parameters.seed,
        lambda share: report("refit", SIGNALS_SHARE + (1 - SIGNALS_SHARE) * share),
    )
    if rating is not None:
        rating = _with_content(rating, final, content, snapshot, parameters)
    metrics: dict[str, Any] = {"next_item": measure_next_item(tried.ranks, tried.users)}
    if rating is not None and rating.left_out:
        metrics["rating"] = {"left_out": rating.left_out, "rmse": rating.rmse}
    return final.with_blend(HISTORY_SIZES, tried.weights).with_rating(rating), metrics


def _with_content(
    rating: RatingFit, fit: Fit, content: ContentFit, snapshot: Snapshot, parameters: Parameters
) -> RatingFit:
    """The same with items that nobody has rated predicted by their content, as the fit understands it."""
    items = ItemContent(
        content,
        np.asarray(fit.arrays["content.term_factors"], np.float32),
        fit.factors.items,
        np.asarray(fit.arrays["popularity.counts"], np.int64),
        parameters.content,
    )
    return map_content(rating, items, snapshot.feedback, parameters.rating, parameters.seed)


def _pass_gate(
    snapshot: Snapshot,
    held: HeldOut,
    parameters: Parameters,
    content: ContentFit,
    scale_top: float,
    report: Report,
    champion: Champion | None,
    *,
    forced: bool,
) -> tuple[Candidate, Gate]:
    """Try the configuration, and the champion's where that is another; the verdict. The tables of the trial fits, which are as
    large as those to come, are gone on return."""
    release = None if champion is None else champion.release
    before = None if champion is None else champion.parameters
    changes = None if before is None else changes_between(before, parameters)
    compared = needs_champion(release, changes, held)
    trials = Trials(snapshot, held, scale_top, parameters.seed, parts=Parts() if compared else None)
    challenger = trials.run(parameters, content, report)
    report("gate", 0.0)
    rival = None
    if compared and before is not None:
        known = content if before.content == parameters.content else _content(snapshot, before)
        rival = trials.run(before, known, lambda _, share: report("gate", 0.0 if share < 1 else 0.5))
    gate = judge(Rivals(release, changes, challenger, rival), held, parameters.seed, forced=forced)
    report("gate", 1.0)
    return challenger, gate


def _content(snapshot: Snapshot, parameters: Parameters) -> ContentFit:
    return fit_content([item.description for item in snapshot.items], parameters.content, parameters.seed)
