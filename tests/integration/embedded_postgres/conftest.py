"""Directories of an embedded Postgres: one that a whole run shares, and new ones."""

from collections.abc import Callable, Generator
from contextlib import suppress
from pathlib import Path
from shutil import rmtree

import pytest
from embedded import User, eventually, processes_of

from app.postgres import server_home


@pytest.fixture(scope="session")
def shared_data_dir(tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    path = tmp_path_factory.mktemp("a run's") / "data"
    yield path
    rmtree(server_home(path))


@pytest.fixture
def data_dir(shared_data_dir: Path) -> Generator[Path]:
    """A directory whose server is made once for all these tests and stopped between them."""
    yield shared_data_dir
    eventually(lambda: not processes_of(shared_data_dir))


@pytest.fixture
def new_data_dir(tmp_path: Path) -> Generator[Path]:
    """A directory with no server yet."""
    path = tmp_path / "data"
    yield path
    eventually(lambda: not processes_of(path))
    with suppress(FileNotFoundError):
        rmtree(server_home(path))


@pytest.fixture
def start_user(data_dir: Path) -> Generator[Callable[[], User]]:
    """Starts processes that use the server; those that a failed test left are ended."""
    users: list[User] = []

    def start() -> User:
        users.append(User(data_dir))
        return users[-1]

    yield start
    for user in users:
        user.kill()
