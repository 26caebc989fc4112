"""The demo's last step: serve in the foreground, and say once it answers what is worth trying."""

import http.client
import json
import shlex
import socket
import threading
import time
from collections.abc import Callable
from urllib.parse import quote

import typer

from app.config import Settings
from app.errors import ConfigurationError
from cli.console import say

POLL_SECONDS = 0.1
USER = "me"


def check_port_is_free(settings: Settings) -> None:
    """Raises ConfigurationError if the port is taken: better now than after a training."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As the server will bind it: connections of an earlier run that linger are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            where = f"{settings.host}:{settings.port}"
            raise ConfigurationError(
                f"cannot listen on {where} ({error.strerror}); MEDLEY_PORT changes the port"
            ) from error


def serve_demo(url: str, settings: Settings, serving: threading.Event, check: Callable[[], None]) -> None:
    """Serve until stopped; a thread waits for the first answer, sets ``serving`` and prints the hints. ``check`` is called once
    before, for a stop that came meanwhile."""
    from cli.serve import EXIT_NOT_STARTED, build_server  # noqa: PLC0415 - only now are the web libraries needed

    server = build_server(settings)

    def announce() -> None:
        while not (server.started and is_ready(settings)):
            time.sleep(POLL_SECONDS)
        serving.set()
        for line in hints(base_url(settings), *_favourite(url)):
            say(line)

    threading.Thread(target=announce, name="announce", daemon=True).start()
    check()
    server.run()
    if not server.started:
        raise typer.Exit(EXIT_NOT_STARTED)


def reachable_host(settings: Settings) -> str:
    """The address under which this machine reaches the server."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104 - compared, not bound


def base_url(settings: Settings) -> str:
    """Where the API is."""
    host = reachable_host(settings)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def is_ready(settings: Settings) -> bool:
    """Whether the server says that it can answer."""
    connection = http.client.HTTPConnection(reachable_host(settings), settings.port, timeout=5)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def hints(base: str, item_id: str, title: str) -> list[str]:
    """What to print once the server answers: three commands, with an item that is there, and last the page to open."""
    user, item = quote(USER, safe=""), quote(item_id, safe="")
    rating = json.dumps({"user_id": USER, "item_id": item_id, "value": 5}, ensure_ascii=False)
    return [
        "",
        f"Medley is ready: {base}/docs shows every call, {base}/ops how it does. Ctrl-C stops it. Worth trying:",
        "",
        "  # a list for somebody unknown; call it again after the rating below and compare",
        f"  curl {shlex.quote(f'{base}/v1/users/{user}/recommendations?limit=5')}",
        f"  # five stars for {' '.join(title.split())}",
        f"  curl {shlex.quote(f'{base}/v1/ratings')} -H 'content-type: application/json' -d {shlex.quote(rating)}",
        "  # more like it",
        f"  curl {shlex.quote(f'{base}/v1/items/{item}/similar?limit=5')}",
        "",
        f"See it work in a browser: {base}/",
        "",
    ]


def _favourite(url: str) -> tuple[str, str]:
    """The id and title of the item that has been rated most."""
    from cli.database import connect  # noqa: PLC0415 - a taken port is told before the driver is loaded

    with connect(url) as connection:
        found = connection.execute(
            "SELECT id, title FROM items LEFT JOIN ("
            "SELECT item_key, count(*) AS count FROM ratings WHERE value IS NOT NULL GROUP BY item_key) AS rated"
            " ON rated.item_key = items.key WHERE deleted_at IS NULL ORDER BY count DESC NULLS LAST, key LIMIT 1"
        ).fetchone()
    return found or ("1", "an item")
