"""What benchmarks/ makes of its measurements, and the options it takes; the figures themselves are no test's business."""

import json
import math
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.__main__ import EXIT_USAGE, main
from benchmarks.data import Size, generated_data, given_data
from benchmarks.figures import RATIO, Figure, at_least, at_most, median_of, missed, print_table, quantile, write_json
from benchmarks.load import Request
from benchmarks.serving import rating_requests, recommendation_requests

RESULTS = {
    "serve": [median_of("GET", [0.1, 0.05, 0.2], RATIO, at_least(1 / 12)), Figure("p50", 3.14159, "ms")],
    "import": [Figure("time", 71.9, "s", at_most(60), note="a slow disk")],
}


@pytest.mark.parametrize(
    ("bound", "value", "held"),
    [
        (at_most(60), 60.0, True),
        (at_most(60), 60.1, False),
        (at_least(50), 50.0, True),
        (at_least(50), 49.9, False),
        (at_most(60), math.nan, False),
        (at_least(50), math.nan, False),
    ],
)
def test_a_bound_includes_itself_and_no_nan(bound: object, value: float, held: bool) -> None:
    assert Figure("x", value, "s", bound).held is held  # type: ignore[arg-type]


def test_rounds_become_their_median_with_both_ends() -> None:
    figure = RESULTS["serve"][0]
    assert (figure.low, figure.value, figure.high) == (0.05, 0.1, 0.2)


def test_a_quantile_is_a_value_that_was_measured() -> None:
    values = [float(value) for value in range(1, 101)]
    assert [quantile(values, share) for share in (0.5, 0.95, 0.99, 1.0)] == [50, 95, 99, 100]
    assert quantile([7.0], 0.5) == 7
    with pytest.raises(ValueError, match="nothing"):
        quantile([], 0.5)


def test_missed_bounds_are_named() -> None:
    assert missed(RESULTS) == ["import: time"]


def test_the_table_shows_ratios_as_parts_and_says_what_did_not_hold(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(RESULTS)
    lines = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines() if line.split()}
    assert lines["serve"] == ["serve", "GET", "1/10.0", "1/20.0", "to", "1/5.0", "at", "least", "1/12.0", "yes"]
    assert lines["p50"] == ["p50", "3.14", "ms"]
    assert lines["import"] == ["import", "time", "71.9", "s", "at", "most", "60", "NO", "a", "slow", "disk"]


def test_the_json_holds_every_figure_with_its_bound(tmp_path: Path) -> None:
    path = tmp_path / "new" / "figures.json"
    write_json(path, RESULTS, taken_at=datetime(2026, 1, 2, tzinfo=UTC), context={"quick": True})
    document = json.loads(path.read_text())
    assert document["taken_at"] == "2026-01-02T00:00:00+00:00"
    assert document["context"] == {"quick": True}
    assert [(each["benchmark"], each["name"], each["held"]) for each in document["figures"]] == [
        ("serve", "GET", True),
        ("serve", "p50", None),
        ("import", "time", False),
    ]
    assert document["figures"][2]["bound"] == {"side": "at most", "value": 60}


def test_generated_data_has_the_size_asked_for_and_is_an_archive(tmp_path: Path) -> None:
    size = Size(users=30, items=40, ratings=300)
    data = generated_data(tmp_path / "one", size)
    again = generated_data(tmp_path / "two", size)
    ratings = pd.read_csv(data.path / "ratings.csv")

    assert len(ratings) == 300
    assert not ratings.duplicated(["userId", "movieId"]).any()
    assert set(ratings.userId) == set(range(1, 31))
    assert ratings.movieId.between(1, 40).all()
    assert set(ratings.rating) <= {1, 2, 3, 4, 5}
    assert "latest" in given_data(data.path).name
    assert data.name.startswith("generated")
    for file in ("movies.csv", "ratings.csv"):
        assert (data.path / file).read_bytes() == (again.path / file).read_bytes()


def test_requests_are_written_as_they_go_over_the_wire() -> None:
    assert Request("GET", "/x").encoded() == b"GET /x HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
    posted = Request("POST", "/x", '"ü"').encoded()
    assert b"content-length: 4\r\n" in posted
    assert posted.endswith(b'\r\n\r\n"\xc3\xbc"')


def test_each_user_is_read_once_and_rounds_of_writes_differ() -> None:
    reads = recommendation_requests(["a", "b/c"])
    assert sorted(each.path for each in reads) == [
        "/v1/users/a/recommendations?limit=20",
        "/v1/users/b%2Fc/recommendations?limit=20",
    ]
    first, second = (rating_requests(["a", "b"], ["1", "2", "3"], seed=seed) for seed in (1, 2))
    assert first == rating_requests(["a", "b"], ["1", "2", "3"], seed=1)
    assert first != second


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--only", "nothing"], "invalid choice: 'nothing'"),
        (["--fast"], "unrecognized arguments: --fast"),
        (["--data", "no/such/archive.zip"], "there is no archive at no/such/archive.zip"),
    ],
)
def test_a_wrong_option_is_told_in_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main(arguments)
    except SystemExit as ended:
        code = ended.code
    shown = capsys.readouterr()
    assert code == EXIT_USAGE
    assert shown.err.startswith("benchmarks: ")
    assert said in shown.err
    assert shown.err.count("\n") == 1
    assert shown.out == ""
