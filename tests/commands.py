"""The ``medley`` command, run in this process as a person would run it."""

import io
from collections.abc import Callable
from typing import NamedTuple

import pytest

from cli.main import main


class Done(NamedTuple):
    """How a command ended, and what it and its children printed."""

    code: object
    out: str
    err: str


Command = Callable[..., Done]


def run_medley(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], *arguments: str, stdin: str = ""
) -> Done:
    """Run it with these arguments."""
    monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
    with pytest.raises(SystemExit) as end:
        main([*arguments])
    return Done(end.value.code, *capfd.readouterr())
