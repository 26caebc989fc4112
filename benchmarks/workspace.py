"""Where the measuring happens: a directory and a database that are gone afterwards, loaded and trained on when asked for."""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import LiteralString

import psycopg
from sqlalchemy.engine import make_url

from app import migrations
from app.config import Settings
from app.db import driver_url, open_sync_engine
from app.errors import ConfigurationError
from app.postgres import database_url, server_home
from app.services.api_keys import SCOPES, ensure_key, make_key
from benchmarks.data import MOVIELENS_1M, DataSet, Size, generated_data, given_data
from benchmarks.processes import MEDLEY, START_SECONDS, MeasurementFailed, Run, Server, run_command, run_server

ANOTHER: LiteralString = "medley_bench_another"


@dataclass
class Workspace:
    """One database, one artifact directory and the data that goes in. ``quick`` asks for short rounds."""

    home: Path
    url: str
    data: DataSet
    quick: bool

    @property
    def environment(self) -> dict[str, str]:
        """What every process here is started with: the caller's environment, but our database and directory."""
        ours = {"MEDLEY_DATA_DIR": str(self.home), "MEDLEY_DATABASE_URL": self.url, "MEDLEY_HOST": "127.0.0.1"}
        return os.environ | ours | {"CI": "true"}

    @cached_property
    def imported(self) -> Run:
        """The import of the data, done once."""
        return self._medley("import", "movielens", str(self.data.path))

    def import_tmdb(self, file: Path, *, min_votes: int) -> Run:
        """The import of a file of TMDB."""
        return self._medley("import", "tmdb", str(file), "--min-votes", str(min_votes))

    def import_table(self, file: Path, *, kind: str) -> Run:
        """The import of a table of items, ratings or events, after that of the data."""
        _ = self.imported
        return self._medley("import", "csv", str(file), "--kind", kind)

    @cached_property
    def trained(self) -> Run:
        """The training on it, done once."""
        _ = self.imported
        return self._medley("train")

    @cached_property
    def artifact(self) -> Path:
        """The directory of the release that the training activated."""
        _ = self.trained
        return Path(self.strings("SELECT location FROM releases WHERE active")[0])

    def strings(self, query: LiteralString) -> list[str]:
        """The first column of what a query finds."""
        with psycopg.connect(driver_url(self.url)) as connection:
            return [str(row[0]) for row in connection.execute(query)]

    @contextmanager
    def another_database(self) -> Generator["Workspace"]:
        """The same, but for an empty database, which is dropped afterwards."""
        url = make_url(driver_url(self.url)).set(database=ANOTHER).render_as_string(hide_password=False)
        with psycopg.connect(driver_url(self.url), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {ANOTHER} TEMPLATE template0")
            try:
                _prepare(url)
                yield replace(self, url=url)
            finally:
                connection.execute(f"DROP DATABASE {ANOTHER} WITH (FORCE)")

    def user_ids(self) -> list[str]:
        """Everybody who came with the data, and so has a history."""
        _ = self.imported
        return self.strings("SELECT id FROM users WHERE id NOT LIKE 'bench-%' ORDER BY key")

    def item_ids(self) -> list[str]:
        """Every item."""
        _ = self.imported
        return self.strings("SELECT id FROM items ORDER BY key")

    def backends(self) -> list[int]:
        """The process ids of Postgres' side of all connections."""
        return [
            int(pid) for pid in self.strings("SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'")
        ]

    @contextmanager
    def api_key(self) -> Generator[str]:
        """A key for everything, without which nothing is answered until the block ends."""
        key = make_key()
        with psycopg.connect(driver_url(self.url), autocommit=True) as connection:
            ensure_key(connection, key, "bench", SCOPES)
            try:
                yield key
            finally:
                connection.execute("DELETE FROM api_keys")

    @contextmanager
    def service(
        self, workers: int = 1, *, options: Mapping[str, str] | None = None, key: str = ""
    ) -> Generator[Server]:
        """``medley serve`` on what was trained, from when every worker serves it, with these MEDLEY_ variables besides.

        ``key`` is what it asks for, if anything."""
        release = self.artifact.name
        command = [*MEDLEY, "serve", "--workers", str(workers)]
        environment = self.environment | dict(options or {})
        with run_server(command, environment, self.log("serve"), ready_path="/health/ready") as started:
            server = replace(started, key=key)
            deadline = time.monotonic() + START_SECONDS
            while server.serving(release) < workers:
                if time.monotonic() > deadline:
                    raise MeasurementFailed(f"{release} is not served by {workers} workers after {START_SECONDS} s")
                time.sleep(0.1)
            yield server

    @contextmanager
    def bare_route(self, answer: bytes) -> Generator[Server]:
        """The ceiling: routes that do nothing but return these bytes, under the same server and options."""
        body = self.home / "answer"
        body.write_bytes(answer)
        command = [sys.executable, "-m", "benchmarks.bare", str(body)]
        with run_server(command, self.environment, self.log("bare"), ready_path="/") as server:
            yield server

    def log(self, name: str) -> Path:
        """Where a process of this name writes."""
        return self.home / f"{name}.log"

    def _medley(self, *arguments: str) -> Run:
        return run_command([*MEDLEY, *arguments], self.environment, self.log(arguments[0]))


@contextmanager
def open_workspace(
    settings: Settings, data: Path | None, *, quick: bool, size: Size = MOVIELENS_1M
) -> Generator[Workspace]:
    """A workspace on the embedded Postgres, or in the empty database that the settings name.

    Raises ConfigurationError for a database that holds items, since they would be overwritten, and for data that is not
    there; InvalidInput for an archive of no known layout.
    """
    found = given_data(data) if data else None
    with tempfile.TemporaryDirectory(prefix="medley-bench-") as directory:
        home = Path(directory)
        try:
            with database_url(settings.model_copy(update={"data_dir": home})) as url:
                _prepare(url)
                yield Workspace(home, url, found or generated_data(home / "generated", size), quick)
        finally:
            if settings.database_url is None:
                shutil.rmtree(server_home(home), ignore_errors=True)  # as root it lies elsewhere


def _prepare(url: str) -> None:
    with open_sync_engine(url) as engine:
        migrations.upgrade(engine)
    with psycopg.connect(driver_url(url)) as connection:
        if connection.execute("SELECT 1 FROM items LIMIT 1").fetchone():
            raise ConfigurationError("the database of MEDLEY_DATABASE_URL holds items; measuring needs an empty one")
