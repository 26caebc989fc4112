"""The command: what it lists, how it fails, what it prints."""

import importlib
import shlex
import sys

import psycopg
import pytest
import typer

from app.config import Settings
from app.errors import ConfigurationError, Unavailable
from cli import console, main
from cli.demo_serving import base_url, hints
from cli.settings import read_settings


def run(*arguments: str) -> object:
    with pytest.raises(SystemExit) as ended:
        main.main(arguments)
    return ended.value.code


def test_help_lists_every_command_and_imports_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    listed = capsys.readouterr().out
    for name in (*main.COMMANDS, *main.GROUPS):
        assert f" {name} " in listed


@pytest.mark.parametrize("name", list(main.COMMANDS))
def test_a_listed_line_is_the_first_of_the_command_itself(name: str) -> None:
    module, summary = main.COMMANDS[name]
    function = getattr(importlib.import_module(module), name)
    assert " ".join(function.__doc__.split("\n\n")[0].split()) == summary


@pytest.mark.parametrize("name", list(main.GROUPS))
def test_a_listed_line_is_that_of_the_group_itself(name: str) -> None:
    module, summary = main.GROUPS[name]
    assert importlib.import_module(module).app.info.help == summary


def test_an_unknown_command_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("recomend") == 2
    assert "No such command" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ConfigurationError("set MEDLEY_PORT"), "medley: set MEDLEY_PORT"),
        (Unavailable("no server"), "medley: no server"),
        (
            psycopg.OperationalError("connection refused\nIs it running?"),
            "medley: the database failed: connection refused",
        ),
    ],
)
def test_a_failure_one_can_act_on_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, line: str
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr("cli.demo.demo", fail)
    assert run("demo") == 1
    assert capsys.readouterr().err == f"{line}\n"


def test_a_defect_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("cli.demo.demo", fail)
    with pytest.raises(ZeroDivisionError):
        main.main(["demo"])


@pytest.mark.parametrize(
    "address",
    ["mysql://medley:hunter2@h/x", "postgresql://medley:hunter2@h:abc/x", "postgresql://medley:a@hunter2@h/x",
     "postgres//medley:hunter2@h/x", "hunter2", "host=h password=hunter2", "postgresql://medley:hunter2@[h/x"],
)  # fmt: skip
def test_a_database_address_that_is_none_is_refused_without_its_password(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("MEDLEY_DATABASE_URL", address)
    with pytest.raises(ConfigurationError, match=r"^MEDLEY_DATABASE_URL: .*must be like postgresql://") as refused:
        read_settings()
    assert "hunter2" not in str(refused.value)
    assert "hunter2" not in str(refused.value.__cause__)


@pytest.mark.parametrize(
    "address", ["postgresql://medley:a%40b@h:5432/x", "postgres://h/x", "postgresql:///x?host=/run/pg"]
)
def test_a_database_address_is_taken(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("MEDLEY_DATABASE_URL", address)
    url = read_settings().database_url
    assert url is not None
    assert url.get_secret_value() == address


def test_a_wrong_setting_is_told_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDLEY_PORT", "many")
    with pytest.raises(ConfigurationError, match=r"^MEDLEY_PORT: Input should be a valid integer"):
        read_settings()
    monkeypatch.delenv("MEDLEY_PORT")
    monkeypatch.setenv("MEDLEY_RATING_MIN", "9")
    with pytest.raises(ConfigurationError, match="MEDLEY_RATING_MIN must be below MEDLEY_RATING_MAX"):
        read_settings()


def test_progress_outside_a_terminal_is_a_few_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    times = iter([0.0, 0.0, *(number / 10 for number in range(1, 1_000))])
    report = console.progress_lines(lambda: next(times))
    for done in range(101):
        report("ratings.csv", done, 100)
    lines = capsys.readouterr().out.splitlines()
    assert 2 <= len(lines) <= 5
    assert lines[-1].startswith("  ratings.csv: 100%")
    assert all(line.isprintable() for line in lines)


def test_progress_in_a_terminal_is_bars(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    with console.show_progress() as report:
        report("ratings.csv", 1, 2)
        report("ratings.csv", 2, 2)
    printed = capsys.readouterr()
    assert "ratings.csv" in printed.err
    assert printed.out == ""


@pytest.mark.parametrize(("variable", "value"), [("CI", "true"), ("TERM", "dumb")])
def test_a_ci_system_gets_no_bars(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("CI", raising=False)
    assert console.is_interactive()
    monkeypatch.setenv(variable, value)
    assert not console.is_interactive()


def test_the_hints_are_commands_a_shell_takes_whatever_the_id() -> None:
    commands = [
        shlex.split(line) for line in hints("http://127.0.0.1:8000", "it's a/b \u2764", "A\ntitle") if "curl" in line
    ]
    assert [command[0] for command in commands] == ["curl"] * 3
    assert commands[1][-1] == '{"user_id": "me", "item_id": "it\'s a/b \u2764", "value": 5}'
    assert commands[2][1] == "http://127.0.0.1:8000/v1/items/it%27s%20a%2Fb%20%E2%9D%A4/similar?limit=5"


@pytest.mark.parametrize(
    ("host", "base"),
    [("127.0.0.1", "http://127.0.0.1:80"), ("0.0.0.0", "http://127.0.0.1:80"), ("::", "http://[::1]:80")],  # noqa: S104 - not bound
)
def test_the_address_is_one_that_answers(host: str, base: str) -> None:
    assert base_url(Settings(host=host, port=80)) == base


def test_the_commands_are_built_for_completion_too() -> None:
    built = main.build_app(["import"])
    assert isinstance(built, typer.Typer)
    assert [group.name for group in built.registered_groups] == ["import"]
