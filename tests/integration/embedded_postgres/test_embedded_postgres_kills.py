"""The embedded Postgres and its supervisor are back after every kind of kill."""

import socket
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psycopg
import pytest
from embedded import User, answers, answers_from_another, eventually, kill_supervisor, note, processes_of, run
from sqlalchemy.engine import make_url

from app.postgres import embedded_postgres
from app.postgres.supervisor import is_free


def test_a_killed_user_leaves_neither_a_server_nor_an_obstacle(data_dir: Path, start_user: Callable[[], User]) -> None:
    user = start_user()
    url = user.url()
    note(url, "acknowledged")
    user.kill()
    eventually(lambda: not processes_of(data_dir))
    with embedded_postgres(data_dir) as url:
        assert run(url, "SELECT word FROM notes") == "acknowledged"


def test_who_comes_while_a_killed_users_server_stops_gets_one_that_stays(
    data_dir: Path, start_user: Callable[[], User]
) -> None:
    for _ in range(3):
        user = start_user()
        user.url()
        user.kill()
        with embedded_postgres(data_dir) as url:
            assert answers(url)


def test_a_killed_server_is_replaced_under_the_same_address(data_dir: Path) -> None:
    with embedded_postgres(data_dir) as url:
        note(url, "before the kill")
        killed = processes_of(data_dir)["postmaster"]
        killed.kill()
        eventually(lambda: answers(url))
        assert processes_of(data_dir)["postmaster"].pid != killed.pid
        assert run(url, "SELECT word FROM notes") == "before the kill"
        with embedded_postgres(data_dir) as another:
            assert another == url


def test_the_next_user_brings_back_what_a_killed_supervisor_took_along(data_dir: Path) -> None:
    with embedded_postgres(data_dir) as url:
        note(url, "before the kill")
        kill_supervisor(data_dir)
        with embedded_postgres(data_dir) as another:
            assert another == url
            assert run(url, "SELECT word FROM notes") == "before the kill"


def test_users_that_stay_bring_back_what_a_killed_supervisor_took_along(
    data_dir: Path, start_user: Callable[[], User]
) -> None:
    users = [start_user() for _ in range(3)]
    (url,) = {user.url() for user in users}
    note(url, "before the kill")
    for _ in range(2):
        eventually(partial(answers_from_another, data_dir, kill_supervisor(data_dir), url))
        assert run(url, "SELECT word FROM notes") == "before the kill"
    for user in users:
        user.leave()
    assert not processes_of(data_dir)


def test_a_user_that_leaves_as_the_supervisor_is_killed_leaves_nothing(
    data_dir: Path, start_user: Callable[[], User]
) -> None:
    for seconds in (0, 0.4, 0.7, 1.0):  # before, while and after it is brought back
        user = start_user()
        user.url()
        kill_supervisor(data_dir)
        time.sleep(seconds)
        user.leave()
        eventually(lambda: not processes_of(data_dir))


def test_the_address_that_users_know_is_waited_for(data_dir: Path, caplog: pytest.LogCaptureFixture) -> None:
    with embedded_postgres(data_dir) as url:
        port = make_url(url).port or 0
        running = processes_of(data_dir)
        running["supervisor"].suspend()  # so that the port can be taken before anybody is at work on a new server
        running["postmaster"].kill()
        eventually(lambda: is_free(port))
        with socket.create_server(("127.0.0.1", port)):
            running["supervisor"].kill()
            eventually(lambda: f"port {port} of 127.0.0.1" in caplog.text)
            assert "postmaster" not in processes_of(data_dir)
        eventually(lambda: answers(url))
    assert not processes_of(data_dir)


def test_all_killed_at_once_with_a_backend_at_work(data_dir: Path, start_user: Callable[[], User]) -> None:
    user = start_user()
    url = user.url()
    note(url, "before the kill")
    busy = psycopg.connect(url, autocommit=True)
    started = processes_of(data_dir)
    for process in (user.process, started["supervisor"], started["postmaster"]):
        process.kill()
    with embedded_postgres(data_dir) as url:
        assert run(url, "SELECT word FROM notes") == "before the kill"
    busy.close()
