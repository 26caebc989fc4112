"""A run that lost its lock publishes nothing, whatever it lost it by; what it leaves behind is collected."""

from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine
from trained import PARAMETERS
from workers import Workers

from app.config import Settings
from app.db import open_sync_engine
from app.errors import Conflict, MedleyError
from app.migrations import ADVISORY_LOCK
from training.collect import collect_artifacts
from training.lock import LockLost, hold_training_lock
from training.pipeline import train
from training.publish import Published
from training.runs import start_run


class Trainer:
    """Trains in this process, and cuts in where a stage begins."""

    def __init__(self, url: str, engine: Engine, artifacts: Path) -> None:
        self.rows = Workers(url, artifacts)
        self.engine = engine
        self.artifacts = artifacts

    def train(self, at: str | None = None, cut_in: object = None) -> Published:
        def report(stage: str, share: float) -> None:
            if stage == at and share == 0.0 and callable(cut_in):
                cut_in()

        return train(
            self.engine, self.artifacts, scale_top=5.0, now=datetime.now(UTC), parameters=PARAMETERS, report=report
        )

    def cut_the_lock(self) -> None:
        (holder,) = self.rows.lock_holders()
        self.rows.query("SELECT pg_terminate_backend(%s, 5000)", holder)

    def releases(self) -> list[str]:
        return [row["id"] for row in self.rows.query("SELECT id FROM releases ORDER BY key")]

    def last_run(self) -> tuple[str, str | None]:
        row = self.rows.runs()[-1]
        return row["state"], row["error_code"]

    def directories(self) -> set[str]:
        return {path.name for path in self.artifacts.iterdir()} if self.artifacts.is_dir() else set()


@pytest.fixture
def trainer(trained_settings: Settings, tmp_path: Path) -> Generator[Trainer]:
    assert trained_settings.database_url is not None
    url = trained_settings.database_url.get_secret_value()
    with open_sync_engine(url) as engine:
        yield Trainer(url, engine, tmp_path / "artifacts")


def test_the_session_that_holds_the_lock_publishes(trainer: Trainer) -> None:
    published = trainer.train()
    assert trainer.releases()[-1] == published.release
    assert trainer.last_run() == ("succeeded", None)
    assert trainer.rows.lock_holders() == []
    assert trainer.directories() == {published.release}


@pytest.mark.parametrize("stage", ["fit", "publish"])
def test_without_its_session_a_run_publishes_nothing(trainer: Trainer, stage: str) -> None:
    before = trainer.releases()
    with pytest.raises(LockLost):
        trainer.train(stage, trainer.cut_the_lock)
    assert trainer.releases() == before
    assert trainer.last_run() == ("failed", "lock_lost")


def test_a_run_that_another_gave_up_publishes_nothing_though_its_session_lives(trainer: Trainer) -> None:
    before = trainer.releases()

    def give_up() -> None:
        trainer.rows.query(
            "UPDATE training_runs SET state = 'failed', error_code = 'worker_lost' WHERE state = 'running'"
        )

    with pytest.raises(LockLost):
        trainer.train("publish", give_up)
    assert trainer.releases() == before
    assert trainer.last_run() == ("failed", "worker_lost")


def test_a_lock_that_was_let_go_of_by_its_own_session_is_lost_too(trainer: Trainer) -> None:
    with hold_training_lock(trainer.engine) as lock:
        lock.check()
        with lock.transaction() as connection:
            connection.exec_driver_sql("SELECT pg_advisory_unlock_all()")
        with pytest.raises(LockLost):
            lock.check()


def test_nobody_else_trains_meanwhile_and_a_migration_is_not_held_up(trainer: Trainer) -> None:
    with hold_training_lock(trainer.engine) as lock:
        run = start_run(lock, "command")
        with pytest.raises(Conflict, match="under way"):
            trainer.train()
        assert trainer.rows.runs()[-1]["id"] == run.id
        with psycopg.connect(trainer.rows.url) as connection:
            assert connection.execute("SELECT pg_try_advisory_lock(%s)", [ADVISORY_LOCK]).fetchone() == (True,)


def test_train_carries_out_what_is_queued_and_marks_what_died(trainer: Trainer) -> None:
    with hold_training_lock(trainer.engine) as lock:
        start_run(lock, "command")
    trainer.rows.request()
    trainer.train()
    died, queued = trainer.rows.runs()[-2:]
    assert (died["state"], died["error_code"]) == ("failed", "worker_lost")
    assert (queued["state"], queued["cause"]) == ("succeeded", "request")


def test_what_goes_wrong_in_the_fit_is_told(trainer: Trainer) -> None:
    trainer.rows.query("UPDATE items SET deleted_at = now()")
    with pytest.raises(MedleyError, match="no items"):
        trainer.train()
    assert trainer.last_run() == ("failed", "nothing_to_train_on")


def test_old_artifacts_go_but_never_the_active_one(trainer: Trainer) -> None:
    made = [trainer.train().release for _ in range(4)]
    trainer.rows.query("UPDATE releases SET active = false")
    trainer.rows.query("UPDATE releases SET active = true WHERE id = %s", made[0])
    (trainer.artifacts / "somebody-elses").mkdir()
    (trainer.artifacts / ".unfinished-somebody-elses").mkdir()

    assert collect_artifacts(trainer.engine, trainer.artifacts, kept=1) == [made[1], made[2]]
    assert trainer.directories() == {made[0], made[3], "somebody-elses", ".unfinished-somebody-elses"}
    gone = trainer.rows.query("SELECT id FROM releases WHERE collected_at IS NOT NULL ORDER BY key")
    assert [row["id"] for row in gone] == [made[1], made[2]]  # not that of the template, which lies elsewhere
    assert collect_artifacts(trainer.engine, trainer.artifacts, kept=1) == []


def test_what_a_dead_run_left_behind_goes_and_what_a_living_one_writes_stays(trainer: Trainer) -> None:
    with hold_training_lock(trainer.engine) as lock:
        dead = start_run(lock, "command")
        living = start_run(lock, "command")
        for name in (f".unfinished-{dead.release}", dead.release, f".unfinished-{living.release}", living.release):
            (trainer.artifacts / name).mkdir(parents=True)
        assert set(collect_artifacts(trainer.engine, trainer.artifacts, kept=0)) == {
            f".unfinished-{dead.release}",
            dead.release,
        }
    assert trainer.directories() == {f".unfinished-{living.release}", living.release}
