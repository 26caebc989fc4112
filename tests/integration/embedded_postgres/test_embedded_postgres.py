"""The embedded Postgres in use: shared, stopped by the last one out, and open to nobody else."""

import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from embedded import (
    PATIENCE,
    User,
    answers,
    note,
    processes_of,
    run,
)
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from app.config import Settings
from app.postgres import database_url, embedded_postgres, server_home


def test_it_serves_while_it_is_used_and_leaves_nothing_running(data_dir: Path) -> None:
    with embedded_postgres(data_dir) as url:
        assert run(url, "SELECT current_user || '@' || current_database()") == "medley@medley"
        assert set(processes_of(data_dir)) == {"supervisor", "postmaster"}
    assert not processes_of(data_dir)
    assert not answers(url)


def test_what_was_written_is_there_the_next_time(data_dir: Path) -> None:
    with embedded_postgres(data_dir) as url:
        note(url, "kept")
    with embedded_postgres(data_dir) as url:
        assert run(url, "SELECT word FROM notes") == "kept"


def test_processes_share_one_server_and_the_last_one_out_stops_it(
    data_dir: Path, start_user: Callable[[], User]
) -> None:
    first, second = start_user(), start_user()
    url = first.url()
    assert second.url() == url
    postmaster = processes_of(data_dir)["postmaster"].pid
    first.leave()
    assert answers(url)
    assert processes_of(data_dir)["postmaster"].pid == postmaster
    second.leave()
    assert not processes_of(data_dir)


def test_processes_that_come_at_once_make_one_server(new_data_dir: Path) -> None:
    users = [User(new_data_dir) for _ in range(3)]
    try:
        assert len({user.url() for user in users}) == 1
        for user in users:
            user.leave()
        assert not processes_of(new_data_dir)
    finally:
        for user in users:
            user.kill()


def test_another_port_is_taken_when_its_own_is_not_to_be_had(data_dir: Path) -> None:
    with embedded_postgres(data_dir) as url:
        port = make_url(url).port
    with socket.create_server(("127.0.0.1", port or 0)), embedded_postgres(data_dir) as url:
        assert make_url(url).port != port
        assert answers(url)


def test_a_terminals_interrupt_leaves_the_server_to_users_that_drain(start_user: Callable[[], User]) -> None:
    user = start_user()
    user.url()
    os.killpg(user.process.pid, signal.SIGINT)
    out, _ = user.process.communicate(timeout=PATIENCE)
    assert out.strip() == "drained"
    assert user.process.returncode == 0


def test_supervisor_and_server_are_in_no_session_of_a_terminal(data_dir: Path) -> None:
    with embedded_postgres(data_dir) as url:
        running = processes_of(data_dir)
        for process in running.values():
            assert os.getsid(process.pid) != os.getsid(0)
        running["supervisor"].send_signal(signal.SIGTERM)
        running["supervisor"].send_signal(signal.SIGINT)
        time.sleep(0.3)
        assert answers(url)
        assert {name: process.pid for name, process in processes_of(data_dir).items()} == {
            name: process.pid for name, process in running.items()
        }


def test_only_the_right_password_opens_it(data_dir: Path) -> None:
    with embedded_postgres(data_dir) as url:
        address = make_url(url)
        for wrong in ("wrong", ""):
            refused = address.set(password=wrong).render_as_string(hide_password=False)
            with pytest.raises(psycopg.OperationalError, match="password"):
                psycopg.connect(refused)
        with pytest.raises(psycopg.OperationalError, match=r"pg_hba\.conf"):
            psycopg.connect(address.set(username="postgres").render_as_string(hide_password=False))


def test_it_listens_on_loopback_alone(data_dir: Path) -> None:
    with embedded_postgres(data_dir) as url:
        postmaster = processes_of(data_dir)["postmaster"]
        listening = [each for each in postmaster.net_connections("inet") if each.status == "LISTEN"]
        assert [tuple(each.laddr) for each in listening] == [("127.0.0.1", make_url(url).port)]
        assert postmaster.net_connections("unix") == []


def test_its_secrets_are_for_nobody_else(data_dir: Path) -> None:
    with embedded_postgres(data_dir) as url:
        home = server_home(data_dir)
        assert (home / "password").stat().st_mode & 0o777 == 0o600
        assert (home / "cluster").stat().st_mode & 0o777 == 0o700
        assert home.stat().st_mode & 0o066 == 0
        password = make_url(url).password or ""
        assert all(password not in word for process in processes_of(data_dir).values() for word in process.cmdline())
        assert password not in (home / "server.log").read_text()


def test_a_lost_password_is_made_anew(data_dir: Path) -> None:
    with embedded_postgres(data_dir) as before:
        note(before, "kept")
    (server_home(data_dir) / "password").unlink()
    with embedded_postgres(data_dir) as url:
        assert make_url(url).password != make_url(before).password
        assert run(url, "SELECT word FROM notes") == "kept"


def test_the_role_may_do_what_the_service_needs_and_no_more(data_dir: Path) -> None:
    with embedded_postgres(data_dir) as url:
        assert run(
            url, "SELECT rolsuper::text || rolcreatedb || rolcreaterole FROM pg_roles WHERE rolname = current_user"
        ) == ("falsetruefalse")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
            assert connection.execute("SELECT 'écran' <% 'Grand Écran'").fetchone() == (True,)
            assert connection.execute("SELECT lower('ÉÑΩ')").fetchone() == ("éñω",)
            connection.execute("DROP EXTENSION pg_trgm")


@pytest.mark.parametrize(
    ("setting", "value"),
    [("fsync", "on"), ("synchronous_commit", "on"), ("full_page_writes", "on"), ("data_checksums", "on"),
     ("server_encoding", "UTF8"), ("jit", "off"), ("TimeZone", "UTC"), ("password_encryption", "scram-sha-256")],
)  # fmt: skip
def test_settings_of_the_server(data_dir: Path, setting: str, value: str) -> None:
    with embedded_postgres(data_dir) as url:
        assert run(url, f"SHOW {setting}") == value


def test_a_given_database_is_used_and_no_server_started(tmp_path: Path) -> None:
    settings = Settings(database_url=SecretStr("postgresql://somewhere.example/medley"), data_dir=tmp_path / "data")
    with database_url(settings) as url:
        assert url == "postgresql://somewhere.example/medley"
    assert not (tmp_path / "data").exists()
