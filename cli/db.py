"""``medley db``: the schema and its revisions, and a way in for people."""

import os
import signal
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated

import typer
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy import Engine

from app import migrations
from app.db import driver_url, open_sync_engine
from app.postgres import bundled_program, database_url
from cli.console import complain, say
from cli.settings import read_settings

EXIT_DIFFERENT = 2

app = typer.Typer(help="The database.", no_args_is_help=True)


@app.command()
def upgrade(revision: Annotated[str, typer.Argument(help="The revision to reach.")] = "head") -> None:
    """Bring the schema up to a revision. Safe to run from many places at once."""
    with _open_engine() as engine:
        before = migrations.current(engine)
        migrations.upgrade(engine, revision)
        _tell_change(before, migrations.current(engine))


@app.command()
def downgrade(
    revision: Annotated[str, typer.Argument(help="The revision to go back to; base is an empty database.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Take the schema back to a revision, and lose what the tables and columns that go with it hold."""
    with _open_engine() as engine:
        before = migrations.current(engine)
        if not yes:
            typer.confirm(f"Go from {before} back to {revision}, and lose what it has no place for?", abort=True)
        migrations.downgrade(engine, revision)
        _tell_change(before, migrations.current(engine))


@app.command()
def current() -> None:
    """Say which revision the database is at, and which is the newest."""
    with _open_engine() as engine:
        found, newest = migrations.current(engine), migrations.head()
    say(f"{found or 'no revision'}" + (" (the newest)" if found == newest else f" (the newest is {newest})"))


@app.command()
def check() -> None:
    """Compare the database with the tables that this version expects; exit code 2 when they differ."""
    with _open_engine() as engine:
        differences = migrations.check(engine)
    for difference in differences:
        complain(difference)
    if differences:
        raise typer.Exit(EXIT_DIFFERENT)
    say("The database has the tables that this version expects.")


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def psql(context: typer.Context) -> None:
    """Open the database in the bundled psql, which takes any further arguments. The password is not shown."""
    with database_url(read_settings(), say=complain) as url:
        address = conninfo_to_dict(driver_url(url))
        password = address.pop("password", None)
        environment = dict(os.environ) if password is None else os.environ | {"PGPASSWORD": str(password)}
        command = [str(bundled_program("psql")), make_conninfo("", **address), *context.args]
        # A child, not our successor: the server runs as long as we are there. Ctrl-C is psql's, which lives on.
        before = signal.signal(signal.SIGINT, _let_psql_have_it)
        try:
            code = subprocess.run(command, env=environment, check=False).returncode  # noqa: S603 - the wheel's psql
        finally:
            signal.signal(signal.SIGINT, before)
    raise typer.Exit(code if code >= 0 else 128 - code)


def _let_psql_have_it(_signal: int, _frame: object) -> None:
    """Do nothing. Were the signal ignored instead, psql would inherit that."""


@contextmanager
def _open_engine() -> Generator[Engine]:
    with database_url(read_settings(), say=complain) as url, open_sync_engine(url) as engine:
        yield engine


def _tell_change(before: str | None, after: str | None) -> None:
    if before == after:
        say(f"Already at {after or 'no revision'}.")
    else:
        say(f"From {before or 'no revision'} to {after or 'no revision'}.")
