"""Predicted ratings over HTTP, by a service that was really trained."""

from collections.abc import AsyncGenerator
from typing import Any

import httpx
import psycopg
import pytest
from anyio import to_thread
from trained import TASTES, Service, ServiceStarter, address, item_id, problem, train_small

from app.api.schemas.predictions import PredictionsOut
from app.config import Settings

pytestmark = pytest.mark.anyio
PATIENT = {"history_timeout_ms": 60_000}


@pytest.fixture
async def service(trained_settings: Settings, start_service: ServiceStarter) -> AsyncGenerator[Service]:
    """A service with a release that waits for every history, however busy the machine is."""
    async with start_service(trained_settings.model_copy(update=PATIENT)) as started:
        yield started


@pytest.fixture
async def new_service(settings: Settings, start_service: ServiceStarter) -> AsyncGenerator[Service]:
    """One without a release."""
    async with start_service(settings.model_copy(update=PATIENT)) as started:
        yield started


async def ask(service: Service, user: str, *items: str) -> dict[str, Any]:
    answer = await service.client.get(address("users", user, "predictions"), params={"item_id": list(items)})
    return checked(answer)


def checked(answer: httpx.Response) -> dict[str, Any]:
    """The predictions in an answer, once they are what is documented, on the scale, and inside their intervals."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    PredictionsOut.model_validate_json(answer.content, strict=True)
    found: dict[str, Any] = answer.json()
    for each in found["predictions"]:
        if each["predicted_rating"] is not None:
            assert 0.5 <= each["low"] <= each["predicted_rating"] <= each["high"] <= 5.0
    return found


def stars(found: dict[str, Any]) -> list[float | None]:
    return [each["predicted_rating"] for each in found["predictions"]]


def mean_of(found: dict[str, Any], taste: str) -> float:
    own = [each["predicted_rating"] for each in found["predictions"] if each["item_id"].startswith(taste.lower())]
    return sum(own) / len(own)


EVERY_TASTE = [item_id(taste, number) for taste in TASTES for number in range(10, 16)]


async def test_what_was_rated_a_moment_ago_changes_what_is_expected(service: Service) -> None:
    before = await ask(service, "somebody", *EVERY_TASTE)
    assert (before["ratings_used"], before["interval"], before["degraded"]) == (0, 0.8, [])
    assert [each["item_id"] for each in before["predictions"]] == EVERY_TASTE

    await service.like("somebody", "Horror", range(4))
    await service.rate("somebody", *(item_id("Comedy", n) for n in range(4)), value=1.0)
    after = await ask(service, "somebody", *EVERY_TASTE)

    assert after["ratings_used"] == 8
    assert mean_of(after, "Horror") > mean_of(before, "Horror") + 0.3
    assert mean_of(after, "Comedy") < mean_of(before, "Comedy") - 0.3
    assert mean_of(after, "Horror") > mean_of(after, "Comedy") + 1.0
    assert after["release"] == before["release"] is not None


async def test_events_tell_no_stars(service: Service) -> None:
    event = {"user_id": "watcher", "item_id": item_id("Horror", 1), "kind": "like"}
    assert (await service.client.post("/v1/events", json=event)).status_code == 201
    watched = await ask(service, "watcher", *EVERY_TASTE)
    assert watched["ratings_used"] == 0
    assert stars(watched) == stars(await ask(service, "nobody at all", *EVERY_TASTE))


async def test_an_item_that_is_newer_than_the_release_has_a_wide_interval(service: Service) -> None:
    await service.like("early bird", "Horror")
    await service.put_another("brand-new", "Horror")
    found = await ask(service, "early bird", "brand-new", item_id("Horror", 0))
    new, old = found["predictions"]
    assert new["predicted_rating"] is not None
    assert new["high"] - new["low"] > old["high"] - old["low"]


async def test_an_item_that_is_newer_than_the_release_is_expected_by_what_it_says_of_itself(service: Service) -> None:
    for taste in ("Horror", "Comedy"):
        body = {"title": f"A new {taste}", "categories": [taste, "Film"]}
        assert (await service.client.put(address("items", f"new-{taste.lower()}"), json=body)).status_code == 201
    await service.like("fearless", "Horror", range(6))
    await service.rate("fearless", *(item_id("Comedy", n) for n in range(6)), value=1.0)
    horror, comedy = stars(await ask(service, "fearless", "new-horror", "new-comedy"))
    assert horror is not None
    assert comedy is not None
    assert horror > comedy + 0.3


async def test_a_changed_item_keeps_what_is_known_of_it_and_a_deleted_one_is_no_more(service: Service) -> None:
    item, other = item_id("Western", 2), item_id("Western", 3)
    before = await ask(service, "keeper", item, other)
    await service.put_item(item, title="Another title", categories=["Western", "Film"])
    await service.delete_item(other)
    after = await ask(service, "keeper", item, other)
    assert after["predictions"][0] == before["predictions"][0]
    assert after["predictions"][1] == {"item_id": other, "predicted_rating": None, "low": None, "high": None}


async def test_of_an_unknown_item_nothing_is_said_and_the_others_are_answered(service: Service) -> None:
    found = await ask(service, "somebody", "no such thing", item_id("Comedy", 1), "a/b")
    assert [value is None for value in stars(found)] == [True, False, True]


async def test_what_is_asked_wrongly_is_refused(service: Service) -> None:
    for params in (None, {"item_id": [""]}, {"item_id": ["x"] * 101}, {"item_id": ["x"], "limit": ["3"]}):
        answer = await service.client.get(address("users", "somebody", "predictions"), params=params)
        assert problem(answer)


async def test_an_explained_list_carries_what_a_prediction_says(service: Service) -> None:
    await service.like("reader", "Western")
    explained = await service.recommend("reader", limit=5, explain="true")
    listed = {each["item_id"]: each["predicted_rating"] for each in explained["items"]}
    assert stars(await ask(service, "reader", *listed)) == list(listed.values())
    assert "predicted_rating" not in (await service.recommend("reader", limit=1))["items"][0]
    history = [{"item_id": item_id("Western", n), "value": 5.0} for n in range(3)]
    posted = await service.recommend_for(history, limit=5, explain="true")
    assert {each["item_id"]: each["predicted_rating"] for each in posted["items"]} == listed


async def test_predictions_stay_on_the_scale_of_the_settings(
    trained_settings: Settings, start_service: ServiceStarter
) -> None:
    narrow = trained_settings.model_copy(update=PATIENT | {"rating_min": 3.0, "rating_max": 3.5})
    async with start_service(narrow) as service:
        answer = await service.client.get(address("users", "x", "predictions"), params={"item_id": EVERY_TASTE})
    for each in checked(answer)["predictions"]:
        assert 3.0 <= each["low"] <= each["predicted_rating"] <= each["high"] <= 3.5


async def test_without_a_release_nothing_is_predicted(new_service: Service) -> None:
    found = await ask(new_service, "anybody", "anything")
    assert (stars(found), found["interval"], found["release"], found["degraded"]) == (
        [None],
        None,
        None,
        ["no_release"],
    )


async def test_a_release_made_without_ratings_predicts_nothing(new_service: Service) -> None:
    for number in range(12):
        await new_service.put_another(f"new-{number}", "Horror")
    with psycopg.connect(new_service.database_url) as connection:
        assert connection.execute("SELECT count(*) FROM ratings").fetchone() == (0,)
    await to_thread.run_sync(train_small, new_service.database_url, new_service.settings.artifacts)
    await new_service.live.refresh()
    found = await ask(new_service, "anybody", "new-1")
    assert (stars(found), found["interval"], found["degraded"]) == ([None], None, [])
    assert found["release"] is not None
    explained = await new_service.recommend("anybody", limit=2, explain="true")
    assert all("predicted_rating" not in each for each in explained["items"])
