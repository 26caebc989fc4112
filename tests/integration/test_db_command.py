"""``medley db``, run as a person would, against a fresh database."""

from pathlib import Path

import pytest
from commands import Command, Done, run_medley
from sqlalchemy.engine import make_url


@pytest.fixture
def medley_db(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Runs ``medley db`` on a database, with what it and its children print."""

    def run(url: str, *arguments: str, stdin: str = "") -> Done:
        monkeypatch.setenv("MEDLEY_DATABASE_URL", url)
        return run_medley(monkeypatch, capfd, "db", *arguments, stdin=stdin)

    return run


def test_up_and_down(medley_db: Command, empty_database_url: str) -> None:
    assert medley_db(empty_database_url, "current").out.startswith("no revision (the newest is ")
    outdated = medley_db(empty_database_url, "check")
    assert (outdated.code, outdated.err.count("\n")) == (1, 1)
    assert "revision None" in outdated.err
    assert medley_db(empty_database_url, "upgrade").out.startswith("From no revision to ")
    assert medley_db(empty_database_url, "upgrade").out.startswith("Already at ")
    assert medley_db(empty_database_url, "current").out.endswith("(the newest)\n")
    assert medley_db(empty_database_url, "check").code == 0
    assert medley_db(empty_database_url, "downgrade", "base", stdin="n\n").code == 1
    assert medley_db(empty_database_url, "current").out.endswith("(the newest)\n")
    assert medley_db(empty_database_url, "downgrade", "base", "--yes").out.endswith("to no revision.\n")


def test_a_difference_is_told_by_the_exit_code(medley_db: Command, database_url: str) -> None:
    assert medley_db(database_url, "psql", "-c", "DROP INDEX ix_items_changed_in").code == 0
    different = medley_db(database_url, "check")
    assert different.code == 2
    assert "ix_items_changed_in" in different.err


def test_an_unknown_revision_is_refused_in_one_line(medley_db: Command, empty_database_url: str) -> None:
    refused = medley_db(empty_database_url, "upgrade", "nonsense")
    assert (refused.code, refused.err.count("\n")) == (1, 1)
    assert "nonsense" in refused.err


def test_psql_takes_arguments_and_gives_its_exit_code(medley_db: Command, database_url: str) -> None:
    assert medley_db(database_url, "psql", "-Atc", "SELECT count(*) FROM items").out == "0\n"
    assert medley_db(database_url, "psql", "-c", "nonsense").code == 1


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="reads command lines in /proc")
def test_psql_gets_the_password_unseen(medley_db: Command, database_url: str) -> None:
    shown = medley_db(database_url, "psql", "-Atc", r"\! cat /proc/$PPID/cmdline | tr '\0' ' '").out
    assert "psql" in shown
    assert (make_url(database_url).password or "no password") not in shown
