"""The ``medley`` command: one group a file, and one line for a failure that a person can act on."""

import importlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import typer

from app.errors import MedleyError
from cli.console import complain

EXIT_FAILED = 1
# Each command and group lives in a module of its own. Only the one that is run is imported, since some take seconds;
# the others are known by their line in the list of commands, which a test compares with their own.
COMMANDS = {
    "demo": ("cli.demo", "Start everything on real ratings: database, import, training, API. Ctrl-C stops it all."),
    "serve": ("cli.serve", "Serve the API and its documentation until told to stop."),
    "train": ("cli.train", "Fit on what the database holds, publish the release and activate it."),
    "evaluate": (
        "cli.evaluate",
        "Measure the engine on held-out ratings of a data set, or of what the database holds.",
    ),
    "worker": ("cli.worker", "Train by schedule, after new ratings and on request, until told to stop."),
    "openapi": ("cli.openapi", "Write OpenAPI 3.1 of this version to a file."),
}
GROUPS = {
    "import": ("cli.import_", "Import data sets."),
    "keys": ("cli.keys", "API keys and user tokens."),
    "db": ("cli.db", "The database."),
}
COMPLETION_VARIABLE = "_MEDLEY_COMPLETE"


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command and end the process with its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        build_app(given[:1] if COMPLETION_VARIABLE not in os.environ else [*COMMANDS, *GROUPS])(given)
    except Exception as error:
        reason = explain(error)
        if reason is None:
            raise
        complain(f"medley: {reason}")
        sys.exit(EXIT_FAILED)
    sys.exit(0)


def build_app(imported: Sequence[str]) -> typer.Typer:
    """The command, with the named commands and groups imported and the others as lines to list."""
    app = typer.Typer(
        name="medley",
        help="Medley, a hybrid recommendation service.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )
    for name, (module, summary) in COMMANDS.items():
        function = getattr(importlib.import_module(module), name) if name in imported else _not_imported
        app.command(name, help=None if name in imported else summary)(function)
    for name, (module, summary) in GROUPS.items():
        if name in imported:
            app.add_typer(importlib.import_module(module).app, name=name)
        else:
            app.command(name, help=summary)(_not_imported)
    return app


def explain(error: Exception) -> str | None:
    """One line for what a person can act on; None for a defect, which keeps its traceback."""
    if isinstance(error, MedleyError):
        return error.detail
    for module in ("psycopg", "sqlalchemy.exc"):
        # Whoever raised it has imported it; the command need not.
        if module in sys.modules and isinstance(error, sys.modules[module].OperationalError):
            return f"the database failed: {str(getattr(error, 'orig', None) or error).splitlines()[0]}"
    return None


def _not_imported() -> None:
    raise NotImplementedError("a command is imported before it is run")
