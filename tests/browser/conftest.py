"""One server, one worker that trains and one Chromium for all the browser tests; skipped only where there is no Chromium."""

import os
import shutil
from collections.abc import Generator
from pathlib import Path

import pytest
from chromium import FLAGS, Visit
from databases import fresh_database
from playwright.sync_api import Browser, sync_playwright
from serving import Server, running_server
from workers import workers_on

NAMES = ("chromium", "chromium-browser", "google-chrome")
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
        workers.start("real")
        # A busy machine must not make a list without its history.
        variables = {
            "MEDLEY_DATABASE_URL": url,
            "MEDLEY_DATA_DIR": str(directory),
            "MEDLEY_HISTORY_TIMEOUT_MS": "20000",
        }
        with running_server(directory, variables) as running:
            yield running


@pytest.fixture
def visit(browser: Browser, server: Server) -> Generator[Visit]:
    """A page of its own, at 1440 pixels and in light colours unless told otherwise. What the console says fails the test."""
    opened = Visit(browser, server.base, RESULTS)
    yield opened
    opened.close()
    assert opened.complaints == []
