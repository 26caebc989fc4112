"""Training runs on a real database: what is published, what is recorded, and what a failure leaves behind."""

import re
import threading
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from psycopg import Connection as DriverConnection
from sqlalchemy import Engine, insert, select

import training.pipeline
from app.db import open_sync_engine
from app.engine.artifact import open_artifact
from app.errors import Conflict
from app.models import Item, Rating, Release, TrainingRun, User
from training.collaborative import AlsParameters
from training.fit import Parameters
from training.pipeline import train
from training.runs import ActiveRun
from training.tuning_log import read_unfinished

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)  # in the past, as every test machine tells it
SMALL = Parameters(als=AlsParameters(factors=3, iterations=2))


@pytest.fixture
def engine(database_url: str) -> Generator[Engine]:
    with open_sync_engine(database_url) as opened:
        yield opened


@pytest.fixture
def filled(engine: Engine) -> Engine:
    """Six items, one of them rated by each of four users."""
    with engine.begin() as connection:
        items = [{"id": f"i{n}", "title": f"Title {n}", "categories": ["Drama"]} for n in range(6)]
        item_keys = connection.execute(insert(Item).returning(Item.key), items).scalars().all()
        users = [{"id": f"u{n}"} for n in range(4)]
        user_keys = connection.execute(insert(User).returning(User.key), users).scalars().all()
        ratings = [
            {"user_key": user, "item_key": item_keys[(n + step) % 6], "value": 4.0, "rated_at": NOW}
            for n, user in enumerate(user_keys)
            for step in range(3)
        ]
        connection.execute(insert(Rating), ratings)
    return engine


def run(engine: Engine, artifacts: Path, **options: Any) -> Any:
    return train(engine, artifacts, **({"scale_top": 5.0, "now": NOW, "parameters": SMALL} | options))


def rows(engine: Engine, table: Any) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(select(*table.__table__.columns).order_by(table.key)))


def test_a_run_publishes_one_active_release(filled: Engine, tmp_path: Path) -> None:
    published = run(filled, tmp_path)
    [release] = rows(filled, Release)
    [row] = rows(filled, TrainingRun)
    assert release.active
    assert release.id == published.release
    assert release.location == str(published.location)
    artifact = open_artifact(Path(release.location))
    assert artifact.manifest.release == release.id
    assert artifact.manifest.counts == published.counts == {"items": 6, "users": 4, "ratings": 12, "events": 0}
    assert set(release.manifest["files"]) == set(artifact.arrays)
    assert release.data_from == release.data_until == NOW
    assert (row.state, row.progress, row.cause, row.error) == ("succeeded", 1.0, "command", None)
    assert row.release_key == release.key
    assert row.result["metrics"] == published.metrics
    assert row.finished_at > row.started_at


def test_a_second_run_activates_its_own_release_and_keeps_the_first(filled: Engine, tmp_path: Path) -> None:
    first = run(filled, tmp_path)
    second = run(filled, tmp_path, now=NOW + timedelta(hours=1))
    releases = rows(filled, Release)
    assert [(r.id, r.active) for r in releases] == [(first.release, False), (second.release, True)]
    for release in releases:
        open_artifact(Path(release.location))


