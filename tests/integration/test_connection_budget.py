"""How many connections the workers of a service may want, against what the server gives."""

import logging

import pytest
from pydantic import SecretStr

from app.config import Settings
from cli.serve_workers import warn_of_few_connections


@pytest.mark.parametrize(("workers", "warned"), [(2, False), (200, True)])
def test_workers_that_may_want_too_many_connections_are_told(
    database_url: str, caplog: pytest.LogCaptureFixture, workers: int, warned: bool
) -> None:
    with caplog.at_level(logging.WARNING, "medley.serve"):
        warn_of_few_connections(database_url, Settings(database_url=SecretStr(database_url), workers=workers))
    assert ("200 workers may want 2800 connections, and Postgres gives" in caplog.text) is warned


def test_a_server_that_is_away_is_not_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    warn_of_few_connections("postgresql://nobody@127.0.0.1:1/none", Settings(workers=200))
    assert caplog.text == ""
