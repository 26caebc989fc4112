"""``medley serve``: the HTTP service."""

import asyncio
from typing import Annotated, Any, Literal

import typer
import uvicorn

from app.config import Settings
from app.errors import ConfigurationError
from app.services.exposure import is_loopback
from app.telemetry import configure_logging
from app.telemetry.tracing import telemetry_switches
from cli.settings import read_settings

EXIT_NOT_STARTED = 3


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; else MEDLEY_HOST.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port; 0 takes a free one; else MEDLEY_PORT.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=256, help="Processes that serve on one socket; else MEDLEY_WORKERS.")
    ] = None,
) -> None:
    """Serve the API and its documentation until told to stop."""
    given = {"host": host, "port": port, "workers": workers}
    settings = read_settings().model_copy(update={name: value for name, value in given.items() if value is not None})
    if settings.workers > 1:
        from cli.serve_workers import serve_with_workers  # noqa: PLC0415 - one process needs none of it

        check_exposure(settings)
        serve_with_workers(settings, server_options(settings))
        return
    server = build_server(settings)
    server.run()
    if not server.started:
        raise typer.Exit(EXIT_NOT_STARTED)


def build_server(settings: Settings) -> uvicorn.Server:
    """A server of the whole service, ready to run; ConfigurationError where it would lie open to the network."""
    from app.main import create_app  # noqa: PLC0415 - the parent of several workers has no use for it, nor room

    check_exposure(settings)
    configure_logging(settings.log_level, settings.log_format)
    return uvicorn.Server(uvicorn.Config(create_app(settings), **server_options(settings)))


def server_options(settings: Settings) -> dict[str, Any]:
    """What uvicorn is told, whether there is one process or several."""
    telemetry_switches(on=settings.opentelemetry)  # refuses what cannot be, before anything is started
    return {
        "host": settings.host,
        "port": settings.port,
        "loop": "auto",  # uvloop, which is not made for Windows
        "http": _protocol(),
        "ws": "none",
        "lifespan": "on",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,
        "timeout_keep_alive": 20,
        "timeout_graceful_shutdown": settings.drain_seconds,
    }


def _protocol() -> "type[asyncio.Protocol] | Literal['h11']":
    """How HTTP is read: with httptools, where that is made for the machine; h11 has bounds of its own."""
    try:
        from cli.http_protocol import BoundedProtocol  # noqa: PLC0415 - needs httptools
    except ImportError:
        return "h11"
    return BoundedProtocol


def check_exposure(settings: Settings) -> None:
    """Refuse to listen where others can reach the service, as long as nothing asks them for a key.

    With the database away nobody knows: the service starts, and answers nobody until it has read its keys.
    """
    if settings.allow_unauthenticated or is_loopback(settings.host) or _has_keys(settings):
        return
    raise ConfigurationError(
        f"{settings.host} can be reached from other machines, and no API key protects the service: make one with"
        " `medley keys create`, listen on 127.0.0.1, or set MEDLEY_ALLOW_UNAUTHENTICATED=true where something else keeps"
        " strangers out."
    )


def _has_keys(settings: Settings) -> bool:
    import psycopg  # noqa: PLC0415 - a service on loopback asks nobody

    from app.postgres import database_url  # noqa: PLC0415
    from cli.database import connect  # noqa: PLC0415

    with database_url(settings) as url:
        try:
            with connect(url) as connection:
                return connection.execute("SELECT FROM api_keys LIMIT 1").fetchone() is not None
        except psycopg.errors.UndefinedTable:
            return False
        except psycopg.OperationalError:
            return True
