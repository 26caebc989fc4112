"""The Python client against a running service with keys: sync, async, and the example that the guide shows."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from databases import fresh_database
from guarded import make_keys
from serving import running_server
from trained import item_id

from medley_client import AsyncMedley, Invalid, Medley, NotAllowed, NotFound, user_token
from medley_client.inputs import EventIn

CLIENT = Path(__file__).parents[2] / "clients" / "python"
GUIDE = CLIENT.parents[1] / "docs" / "api.md"
BEARER = '-H "Authorization: Bearer $TOKEN"'
EXAMPLE = CLIENT / "examples" / "visitor.py"


@dataclass(frozen=True)
class Started:
    base: str
    key: str


@pytest.fixture(scope="module")
def started(server_url: str, trained_template: str, tmp_path_factory: pytest.TempPathFactory) -> Generator[Started]:
    """A server with a release, and a key of every scope."""
    with fresh_database(server_url, trained_template) as url:
        *_, key = make_keys(url)
        directory = tmp_path_factory.mktemp("python-client")
        variables = {
            "MEDLEY_DATABASE_URL": url,
            "MEDLEY_DATA_DIR": str(directory),
            "MEDLEY_HISTORY_TIMEOUT_MS": "5000",  # what was rated is in the list, however busy the machine
        }
        with running_server(directory, variables) as server:
            yield Started(server.base, key)


@pytest.fixture
def medley(started: Started) -> Generator[Medley]:
    with Medley(started.base, bearer=started.key, timeout=60) as opened:
        yield opened


@pytest.fixture
def user() -> str:
    """A new user, whose name needs encoding."""
    return f"ann/é {uuid4()}"


def test_ratings_change_the_next_list_and_can_be_undone(medley: Medley, user: str) -> None:
    for number in range(3):
        assert medley.rate(user, item_id("Horror", number), 5)["outcome"] == "created"
    page = medley.recommendations(user, limit=10, explain=True, exclude_category=["Western"])

    assert page["history_size"] == 3
    assert "Horror" in page["items"][0]["item"]["categories"]
    assert page["items"][0].get("reasons")
    assert [each["value"] for each in medley.ratings.each(user, limit=2)] == [5.0] * 3
    assert len(medley.predictions(user, [item_id("Horror", 9), item_id("Comedy", 9)])["predictions"]) == 2
    medley.undo_rating(user, item_id("Horror", 0))
    with pytest.raises(NotFound):
        medley.rating(user, item_id("Horror", 0))
    assert medley.user(user)["rating_count"] == 2


def test_a_frozen_list_is_walked_whole_whatever_is_rated_meanwhile(medley: Medley, user: str) -> None:
    whole = [each["item_id"] for each in medley.recommendations(user, limit=100, category=["Comedy"])["items"]]
    walked: list[str] = []
    for item in medley.recommendations.each(user, limit=7, category=["Comedy"]):
        walked.append(item["item_id"])
        if len(walked) == 8:
            medley.rate(user, item_id("Western", 1), 1)
    assert walked == whole
    assert len(walked) > 21


def test_a_posted_history_pages_like_any_list(medley: Medley) -> None:
    history = [{"item_id": item_id("Western", number), "value": 5.0} for number in range(2)]
    pages = medley.recommend_for_history.pages(history, preferences={"liked": {"people": ["Ann"]}}, limit=5)
    first, second = next(pages), next(pages)
    assert [each["rank"] for each in first["items"] + second["items"]] == list(range(1, 11))


def test_events_name_the_list_they_came_of(medley: Medley, user: str) -> None:
    shown = medley.popular(limit=1)
    event = medley.send_event(
        user_id=user,
        item_id=shown["items"][0]["item_id"],
        kind="play",
        recommendation_id=shown["recommendation_id"],
        position=1,
    )["event"]
    assert event["recommendation_id"] == shown["recommendation_id"]
    batch: list[EventIn] = [
        {"user_id": user, "item_id": event["item_id"], "kind": "play", "event_id": str(uuid4())}
    ] * 2
    assert medley.send_events(batch)["counts"] == {"created": 1, "duplicate": 1, "rejected": 0}
    medley.undo_event(batch[0]["event_id"])
    medley.undo_event(event["event_id"])
    assert medley.user(user)["event_count"] == 0


def test_the_catalogue_and_every_chart_answer(medley: Medley) -> None:
    item = item_id("Comedy", 3)
    assert medley.item(item)["ratings"]["count"] > 0
    assert medley.put_item("client/1", title="One more", categories=["Comedy"], tags=("a",))["outcome"] == "created"
    assert medley.put_items([{"item_id": "client/2", "title": "Another"}])["counts"]["created"] == 1
    medley.delete_item("client/1")
    assert sum(1 for _ in medley.items.each(limit=50)) >= 120
    assert medley.similar(item, by="content", limit=3)["items"]
    assert medley.trending(limit=3, period="month")["release"]
    assert medley.latest(limit=3, fields=["title"])["items"][0]["item"].keys() == {"title"}
    assert medley.neighbours("user-000", limit=3)["neighbours"]
    assert medley.home("user-000", limit=3)["rows"]


def test_refusals_are_exceptions(medley: Medley, started: Started, user: str) -> None:
    with pytest.raises(Invalid) as raised:
        medley.rate(user, item_id("Comedy", 0), 99)
    assert raised.value.status == 422
    assert raised.value.request_id
    assert raised.value.errors[0]["pointer"] == "/value"
    with Medley(started.base) as stranger, pytest.raises(NotAllowed) as nobody:
        stranger.popular()
    assert nobody.value.status == 401
    with Medley(started.base, bearer=user_token(started.key, user)) as app:
        assert app.recommendations(user)["items"]
        with pytest.raises(NotAllowed) as somebody:
            app.recommendations("user-000")
    assert somebody.value.status == 403


@pytest.mark.anyio
async def test_the_async_client_does_the_same(started: Started, user: str) -> None:
    async with AsyncMedley(started.base, bearer=started.key, timeout=60) as medley:
        await medley.set_preferences(user, liked={"categories": ["Western"]}, limits={"exclude_categories": ["Horror"]})
        assert (await medley.preferences(user))["limits"]["exclude_categories"] == ["Horror"]
        first = await medley.recommendations(user, limit=4)
        assert first["fallback"] == "preferences"
        assert "Western" in first["items"][0]["item"]["categories"]

        await medley.suppress_category(user, "Western", days=3)
        assert [each["id"] for each in (await medley.suppressions(user))["suppressions"]] == ["Western"]
        rest = [each["item"]["categories"] async for each in medley.recommendations.each(user, limit=9)]
        assert rest
        assert not [each for each in rest if {"Western", "Horror"} & set(each)]
        await medley.undo_suppress_category(user, "Western")
        assert (await medley.recommendations(user, limit=4))["items"] == first["items"]
        with pytest.raises(NotFound):
            await medley.item("no such item")
        await medley.clear_preferences(user)
        await medley.erase_user(user)


@pytest.fixture
def guide(medley: Medley, started: Started) -> list[tuple[str, str]]:
    """The language and the text of every block of the guide, at home on this server, which has the demo's items."""
    medley.put_items([{"item_id": each, "title": f"Item {each}"} for each in ("1240", "589", "1036")])
    text = GUIDE.read_text().replace("http://127.0.0.1:8000", started.base)
    return re.findall(r"^```(\w*)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def test_the_python_of_the_guide_runs(
    guide: list[tuple[str, str]], started: Started, capsys: pytest.CaptureFixture[str]
) -> None:
    code = "".join(block for language, block in guide if language == "python")
    code = code.replace(f'Medley("{started.base}")', f'Medley("{started.base}", bearer=key)')
    names: dict[str, Any] = {"key": started.key}
    exec(compile(code, str(GUIDE), "exec"), names)  # noqa: S102 - the guide is ours
    names["medley"].close()
    names["app"].close()
    assert capsys.readouterr().out.startswith("off_scale [{")


