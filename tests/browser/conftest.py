"""One server, one worker that trains and one Chromium for all the browser tests; skipped only where there is no Chromium."""

import os
import shutil
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from chromium import FLAGS, PATIENCE_MS, Visit
from databases import fresh_database
from playwright.sync_api import Browser, expect, sync_playwright
from serving import Server, running_server
from workers import workers_on

from app.db import driver_url
from app.services.api_keys import create_key

NAMES = ("chromium", "chromium-browser", "google-chrome")
expect.set_options(timeout=PATIENCE_MS)
RESULTS = Path(os.environ.get("MEDLEY_TEST_SCREENSHOTS", Path(__file__).parent / "results"))


def chromium() -> str:
    """The browser to drive; skips the test where there is none."""
    found = os.environ.get("MEDLEY_TEST_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("no Chromium here: apt-get install chromium, or name one in MEDLEY_TEST_CHROMIUM")
    return found


# Not for the session: Playwright's loop would be in the way of the asynchronous tests that the process takes next.
@pytest.fixture(scope="module")
def browser() -> Generator[Browser]:
    found = chromium()
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=FLAGS, timeout=120_000)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def server(server_url: str, trained_template: str, tmp_path_factory: pytest.TempPathFactory) -> Generator[Server]:
    """A service on the small catalogue, as a process of its own, and a worker beside it."""
    chromium()  # without one nothing is started
    directory = tmp_path_factory.mktemp("browser")
    with fresh_database(server_url, trained_template) as url, workers_on(url, directory / "artifacts") as workers:
        workers.start("quick")  # what a fit finds is no matter of the pages
        # A busy machine must not make a list without its history.
        variables = {
            "MEDLEY_DATABASE_URL": url,
            "MEDLEY_DATA_DIR": str(directory),
            "MEDLEY_HISTORY_TIMEOUT_MS": "20000",
        }
        with running_server(directory, variables) as running:
            yield running


@pytest.fixture(scope="module")
def window(browser: Browser, server: Server) -> Generator[Visit]:
    opened = Visit(browser, server.base, RESULTS)
    yield opened
    opened.close()


@pytest.fixture
def visit(window: Visit) -> Generator[Visit]:
    """A page that remembers nobody, at 1440 pixels and in light colours unless told otherwise. What the console says fails the
    test."""
    window.start_over()
    yield window
    assert window.complaints == []


@dataclass(frozen=True)
class LockedServer:
    """A service that asks for keys, before its first release, with ratings from 1 to 10; a key with every scope, and one that may
    only read."""

    base: str
    key: str
    reader: str


@pytest.fixture(scope="module")
def locked(
    server_url: str, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Generator[LockedServer]:
    chromium()
    directory = tmp_path_factory.mktemp("locked")
    with fresh_database(server_url, template_database) as url:
        with psycopg.connect(driver_url(url), autocommit=True) as connection:
            key = create_key(connection, "everything", ["read", "write", "admin"])
            reader = create_key(connection, "reader", ["read"])
        scale = {"MEDLEY_RATING_MIN": "1", "MEDLEY_RATING_MAX": "10"}
        variables = scale | {"MEDLEY_DATABASE_URL": url, "MEDLEY_DATA_DIR": str(directory)}
        with running_server(directory, variables) as running:
            yield LockedServer(running.base, key, reader)


@pytest.fixture
def locked_visit(browser: Browser, locked: LockedServer) -> Generator[Visit]:
    """A page of the service that asks for keys."""
    opened = Visit(browser, locked.base, RESULTS)
    opened.forgive("the server responded with a status of 401")
    yield opened
    opened.close()
    assert opened.complaints == []
