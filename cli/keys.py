"""``medley keys``: who may call, and tokens for users."""

import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, cast

import typer

from app.errors import ConfigurationError, InvalidInput
from app.services import api_keys
from app.services.api_keys import ListedKey, Scope
from app.services.user_tokens import mint_user_token
from cli.console import complain, say
from cli.database import open_current_database
from cli.settings import read_settings

KEY_VARIABLE = "MEDLEY_API_KEY"
BOOTSTRAP_NAME = "bootstrap"

app = typer.Typer(help="API keys and user tokens.", no_args_is_help=True)


class ScopeOption(StrEnum):
    """The scopes of a key."""

    read = "read"
    write = "write"
    admin = "admin"


class TokenScopeOption(StrEnum):
    """The scopes of a user token."""

    read = "read"
    write = "write"


@app.command()
def create(
    name: Annotated[str, typer.Option(help="Who will use it, for those who read the list of keys.")],
    scope: Annotated[list[ScopeOption], typer.Option(help="What it may do; may be given several times.")],
) -> None:
    """Make a key and print it: this once, for only its digest is kept. Running services take it within two seconds."""
    with open_current_database(read_settings(), complain) as connection:
        key = api_keys.create_key(connection, name, _scopes(scope))
    complain(f"Keep it safe, it is not shown again. Its id is {api_keys.id_of(key)}.")
    say(key)


@app.command("list")
def list_() -> None:
    """Show every key by its id, and never the key itself."""
    with open_current_database(read_settings(), complain) as connection:
        keys = api_keys.list_keys(connection)
    if not keys:
        complain("There are no keys: the service is open to this machine, and refuses to listen elsewhere.")
        return
    rows = [("ID", "NAME", "SCOPES", "CREATED", "LAST USED", "REVOKED"), *map(_cells, keys)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@app.command()
def revoke(key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id, as the list shows it.")]) -> None:
    """Revoke a key, and with it the user tokens it signed. Running services refuse them within two seconds."""
    with open_current_database(read_settings(), complain) as connection:
        api_keys.revoke_key(connection, key_id)
    say(f"Revoked {key_id}.")


@app.command()
def ensure() -> None:
    """Store the key in MEDLEY_BOOTSTRAP_KEY, with every scope, unless it is stored; for scripts that set a service up."""
    settings = read_settings()
    if settings.bootstrap_key is None:
        raise ConfigurationError("MEDLEY_BOOTSTRAP_KEY is not set")
    key = settings.bootstrap_key.get_secret_value()
    api_keys.check_strength(key)  # before anything is started
    with open_current_database(settings, complain) as connection:
        changed = api_keys.ensure_key(connection, key, BOOTSTRAP_NAME, api_keys.SCOPES)
    say(f"The key {api_keys.id_of(key)} is {'stored' if changed else 'there already'}.")


@app.command()
def token(
    user: Annotated[str, typer.Option(help="The user's id.")],
    scope: Annotated[
        list[TokenScopeOption] | None, typer.Option(help="What it may do; by default read and write.")
    ] = None,
    minutes: Annotated[int, typer.Option(min=1, max=525_600, help="How long it is good for.")] = 60,
) -> None:
    """Make a user token with the key in MEDLEY_API_KEY, or on standard input. Asks no service and no database."""
    key = os.environ.get(KEY_VARIABLE) or sys.stdin.readline().strip()
    if not user or len(user) > 256:
        raise InvalidInput("A user's id has 1 to 256 characters.")
    scopes = _scopes(scope or list(TokenScopeOption))
    say(mint_user_token(key, user, scopes, now=datetime.now(UTC), lifetime=timedelta(minutes=minutes)))


def _scopes(options: Sequence[StrEnum]) -> list[Scope]:
    return [cast("Scope", option.value) for option in options]


def _cells(key: ListedKey) -> tuple[str, ...]:
    times = (key.created_at, key.last_used_at, key.revoked_at)
    return (key.id, key.name, " ".join(key.scopes), *map(_minute, times))


def _minute(time: datetime | None) -> str:
    return "-" if time is None else f"{time.astimezone(UTC):%Y-%m-%d %H:%M}Z"
