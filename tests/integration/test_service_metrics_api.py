"""How the service does, over HTTP: feedback by the hour, history lengths, the database; and users to try lists out with."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import psycopg
import pytest
from trained import ITEMS_A_TASTE, TASTES, USERS_A_TASTE, Service, item_id, problem

pytestmark = pytest.mark.anyio


async def test_feedback_is_counted_in_the_hour_it_is_of(service: Service) -> None:
    now = datetime.now(UTC)
    await service.rate("counted", item_id("Comedy", 1), item_id("Comedy", 2))
    hours_ago = (now - timedelta(hours=2)).isoformat()
    for kind, when in (("like", hours_ago), ("impression", hours_ago), ("play", now.isoformat())):
        event = {"user_id": "counted", "item_id": item_id("Horror", 1), "kind": kind, "occurred_at": when}
        assert (await service.client.post("/v1/events", json=event)).status_code == 201

    found = (await service.client.get("/v1/metrics/service", params={"hours": 5})).json()

    hours = found["hours"]
    starts = [datetime.fromisoformat(each["start"]) for each in hours]
    assert [later - earlier for earlier, later in pairwise(starts)] == [timedelta(hours=1)] * 4
    # The clock may pass a full hour while the test runs.
    assert sum(each["ratings"] for each in hours) == 2
    assert [(each["events"], each["impressions"]) for each in hours if each["events"]] == [(1, 1), (1, 0)]


async def test_every_user_is_in_one_class_of_history_lengths(service: Service) -> None:
    await service.rate("short", item_id("Comedy", 1))
    found = (await service.client.get("/v1/metrics/service")).json()

    classes = {(each["least"], each["most"]): each["users"] for each in found["history_lengths"]}
    assert classes[(1, 4)] == 1
    assert classes[(5, 19)] == USERS_A_TASTE * len(TASTES)  # 18 ratings each
    assert sum(classes.values()) == USERS_A_TASTE * len(TASTES) + 1
    ends = [each["most"] for each in found["history_lengths"]]
    assert [least - 1 for least, _ in list(classes)[1:]] == ends[:-1]
    assert len(found["hours"]) == 24


async def test_the_database_and_the_worker_beside_it_are_seen(service: Service) -> None:
    name = "medley worker"
    with psycopg.connect(service.database_url, application_name=name, autocommit=True):
        found = (await service.client.get("/v1/metrics/service")).json()
    assert found["database"]["training_workers"] == 1
    assert found["database"]["connections"] >= 2
    assert found["database"]["size_bytes"] > 1_000_000
    assert found["database"]["latency_ms"] > 0
    assert found["totals"]["items"] == ITEMS_A_TASTE * len(TASTES)


@pytest.mark.parametrize("hours", [0, 169])
async def test_a_look_back_is_bounded(reading_service: Service, hours: int) -> None:
    answer = await reading_service.client.get("/v1/metrics/service", params={"hours": hours})
    assert [pointer for pointer, _ in problem(answer)] == ["/query/hours"]


async def test_sample_users_stand_out_each_by_another_taste(reading_service: Service) -> None:
    answer = await reading_service.client.get("/v1/sample-users", params={"limit": 3})
    users = answer.json()["users"]

    assert {each["categories"][0]["category"] for each in users} == set(TASTES)
    for user in users:
        taste = user["categories"][0]["category"]
        assert user["categories"][0]["lift"] > 1.5
        assert user["ratings"] == 18
        assert len(user["favourites"]) == 3
        assert all(each["item_id"].startswith(taste.lower()) for each in user["favourites"])
        listed = await reading_service.recommend(user["user_id"], limit=10)
        assert taste in listed["items"][0]["item"]["categories"]


async def test_who_likes_little_is_shown_after_who_likes_most(new_service: Service) -> None:
    for kind in ("Comedy", "Horror"):
        items = [{"item_id": f"{kind}-{number}", "title": kind, "categories": [kind]} for number in range(20)]
        assert (await new_service.client.post("/v1/items:batch", json={"items": items})).status_code == 200
    likes = {"sour": {"Horror": 5, "Comedy": 1}, "sweet": {"Comedy": 5}}
    for user, values in likes.items():
        count = {"Horror": 17, "Comedy": 20}
        rows = [
            {"user_id": user, "item_id": f"{kind}-{number}", "value": value}
            for kind, value in values.items()
            for number in range(count[kind])
        ]
        assert (await new_service.client.post("/v1/ratings:batch", json={"ratings": rows})).status_code == 200
    users = (await new_service.client.get("/v1/sample-users")).json()["users"]
    assert [(each["user_id"], each["categories"][0]["category"]) for each in users] == [
        ("sweet", "Comedy"),
        ("sour", "Horror"),
    ]


async def test_without_ratings_nobody_stands_out(new_service: Service) -> None:
    assert (await new_service.client.get("/v1/sample-users")).json() == {"users": []}
    found = (await new_service.client.get("/v1/metrics/service", params={"hours": 1})).json()
    assert found["totals"] == {"users": 0, "items": 0, "ratings": 0, "events": 0}