@pytest.mark.skipif(not shutil.which("curl") or not shutil.which("bash"), reason="needs curl and bash")
def test_the_curl_of_the_guide_runs(guide: list[tuple[str, str]], started: Started) -> None:
    commands = "".join(block for language, block in guide if not language).replace(BEARER, "")
    told = f"curl() {{ command curl {BEARER} " + """-s -w '%{stderr}%{http_code} %{url_effective}\\n' "$@"; }\n"""
    run = subprocess.run(
        ["bash", "-euc", told + commands],
        env={"PATH": os.environ["PATH"], "TOKEN": started.key},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    *good, refused = run.stderr.splitlines()
    assert len(good) >= 15
    assert [line for line in good if line[0] != "2"] == []
    assert refused.startswith("422 ")


def test_the_example_runs_with_a_user_token_and_is_short(started: Started) -> None:
    assert len(EXAMPLE.read_text().splitlines()) <= 60
    run = subprocess.run(
        [sys.executable, str(EXAMPLE), started.base, user_token(started.key, "visitor-1")],
        env={"PYTHONPATH": str(CLIENT / "src")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    said = run.stdout.splitlines()
    assert [line.split(":")[0] for line in said if line.startswith("Page")] == ["Page 1", "Page 2", "Page 3"]
    assert said[-1] == "And back at rank 1"
