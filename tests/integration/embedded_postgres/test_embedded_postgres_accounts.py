"""The embedded Postgres started by root, for whom it runs as nobody, and by an ordinary user."""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator
from importlib.metadata import distribution
from pathlib import Path

import psutil
import psycopg
import pytest

from app.errors import ConfigurationError
from app.postgres import embedded_postgres, server_home

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="needs to be root: as an ordinary user the other tests run as one"
)
NEEDED = ("embedded-postgres", "psycopg", "psycopg-binary", "pydantic", "pydantic-core", "pydantic-settings", "annotated-types",
          "typing-extensions", "typing-inspection", "python-dotenv", "cronsim")  # fmt: skip
ORDINARY_USER = """
import os, sys
from pathlib import Path
import psycopg
from app.postgres import embedded_postgres, server_home
data_dir = Path.home() / "my data" / ".medley"
for expected in (0, 1):
    with embedded_postgres(data_dir, say=print) as url, psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS visits ()")
        assert connection.execute("SELECT count(*) FROM visits").fetchone() == (expected,)
        connection.execute("INSERT INTO visits DEFAULT VALUES")
assert server_home(data_dir) == data_dir / "postgres" and (data_dir / "postgres").stat().st_uid == os.getuid() != 0
assert not (data_dir / "postgres" / "cluster" / "postmaster.pid").exists()
print("served", os.getuid())
"""


@pytest.fixture
def closed_home(tmp_path: Path) -> Generator[Path]:
    """A home that only root can enter, with a data directory to be made in it."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    home.chmod(0o700)
    data_dir = home / "project" / ".medley"
    yield data_dir
    if (data_dir / "postgres").exists():
        shutil.rmtree(server_home(data_dir))


def modes(path: Path) -> dict[Path, int]:
    return {each: each.stat().st_mode for each in (path, *path.parents)}


def test_below_a_closed_home_it_runs_as_nobody_and_opens_no_door(closed_home: Path) -> None:
    before = modes(closed_home.parent.parent)
    told: list[str] = []
    with embedded_postgres(closed_home, say=told.append) as url:
        home = server_home(closed_home)
        with psycopg.connect(url) as connection:
            row = connection.execute("SELECT pg_backend_pid()").fetchone()
        assert row is not None
        postmaster = psutil.Process(int((home / "cluster" / "postmaster.pid").read_text().split()[0]))
        assert postmaster.username() == "nobody"
        assert postmaster.uids().real == postmaster.uids().saved == pwd.getpwnam("nobody").pw_uid
        assert postmaster.gids().real == pwd.getpwnam("nobody").pw_gid
        assert not set(postmaster.environ()) & set(os.environ) - {"PATH", "LC_ALL", "TZ", "LD_LIBRARY_PATH"}
    assert modes(closed_home.parent.parent) == before
    assert home.parent == Path("/var/lib/medley")
    assert any(str(home) in line and "nobody" in line for line in told)
    assert ((home / "password").stat().st_uid, (home / "password").stat().st_mode & 0o777) == (0, 0o600)


def test_a_database_that_is_gone_is_not_replaced_by_an_empty_one(closed_home: Path) -> None:
    with embedded_postgres(closed_home):
        pass
    home = server_home(closed_home)
    away = home.with_name(home.name + "-away")
    home.rename(away)
    try:
        with pytest.raises(ConfigurationError, match="gone"), embedded_postgres(closed_home):
            pass
    finally:
        away.rename(home)


def test_without_its_link_a_directory_begins_anew_and_the_old_database_is_named(closed_home: Path) -> None:
    with embedded_postgres(closed_home) as url, psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE old ()")
    old = server_home(closed_home)
    (closed_home / "postgres").unlink()
    told: list[str] = []
    try:
        with embedded_postgres(closed_home, say=told.append) as url, psycopg.connect(url) as connection:
            assert connection.execute("SELECT to_regclass('old')").fetchone() == (None,)
        assert server_home(closed_home) != old
        assert str(old) in told[0]
    finally:
        shutil.rmtree(old)


def test_the_database_of_an_ordinary_user_is_left_to_that_user(closed_home: Path) -> None:
    theirs = closed_home / "postgres"
    theirs.mkdir(parents=True)
    nobody = pwd.getpwnam("nobody")
    os.chown(theirs, nobody.pw_uid, nobody.pw_gid)
    with pytest.raises(ConfigurationError, match="owner"), embedded_postgres(closed_home):
        pass
    assert list(theirs.iterdir()) == []


@pytest.fixture
def open_dir() -> Generator[Path]:
    """A directory that everybody can reach, which pytest's own are not."""
    path = Path(tempfile.mkdtemp(prefix="medley-test-user-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def test_an_ordinary_user_keeps_everything_in_the_data_directory(open_dir: Path) -> None:
    """In a process of another user, with readable copies of what it imports, since ours may lie below root's home."""
    interpreter = f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"
    if not Path(interpreter).exists():
        pytest.skip(f"there is no {interpreter}, which another user could run")
    packages, home = open_dir / "packages", open_dir / "home"
    for name in NEEDED:
        package = distribution(name)
        for file in {each.parts[0] for each in package.files or () if ".." not in each.parts}:
            source, target = Path(str(package.locate_file(file))), packages / file
            if source.is_dir() and not target.exists():
                shutil.copytree(source, target)
            elif source.is_file():
                packages.mkdir(exist_ok=True)
                shutil.copy(source, target)
    shutil.copytree(ROOT / "app", packages / "app")
    for path in packages.rglob("*"):
        path.chmod(path.stat().st_mode | (0o755 if path.is_dir() else 0o444 | (path.stat().st_mode & 0o100) // 0o100))
    nobody = pwd.getpwnam("nobody")
    home.mkdir(mode=0o700)
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    done = subprocess.run(
        [interpreter, "-c", ORDINARY_USER], cwd=home, capture_output=True, text=True, timeout=120, check=False,
        env={"HOME": str(home), "PYTHONPATH": str(packages), "PATH": "/usr/bin:/bin"},
        user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"served {nobody.pw_uid}"
