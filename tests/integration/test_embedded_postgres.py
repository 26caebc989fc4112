"""The embedded Postgres and its supervisor: shared, stopped by the last, and back after every kind of kill."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from functools import partial
from pathlib import Path
from shutil import rmtree

import psutil
import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from app.config import Settings
from app.errors import ConfigurationError
from app.postgres import database_url, embedded_postgres, server_home
from app.postgres.binaries import copied_tree, installed_tree, program
from app.postgres.supervisor import free_port, is_free

ROOT = Path(__file__).parents[2]
PATIENCE = 30
USER = """
import signal, sys
from pathlib import Path
# A test run in the background of a shell inherits an ignored SIGINT.
signal.signal(signal.SIGINT, signal.default_int_handler)
from app.postgres import embedded_postgres
with embedded_postgres(Path(sys.argv[1])) as url:
    try:
        print(url, flush=True)
        sys.stdin.read()
    except KeyboardInterrupt:
        import psycopg, time
        time.sleep(0.5)
        with psycopg.connect(url) as connection:
            print(connection.execute("SELECT 'drained'").fetchone()[0], flush=True)
"""


class User:
    """A process that uses the server until its standard input is closed."""

    def __init__(self, data_dir: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", USER, str(data_dir)], cwd=ROOT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip

    def url(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        assert line.startswith("postgresql://"), line
        return line

    def leave(self) -> None:
        self.process.communicate(timeout=PATIENCE)
        assert self.process.returncode == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=PATIENCE)


@pytest.fixture(scope="module")
def module_data_dir(tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    path = tmp_path_factory.mktemp("a module's") / "data"
    yield path
    rmtree(server_home(path))


@pytest.fixture
def data_dir(module_data_dir: Path) -> Generator[Path]:
    """A directory whose server is made once for all these tests and stopped between them."""
    yield module_data_dir
    eventually(lambda: not processes_of(module_data_dir))


@pytest.fixture
def new_data_dir(tmp_path: Path) -> Generator[Path]:
    """A directory with no server yet."""
    path = tmp_path / "data"
    yield path
    eventually(lambda: not processes_of(path))
    with suppress(FileNotFoundError):
        rmtree(server_home(path))


@pytest.fixture
def start_user(data_dir: Path) -> Generator[Callable[[], User]]:
    """Starts processes that use the server; those that a failed test left are ended."""
    users: list[User] = []

    def start() -> User:
        users.append(User(data_dir))
        return users[-1]

    yield start
    for user in users:
        user.kill()


def eventually(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


def processes_of(data_dir: Path) -> dict[str, psutil.Process]:
    """The supervisor and the postmaster of a directory, those that run."""
    cluster, found = str(server_home(data_dir) / "cluster"), {}
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            words = process.cmdline()
            if len(words) > 4 and words[3].endswith("supervisor.py") and f'"{cluster}"' in words[4]:
                found["supervisor"] = process
            elif words[1:3] == ["-D", cluster]:
                found["postmaster"] = process
    return found


def kill_supervisor(data_dir: Path) -> psutil.Process:
    """Kill the supervisor with SIGKILL; gives the postmaster that it had."""
    running = processes_of(data_dir)
    running["supervisor"].kill()
    return running["postmaster"]


def answers_from_another(data_dir: Path, killed: psutil.Process, url: str) -> bool:
    """Whether the address is served by another postmaster than the one killed."""
    running = processes_of(data_dir)
    return "postmaster" in running and running["postmaster"].pid != killed.pid and answers(url)


def run(url: str, statement: str) -> object:
    with psycopg.connect(url, connect_timeout=5) as connection:
        row = connection.execute(statement).fetchone()  # pyright: ignore[reportArgumentType, reportCallIssue] - a constant
    return row and row[0]


def answers(url: str) -> bool:
    try:
        return run(url, "SELECT 1") == 1
    except psycopg.OperationalError:
        return False


def note(url: str, word: str) -> None:
    """Write a row and have it acknowledged."""
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS notes (word text)")
        connection.execute("TRUNCATE notes")
        connection.execute("INSERT INTO notes VALUES (%s)", [word])


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


def test_a_server_without_a_supervisor_is_replaced(data_dir: Path) -> None:
    with embedded_postgres(data_dir) as url:
        note(url, "by the first")
    home = server_home(data_dir)
    owner = (home / "cluster").stat()
    command = [str(server_program(data_dir)), "-D", str(home / "cluster"), f"--port={free_port()}"]
    command += ["--listen_addresses=127.0.0.1", "--unix_socket_directories="]
    orphan = subprocess.Popen(command, cwd="/", stderr=subprocess.DEVNULL, **as_owner(owner))
    try:
        eventually(lambda: pid_file(data_dir).exists() and "ready" in pid_file(data_dir).read_text())
        with embedded_postgres(data_dir) as url:
            assert orphan.wait(PATIENCE) == 0
            assert run(url, "SELECT word FROM notes") == "by the first"
    finally:
        orphan.kill()
        orphan.wait(PATIENCE)


def test_a_pid_file_that_names_a_stranger_is_no_obstacle(data_dir: Path) -> None:
    with embedded_postgres(data_dir):
        lines = pid_file(data_dir).read_text().splitlines()
    owner = (server_home(data_dir) / "cluster").stat()
    stranger = subprocess.Popen(["sleep", "60"], cwd="/", **as_owner(owner))
    try:
        pid_file(data_dir).write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        os.chown(pid_file(data_dir), owner.st_uid, owner.st_gid)
        with embedded_postgres(data_dir) as url:
            assert answers(url)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait(PATIENCE)


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


def test_an_initdb_that_was_killed_half_way_is_done_again(new_data_dir: Path) -> None:
    user = User(new_data_dir)
    eventually(lambda: list(server_home(new_data_dir).glob("initialising-*/base")))
    user.kill()
    assert not (server_home(new_data_dir) / "cluster").exists()
    with embedded_postgres(new_data_dir) as url:
        assert answers(url)
    assert not list(server_home(new_data_dir).glob("initialising-*"))


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


def test_a_cluster_of_another_major_version_is_refused_and_kept(new_data_dir: Path) -> None:
    with embedded_postgres(new_data_dir) as url:
        note(url, "kept")
    version = server_home(new_data_dir) / "cluster" / "PG_VERSION"
    ours = version.read_text()
    version.write_text("9\n")
    with (
        pytest.raises(ConfigurationError, match=r"made by Postgres 9.*embedded-postgres==9\.\*"),
        embedded_postgres(new_data_dir),
    ):
        pass
    version.write_text(ours)
    with embedded_postgres(new_data_dir) as url:
        assert run(url, "SELECT word FROM notes") == "kept"


def test_a_server_that_cannot_start_is_refused_with_its_own_words(new_data_dir: Path) -> None:
    with embedded_postgres(new_data_dir):
        pass
    control = server_home(new_data_dir) / "cluster" / "global" / "pg_control"
    control.write_bytes(b"\0" * control.stat().st_size)
    with pytest.raises(ConfigurationError, match="cannot be started"), embedded_postgres(new_data_dir):
        pass


def test_a_given_database_is_used_and_no_server_started(tmp_path: Path) -> None:
    settings = Settings(database_url=SecretStr("postgresql://somewhere.example/medley"), data_dir=tmp_path / "data")
    with database_url(settings) as url:
        assert url == "postgresql://somewhere.example/medley"
    assert not (tmp_path / "data").exists()


def test_a_copy_of_the_programs_that_lost_a_file_is_made_again(tmp_path: Path) -> None:
    tree = copied_tree(tmp_path)
    (tree / "embedded_postgres" / "pginstall" / "share" / "errcodes.txt").unlink()
    program(tree, "initdb").write_bytes(b"cut short")
    assert copied_tree(tmp_path) == tree
    assert program(tree, "initdb").read_bytes() == program(installed_tree(), "initdb").read_bytes()
    assert program(tree, "initdb").stat().st_mode & 0o777 == 0o755
    assert (tree / "embedded_postgres" / "pginstall" / "share" / "errcodes.txt").stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [tree]


def pid_file(data_dir: Path) -> Path:
    return server_home(data_dir) / "cluster" / "postmaster.pid"


def server_program(data_dir: Path) -> Path:
    """The server as it is run for a directory: a copy when we are root."""
    with embedded_postgres(data_dir):
        return Path(processes_of(data_dir)["postmaster"].exe())


def as_owner(owner: os.stat_result) -> dict[str, object]:
    """Arguments that run a program as the owner of a file, which is not us when we are root."""
    return {} if os.geteuid() == owner.st_uid else {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
