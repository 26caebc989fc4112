"""``medley evaluate``, run as a person would: on an archive without a database, and on what a database holds."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from app.config import Settings
from cli.main import main


class Done(NamedTuple):
    code: object
    out: str
    err: str


Command = Callable[..., Done]


@pytest.fixture
def evaluate(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    """Runs ``medley evaluate`` with what it keeps under the test's own folder."""
    monkeypatch.setenv("MEDLEY_DATA_DIR", str(tmp_path / "data"))

    def run(*arguments: object) -> Done:
        with pytest.raises(SystemExit) as end:
            main(["evaluate", *map(str, arguments)])
        return Done(end.value.code, *capsys.readouterr())

    return run


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """MovieLens's layout: forty movies of two genres, forty people who take one genre, one movie after the other."""
    folder = tmp_path / "archive"
    folder.mkdir()
    genres = ("Comedy", "Horror")
    movies = [f"{movie}::Movie {movie} (1990)::{genres[movie % 2]}" for movie in range(1, 41)]
    ratings = [
        f"{user}::{1 + (user + 2 * place) % 40}::{4 + place % 2}::{978300000 + 100 * user + place}"
        for user in range(1, 41)
        for place in range(10)
    ]
    (folder / "movies.dat").write_text("\n".join(movies) + "\n")
    (folder / "ratings.dat").write_text("\n".join(ratings) + "\n")
    return folder


def figures_of(path: Path) -> list[dict[str, Any]]:
    figures = json.loads(path.read_text())
    assert all(list(f) == ["protocol", "ranker", "slice", "metric", "value", "low", "high"] for f in figures)
    assert all(np.isfinite(f["value"]) for f in figures)
    return figures


def value(figures: list[dict[str, Any]], ranker: str, metric: str) -> float:
    return next(f["value"] for f in figures if (f["ranker"], f["slice"], f["metric"]) == (ranker, "all", metric))


def test_an_archive_gives_a_table_json_and_plots_and_is_fitted_once(
    evaluate: Command, archive: Path, tmp_path: Path
) -> None:
    text = tmp_path / "text.dat"
    text.write_text("1::Movie 1::1990::G::::Comedy::Ann Lee::Bob Ray::Cy Fox::A circus comes to town.::\n")
    written = tmp_path / "figures.json"
    options = ("--data", archive, "--item-text", text, "--json", written)
    done = evaluate(*options, "--plots", tmp_path / "plots")
    assert done.code == 0, done.err
    assert "400 ratings of 40 items by 40 users" in done.out
    assert "NDCG@10" in done.out
    figures = figures_of(written)
    assert {f["protocol"] for f in figures} == {"last-out"}
    assert value(figures, "blend", "HR@10") > value(figures, "random", "HR@10")
    assert sorted(path.name for path in (tmp_path / "plots").iterdir()) == [
        "last-out-coverage.svg", "last-out-dials.svg", "last-out-history.svg", "last-out-rankers.svg",
    ]  # fmt: skip
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "data" / "evaluation").glob("*/manifest.json")}
    assert kept
    assert evaluate(*options).code == 0
    assert figures_of(written) == figures  # what the fit cost is as it was: it was not fitted again
    assert {
        path: path.stat().st_mtime_ns for path in (tmp_path / "data" / "evaluation").glob("*/manifest.json")
    } == kept


def test_what_the_database_holds(
    evaluate: Command, trained_settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert trained_settings.database_url is not None
    monkeypatch.setenv("MEDLEY_DATABASE_URL", trained_settings.database_url.get_secret_value())
    written = tmp_path / "figures.json"
    done = evaluate("--db", "--protocol", "time-cut", "--no-cache", "--json", written)
    assert done.code == 0, done.err
    figures = figures_of(written)
    assert value(figures, "blend", "HR@20") > 2 * value(figures, "random", "HR@20")
    assert not (tmp_path / "data" / "evaluation").exists()


@pytest.mark.parametrize("protocol", ["last-out", "new-users", "cold-items", "rating", "time-cut"])
def test_too_little_data_is_told_in_a_line(evaluate: Command, archive: Path, protocol: str) -> None:
    (archive / "ratings.dat").write_text("1::1::2::978300000\n")
    done = evaluate("--data", archive, "--protocol", protocol)
    assert done.code == 1
    assert done.err.splitlines()[-1].startswith("medley: ")
    assert "too l" in done.err or "too few" in done.err


def test_one_source_has_to_be_given(evaluate: Command, archive: Path) -> None:
    for options in ((), ("--db", "--data", archive)):
        done = evaluate(*options)
        assert done.code == 1
        assert done.err == "medley: Give either --data PATH or --db.\n"
