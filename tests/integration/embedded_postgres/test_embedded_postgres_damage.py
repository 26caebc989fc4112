"""An embedded Postgres that finds its directory, its programs or its pid file other than it left them."""

import os
import subprocess
from pathlib import Path

import pytest
from embedded import (
    PATIENCE,
    User,
    answers,
    as_owner,
    eventually,
    note,
    pid_file,
    run,
    server_program,
)

from app.errors import ConfigurationError
from app.postgres import embedded_postgres, server_home
from app.postgres.binaries import copied_tree, installed_tree, program
from app.postgres.supervisor import free_port


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


def test_an_initdb_that_was_killed_half_way_is_done_again(new_data_dir: Path) -> None:
    user = User(new_data_dir)
    eventually(lambda: list(server_home(new_data_dir).glob("initialising-*/base")))
    user.kill()
    assert not (server_home(new_data_dir) / "cluster").exists()
    with embedded_postgres(new_data_dir) as url:
        assert answers(url)
    assert not list(server_home(new_data_dir).glob("initialising-*"))


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


def test_a_copy_of_the_programs_that_lost_a_file_is_made_again(tmp_path: Path) -> None:
    tree = copied_tree(tmp_path)
    (tree / "embedded_postgres" / "pginstall" / "share" / "errcodes.txt").unlink()
    program(tree, "initdb").write_bytes(b"cut short")
    assert copied_tree(tmp_path) == tree
    assert program(tree, "initdb").read_bytes() == program(installed_tree(), "initdb").read_bytes()
    assert program(tree, "initdb").stat().st_mode & 0o777 == 0o755
    assert (tree / "embedded_postgres" / "pginstall" / "share" / "errcodes.txt").stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [tree]
