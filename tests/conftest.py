"""Databases for the tests: one embedded server a run, shared by xdist's workers; a migrated template; cheap copies of it.

MEDLEY_TEST_SERVER_URL names another server to test against (a role that may create databases), such as an older Postgres.
"""

import os
import shutil
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import psycopg
import pytest
from databases import PREFIX, RUN, drop_database, fresh_database, make_template
from hypothesis import settings as property_settings
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.pool import NullPool

from app import migrations
from app.config import Settings
from app.db import connect_options, driver_url, open_sync_engine, sqlalchemy_url
from app.postgres import embedded_postgres, server_home

if TYPE_CHECKING:
    from guarded import Guarded
    from trained import Service, ServiceStarter

DATA_DIR = Path(tempfile.gettempdir()) / f"medley-test-{RUN}"
PATIENCE_MS = 5_000
"""How long services under test wait for a history: on a busy machine 200 ms are not always enough, and the list is another."""
OTHER_SERVER = os.environ.get("MEDLEY_TEST_SERVER_URL")

# How long an example takes says more of what else the machine does than of the code.
property_settings.register_profile("medley", deadline=None)
property_settings.load_profile("medley")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave nothing behind, once all workers have ended."""
    if hasattr(config, "workerinput") or str(os.getpid()) != RUN:
        return
    if OTHER_SERVER:
        with psycopg.connect(OTHER_SERVER, autocommit=True) as connection:
            made = connection.execute(
                "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [PREFIX]
            ).fetchall()
            for (name,) in made:
                drop_database(connection, name)
    elif DATA_DIR.exists():
        shutil.rmtree(server_home(DATA_DIR), ignore_errors=True)
        shutil.rmtree(DATA_DIR)


@pytest.fixture(autouse=True)
def _only_settings_of_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the MEDLEY_ variables of whoever runs the tests out of them."""
    for name in [name for name in os.environ if name.startswith("MEDLEY_") and not name.startswith("MEDLEY_TEST_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def server_url() -> Generator[str]:
    """The maintenance database of a running server."""
    if OTHER_SERVER:
        yield OTHER_SERVER
        return
    with embedded_postgres(DATA_DIR) as url:
        yield url


@pytest.fixture(scope="session")
def template_database(server_url: str) -> str:
    """The name of a migrated database to copy, made by the worker that comes first. Nobody may connect to it."""

    def migrate(url: str) -> None:
        with open_sync_engine(url) as engine:
            migrations.upgrade(engine)

    return make_template(server_url, "template", "template1", migrate)


@pytest.fixture(scope="session")
def trained_template(server_url: str, template_database: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a database to copy that holds the small catalogue, its ratings and an active release."""
    mine = tmp_path_factory.getbasetemp()
    shared = mine.parent if "PYTEST_XDIST_WORKER" in os.environ else mine

    from trained import fill_database, train_small  # noqa: PLC0415 - the tests that train nothing load no fitting library

    def fill_and_train(url: str) -> None:
        fill_database(url)
        train_small(url, shared / "trained-artifacts")

    return make_template(server_url, "trained", template_database, fill_and_train)


@pytest.fixture
def database_url(server_url: str, template_database: str) -> Generator[str]:
    """A fresh database with the newest schema and no rows."""
    with fresh_database(server_url, template_database) as url:
        yield url


@pytest.fixture
def empty_database_url(server_url: str) -> Generator[str]:
    """A fresh database without any table."""
    with fresh_database(server_url, "template1") as url:
        yield url


@pytest.fixture
def connection(database_url: str) -> Generator[psycopg.Connection]:
    """A connection to a fresh database that commits each statement by itself, as importers take it."""
    with psycopg.connect(driver_url(database_url), autocommit=True, **connect_options()) as opened:
        yield opened


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Settings of a service on a fresh database, with a directory of its own."""
    return Settings(database_url=database_url, data_dir=tmp_path, port=0, history_timeout_ms=PATIENCE_MS)


@pytest.fixture(scope="session")
def shared_database_url(server_url: str, template_database: str) -> Generator[str]:
    """A database that the tests of one worker share: use it in transactions that are rolled back."""
    with fresh_database(server_url, template_database) as url:
        yield url


@pytest.fixture
async def session(shared_database_url: str) -> AsyncGenerator[AsyncSession]:
    """A session whose commits go to a savepoint of a transaction that is rolled back after the test."""
    engine = create_async_engine(
        sqlalchemy_url(shared_database_url), poolclass=NullPool, connect_args=connect_options(10_000)
    )
    async with engine.connect() as connection:
        outer = await connection.begin()
        async with AsyncSession(connection, join_transaction_mode="create_savepoint", expire_on_commit=False) as opened:
            yield opened
        await outer.rollback()
    await engine.dispose()


@pytest.fixture
async def client(settings: Settings) -> AsyncGenerator[httpx.AsyncClient]:
    """A client of the whole service, started as a server would start it, on a fresh database."""
    from app.main import create_app  # noqa: PLC0415 - the tests that need no service load none

    app = create_app(settings)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://medley.test", timeout=30) as opened:
            yield opened


@pytest.fixture(scope="session")
def start_service() -> "ServiceStarter":
    """Starts a whole service with these settings; what is served changes by the poll only where a test asks for it."""
    from trained import Service  # noqa: PLC0415 - the tests that need no service load none

    from app.main import create_app  # noqa: PLC0415

    @asynccontextmanager
    async def start(settings: Settings) -> AsyncIterator["Service"]:
        app = create_app(settings)
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://medley.test", timeout=30) as opened:
                yield Service(app, opened, settings)

    return start


@pytest.fixture
def trained_settings(server_url: str, trained_template: str, tmp_path: Path) -> Generator[Settings]:
    """Settings of a service on a copy of the trained database. It polls so seldom that no test can rely on it unawares."""
    with fresh_database(server_url, trained_template) as url:
        yield Settings(
            database_url=url, data_dir=tmp_path, port=0, release_poll_seconds=60, history_timeout_ms=PATIENCE_MS
        )


@pytest.fixture
async def service(trained_settings: Settings, start_service: "ServiceStarter") -> AsyncGenerator["Service"]:
    """A whole service with a release, started as a server would start it."""
    async with start_service(trained_settings) as started:
        yield started


@pytest.fixture
async def watching(trained_settings: Settings, start_service: "ServiceStarter") -> AsyncGenerator["Service"]:
    """A service that looks for changes often."""
    async with start_service(trained_settings.model_copy(update={"release_poll_seconds": 0.05})) as started:
        yield started


@pytest.fixture(scope="session")
async def reading_service(
    server_url: str, trained_template: str, tmp_path_factory: pytest.TempPathFactory, start_service: "ServiceStarter"
) -> AsyncGenerator["Service"]:
    """A whole service with a release that many tests share: each may add users and ratings of its own, and no items."""
    with fresh_database(server_url, trained_template) as url:
        data_dir = tmp_path_factory.mktemp("reading")
        settings = Settings(database_url=url, data_dir=data_dir, port=0, history_timeout_ms=PATIENCE_MS)
        async with start_service(settings) as started:
            yield started


@pytest.fixture
async def new_service(settings: Settings, start_service: "ServiceStarter") -> AsyncGenerator["Service"]:
    """A whole service on an empty database, without a release."""
    async with start_service(settings.model_copy(update={"release_poll_seconds": 60})) as started:
        yield started


@pytest.fixture(scope="module")
async def guarded(
    server_url: str, template_database: str, tmp_path_factory: pytest.TempPathFactory, start_service: "ServiceStarter"
) -> AsyncGenerator["Guarded"]:
    """A service without a release, with keys and one item, ``x``."""
    from guarded import Guarded, make_keys  # noqa: PLC0415 - the tests that need no service load none

    with fresh_database(server_url, template_database) as url:
        keys = make_keys(url)
        with psycopg.connect(driver_url(url), autocommit=True) as connection:
            connection.execute("INSERT INTO items (id, title) VALUES ('x', 'An item')")
        data_dir = tmp_path_factory.mktemp("guarded")
        async with start_service(
            Settings(
                database_url=url, data_dir=data_dir, port=0, release_poll_seconds=60, history_timeout_ms=PATIENCE_MS
            )
        ) as service:
            yield Guarded(service, url, *keys)
