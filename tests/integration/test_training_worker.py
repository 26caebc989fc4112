"""Workers as processes, really killed: exactly one run at a time, and nobody waits for the dead."""

import os
import signal
import time
from collections.abc import Generator
from datetime import timedelta
from pathlib import Path

import pytest
from workers import Workers, fit_of, is_alive, wait_until, workers_on

from app.config import Settings

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="finds child processes in /proc")
SOON_SECONDS = 30.0  # a second or two, on a machine that is busy with other tests; not the minutes of a timeout


@pytest.fixture
def workers(trained_settings: Settings, tmp_path: Path) -> Generator[Workers]:
    """Workers on a database that holds ratings and one succeeded run, made by `train`."""
    assert trained_settings.database_url is not None
    with workers_on(trained_settings.database_url.get_secret_value(), tmp_path / "artifacts") as found:
        yield found


def gap(before: dict, after: dict) -> float:
    return (after["started_at"] - before["finished_at"]).total_seconds()


def test_three_workers_carry_out_each_request_once(workers: Workers) -> None:
    for _ in range(3):
        workers.start("real")
    workers.wait_for_listeners(3)
    for number in (1, 2):
        workers.request()
        run = workers.wait_for("succeeded", number)
        assert run["error"] is None
        assert run["progress"] == 1.0
    time.sleep(1)  # five looks of each worker
    assert [run["cause"] for run in workers.runs()] == ["command", "request", "request"]
    active = workers.query("SELECT id FROM releases WHERE active")
    assert [row["id"] for row in active] == [workers.runs()[-1]["planned_release"]]


def test_requests_made_while_a_run_goes_on_are_one_following_run(workers: Workers) -> None:
    worker = workers.start("endless")
    workers.request()
    workers.wait_for("running", 1, "fit")
    for _ in range(5):
        workers.request()
    assert [run["state"] for run in workers.runs()] == ["succeeded", "running", "queued"]
    os.kill(fit_of(worker), signal.SIGKILL)
    workers.wait_for("running", 2)
    assert len(workers.runs()) == 3


def test_a_killed_fit_is_marked_and_the_next_goes_on_at_once(workers: Workers) -> None:
    worker = workers.start("endless")
    workers.request()
    workers.wait_for("running", 1, "fit")
    workers.request()
    os.kill(fit_of(worker), signal.SIGKILL)
    failed = workers.wait_for("failed", 1)
    assert failed["error_code"] == "fit_killed"
    assert failed["error"] == "The process that fits was killed by SIGKILL."
    following = workers.wait_for("running", 2)
    assert gap(failed, following) < SOON_SECONDS
    assert worker.poll() is None


def test_a_killed_worker_takes_its_fit_along_and_a_standby_goes_on(workers: Workers) -> None:
    worker = workers.start("endless")
    workers.request()
    workers.wait_for("running", 1, "fit")
    fit = fit_of(worker)
    workers.start()
    workers.wait_for_listeners(2)
    workers.request()
    time.sleep(1)  # the standby has looked, and leaves the run alone
    assert [run["state"] for run in workers.runs()] == ["succeeded", "running", "queued"]

    killed_at = workers.query("SELECT clock_timestamp() AS now")[0]["now"]
    worker.kill()
    following = workers.wait_for("succeeded", 2)
    failed = workers.runs()[1]
    assert (failed["state"], failed["error_code"]) == ("failed", "worker_lost")
    assert following["started_at"] - killed_at < timedelta(seconds=SOON_SECONDS)
    wait_until(lambda: not is_alive(fit), lambda: "the fit outlives its worker")


def test_a_worker_whose_lock_connection_is_cut_gives_the_run_up(workers: Workers) -> None:
    worker = workers.start("endless")
    workers.request()
    workers.wait_for("running", 1, "fit")
    fit = fit_of(worker)
    workers.request()
    (holder,) = workers.lock_holders()
    workers.query("SELECT pg_terminate_backend(%s)", holder)
    failed = workers.wait_for("failed", 1)
    assert failed["error_code"] == "lock_lost"
    following = workers.wait_for("running", 2)
    assert gap(failed, following) < SOON_SECONDS
    assert not is_alive(fit)
    assert worker.poll() is None


def test_sigterm_ends_the_fit_marks_the_run_and_leaves_the_tick_to_a_standby(workers: Workers) -> None:
    workers.query("UPDATE training_runs SET started_at = now() - interval '3 days'")
    worker = workers.start("endless", schedule="0 3 * * *")
    workers.wait_for("running", 1, "fit")
    fit = fit_of(worker)
    workers.start(schedule="0 3 * * *")
    workers.wait_for_listeners(2)
    began = time.monotonic()
    worker.terminate()
    assert worker.wait(60) == 0
    assert time.monotonic() - began < SOON_SECONDS
    assert not is_alive(fit)
    stopped, repeated = workers.runs()[1], workers.wait_for("succeeded", 2)
    assert (stopped["state"], stopped["error_code"]) == ("failed", "stopped")
    assert repeated["cause"] == "schedule"


def test_sigterm_to_the_whole_group_is_a_stop_and_no_crash(workers: Workers) -> None:
    worker = workers.start("endless")
    workers.request()
    workers.wait_for("running", 1, "fit")
    os.killpg(worker.pid, signal.SIGTERM)
    assert worker.wait(60) == 0
    assert workers.runs()[1]["error_code"] == "stopped"


def test_an_idle_worker_stops_at_once(workers: Workers) -> None:
    worker = workers.start()
    workers.request()
    workers.wait_for("succeeded", 1)
    began = time.monotonic()
    worker.send_signal(signal.SIGINT)
    assert worker.wait(60) == 0
    assert time.monotonic() - began < SOON_SECONDS


def test_ticks_that_were_missed_are_one_run(workers: Workers) -> None:
    workers.query("UPDATE training_runs SET started_at = now() - interval '3 days'")
    for _ in range(2):
        workers.start(schedule="0 3 * * *")
    run = workers.wait_for("succeeded", 1)
    assert run["cause"] == "schedule"
    time.sleep(1)
    assert len(workers.runs()) == 2


def test_new_ratings_are_a_reason_to_train_and_their_number_starts_again(workers: Workers) -> None:
    def rate(count: int) -> None:
        workers.query(
            "INSERT INTO ratings (user_key, item_key, value, rated_at)"
            " SELECT u.key, i.key, 4, now() FROM users u, items i"
            " WHERE NOT EXISTS (SELECT FROM ratings r WHERE r.user_key = u.key AND r.item_key = i.key) LIMIT %s",
            count,
        )

    workers.start(new_ratings=50)
    rate(40)
    time.sleep(3)  # the server passes its counts on within a second
    assert len(workers.runs()) == 1
    rate(10)
    assert workers.wait_for("succeeded", 1)["cause"] == "ratings"
    time.sleep(1)
    assert len(workers.runs()) == 2


def test_a_worker_waits_for_its_schema_and_outlives_the_loss_of_every_connection(workers: Workers) -> None:
    workers.query("ALTER TABLE training_runs RENAME TO not_there_yet")
    worker = workers.start()
    time.sleep(2)
    workers.query("ALTER TABLE not_there_yet RENAME TO training_runs")
    workers.request()
    workers.wait_for("succeeded", 1)
    workers.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    workers.request()
    workers.wait_for("succeeded", 2)
    assert worker.poll() is None
