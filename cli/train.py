"""``medley train``: one training run, from the database to the active release."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated

import typer

from app.config import Settings
from app.db import open_sync_engine
from app.postgres import database_url
from cli.console import say, show_progress
from cli.settings import read_settings
from training.fit import Report
from training.pipeline import train as run_training
from training.publish import Published
from training.runs import NO_WISH, STAGES, Wish


def train(
    tune: Annotated[
        float | None,
        typer.Option(min=0, max=1_440, metavar="MINUTES", help="Search for better hyper-parameters first."),
    ] = None,
    publish_anyway: Annotated[
        bool,
        typer.Option("--publish-anyway", help="Publish even what ranks worse than the active release's configuration."),
    ] = False,
) -> None:
    """Fit on what the database holds, publish the release and activate it."""
    settings = read_settings()
    with database_url(settings, say=say) as url:
        train_now(settings, url, wish=Wish(publish_anyway, tune))


def do_nothing() -> None:
    """The check of a run that nothing stops but a signal."""


def train_now(settings: Settings, url: str, check: Callable[[], None] = do_nothing, wish: Wish = NO_WISH) -> Published:
    """Train on the database at ``url`` and say how it went; ``check`` is called at every step, and ends the run if it raises."""
    with open_sync_engine(url) as engine, _stages(check) as report:
        published = run_training(
            engine,
            settings.artifacts,
            scale_top=settings.rating_max,
            now=datetime.now(UTC),
            event_kinds=settings.event_kinds,
            wish=wish,
            report=report,
        )
    counts = published.counts
    say(f"Trained on {counts['ratings']:,} ratings of {counts['items']:,} items by {counts['users']:,} users.")
    for ranker, figures in published.metrics["next_item"].items():
        hits, gain = figures["hit_rate_at_10"], figures["ndcg_at_10"]
        say(
            f"  {ranker:<11} next item in the top 10: {hits:.1%}, NDCG@10 {gain:.3f} ({figures['users']} users held out)"
        )
    for line in _verdict_lines(published):
        say(line)
    say(f"Release {published.release} is active.")
    return published


def _verdict_lines(published: Published) -> list[str]:
    """What tuning tried and what the gate said."""
    trials, gate = published.tuning.get("trials", []), published.gate
    lines: list[str] = []
    if trials:
        best = [trial for trial in trials if trial["kept"]][-1]
        before, after = trials[0]["ndcg_at_10"], best["ndcg_at_10"]
        lines.append(f"  tuning      {len(trials)} configurations tried, NDCG@10 {before:.4f} to {after:.4f}")
        lines += [f"              {name}: {old} to {new}" for name, (old, new) in best["changes"].items()]
    verdict = gate["verdict"] + (", published all the same" if gate["verdict"] == "failed" else "")
    same = ", the configuration of the active release" if gate["same_configuration"] else ""
    return [*lines, f"  gate        {verdict} ({gate['users']} users asked about{same})"]


@contextmanager
def _stages(check: Callable[[], None]) -> Generator[Report]:
    """One bar over all stages of a run."""
    with show_progress() as progress:

        def report(stage: str, share: float) -> None:
            check()
            progress("training", int(1000 * (STAGES.index(stage) + share)), 1000 * len(STAGES))

        yield report
        progress("training", 1, 1)