def test_a_failing_fit_leaves_a_reason_and_the_old_release(
    filled: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(filled, tmp_path)

    def fail(*_: object, **__: object) -> None:
        raise FloatingPointError("it does not converge")

    with monkeypatch.context() as patched:
        patched.setattr(training.pipeline, "fit_release", fail)
        with pytest.raises(FloatingPointError):
            run(filled, tmp_path)
    failed = rows(filled, TrainingRun)[-1]
    assert (failed.state, failed.error, failed.release_key) == ("failed", "FloatingPointError", None)
    assert failed.finished_at is not None
    assert [(r.id, r.active) for r in rows(filled, Release)] == [(first.release, True)]
    assert [path.name for path in tmp_path.iterdir()] == [first.release]
    run(filled, tmp_path)  # the lock has been let go of


def test_the_lock_of_a_failed_run_is_free_for_every_other_connection(filled: Engine, tmp_path: Path) -> None:
    def report(stage: str, share: float) -> None:
        raise RuntimeError(stage, share)

    with pytest.raises(RuntimeError):
        run(filled, tmp_path, report=report)
    with open_sync_engine(filled.url.render_as_string(hide_password=False)) as other:
        run(other, tmp_path)


def test_a_run_started_while_another_fits_is_refused(filled: Engine, tmp_path: Path) -> None:
    fitting, refused = threading.Event(), threading.Event()

    def wait(stage: str, share: float) -> None:
        if (stage, share) == ("fit", 0.0):
            fitting.set()
            assert refused.wait(20)

    first = threading.Thread(target=run, args=(filled, tmp_path), kwargs={"report": wait})
    first.start()
    try:
        assert fitting.wait(20)
        with (
            open_sync_engine(filled.url.render_as_string(hide_password=False)) as other,
            pytest.raises(Conflict, match="under way"),
        ):
            run(other, tmp_path)
    finally:
        refused.set()
        first.join(30)
    assert [(r.state) for r in rows(filled, TrainingRun)] == ["succeeded"]


def test_a_run_whose_process_died_is_failed_by_the_next(filled: Engine, tmp_path: Path) -> None:
    with filled.begin() as connection:
        lost = {"id": "run-lost", "state": "running", "cause": "test", "progress": 0.4, "started_at": NOW}
        connection.execute(insert(TrainingRun), [lost])
    run(filled, tmp_path)
    lost_row, row = rows(filled, TrainingRun)
    assert (lost_row.state, lost_row.progress) == ("failed", 0.4)
    assert re.search("process .*died", lost_row.error)
    assert lost_row.finished_at is not None
    assert row.state == "succeeded"


def test_progress_never_goes_back_and_ends_at_one(filled: Engine, tmp_path: Path) -> None:
    seen: list[float] = []
    with DriverConnection.connect(
        filled.url.set(drivername="postgresql").render_as_string(hide_password=False)
    ) as reader:
        reader.autocommit = True

        def report(stage: str, share: float) -> None:
            del stage, share
            [(progress,)] = reader.execute("SELECT progress FROM training_runs").fetchall()
            seen.append(progress)

        run(filled, tmp_path, report=report)
    seen.append(rows(filled, TrainingRun)[0].progress)
    assert seen == sorted(seen)
    assert len(set(seen)) >= 6
    assert seen[-1] == 1.0


def test_without_items_there_is_nothing_to_train_on(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(Conflict, match="no items") as refused:
        run(engine, tmp_path)
    assert refused.value.code == "nothing_to_train_on"
    [row] = rows(engine, TrainingRun)
    assert (row.state, row.error) == ("failed", "There are no items to train on.")
    assert list(tmp_path.iterdir()) == []


def test_items_alone_make_a_release(engine: Engine, tmp_path: Path) -> None:
    with engine.begin() as connection:
        connection.execute(insert(Item), [{"id": "only", "title": "—"}])
    published = run(engine, tmp_path)
    assert published.counts == {"items": 1, "users": 0, "ratings": 0, "events": 0}
    [release] = rows(engine, Release)
    assert release.active
    assert release.data_from is None


def test_a_search_that_was_broken_off_is_found_whatever_ran_since(engine: Engine) -> None:
    broken_off, done = {"trials": [{"seconds": 1.0}]}, {"trials": [], "done": True}
    with engine.begin() as connection:
        for number, (state, tuning) in enumerate(
            [
                ("failed", broken_off),
                ("succeeded", {"tuned_by": "r"}),
                ("failed", {}),
                ("succeeded", done),
                ("failed", {}),
            ]
        ):
            run_id = f"run-{number}"
            row = {"id": run_id, "cause": "manual", "state": state, "result": {"tuning": tuning}}
            connection.execute(insert(TrainingRun).values(**row))
    with engine.connect() as connection:
        keys = connection.execute(select(TrainingRun.key).order_by(TrainingRun.key)).scalars().all()
    runs = (ActiveRun(key, "run", "manual", "planned") for key in (*keys, keys[-1] + 1))
    assert [read_unfinished(engine, run) for run in runs] == [{}, broken_off, broken_off, broken_off, {}, {}]
