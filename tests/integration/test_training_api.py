"""Training runs and releases over HTTP, and a service that follows what is activated."""

import asyncio
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from anyio import to_thread
from trained import Service, ServiceStarter, problem, train_small

from app.config import Settings

pytestmark = pytest.mark.anyio


async def get(service: Service, path: str) -> Any:
    answer = await service.client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def train_again(service: Service) -> str:
    artifacts = service.settings.artifacts
    return (await to_thread.run_sync(train_small, service.database_url, artifacts)).release


async def test_a_request_is_queued_and_says_where_to_look(service: Service) -> None:
    answer = await service.client.post("/v1/training-runs")
    assert answer.status_code == 202
    queued = answer.json()
    assert (queued["state"], queued["cause"], queued["progress"]) == ("queued", "request", 0)
    assert (queued["started_at"], queued["error"], queued["release"], queued["metrics"]) == (None, None, None, {})
    await asyncio.sleep(1.5)  # no worker lives, and the answer does not pretend otherwise
    assert await get(service, answer.headers["Location"]) == queued


async def test_requests_are_one_run_until_it_begins(service: Service) -> None:
    answers = await asyncio.gather(*(service.client.post("/v1/training-runs") for _ in range(8)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    release = await train_again(service)
    done = await get(service, answers[0].headers["Location"])
    assert (done["state"], done["release"], done["progress"], done["error"]) == ("succeeded", release, 1, None)
    assert done["metrics"]["next_item"]
    following = await service.client.post("/v1/training-runs")
    assert following.json()["id"] != done["id"]


async def test_runs_are_listed_newest_first_page_by_page(service: Service) -> None:
    posted = (await service.client.post("/v1/training-runs")).json()
    first = await get(service, "/v1/training-runs?limit=1")
    assert [run["id"] for run in first["training_runs"]] == [posted["id"]]
    rest = await get(service, f"/v1/training-runs?cursor={first['next_cursor']}")
    assert [run["cause"] for run in rest["training_runs"]] == ["command"]
    assert rest["next_cursor"] is None
    assert problem(await service.client.get(f"/v1/releases?cursor={first['next_cursor']}")) == [
        ("/query/cursor", "invalid_cursor")
    ]


async def test_a_failure_is_told_with_its_code(service: Service) -> None:
    with psycopg.connect(service.database_url) as connection:
        connection.execute(
            "INSERT INTO training_runs (id, state, cause, error, error_code)"
            " VALUES ('r', 'failed', 'schedule', 'The worker was told to stop.', 'stopped')"
        )
    failed = await get(service, "/v1/training-runs/r")
    assert failed["error"] == {"code": "stopped", "detail": "The worker was told to stop."}


async def test_what_is_not_there_is_not_found(service: Service) -> None:
    for call, path, code in (
        ("GET", "/v1/training-runs/none", "unknown_training_run"),
        ("GET", "/v1/releases/none", "unknown_release"),
        ("POST", "/v1/releases/none:activate", "unknown_release"),
    ):
        answer = await service.client.request(call, path)
        assert answer.status_code == 404
        assert answer.json()["code"] == code


async def test_a_release_tells_what_it_was_made_of_and_not_where_it_lies(service: Service) -> None:
    (summary,) = (await get(service, "/v1/releases"))["releases"]
    detail = await get(service, f"/v1/releases/{summary['id']}")
    assert detail["active"] is True
    assert detail["counts"] == {"items": 120, "users": 300, "ratings": 5400, "events": 0}
    assert detail["parameters"]["als"]["factors"] == 8
    assert detail["data_from"] < detail["data_until"]
    assert summary.items() <= detail.items()
    assert "location" not in detail


async def test_a_running_service_follows_back_and_forth(
    trained_settings: Settings, start_service: ServiceStarter
) -> None:
    settings = trained_settings.model_copy(update={"release_poll_seconds": 0.1})
    async with start_service(settings) as service:
        old = (await service.recommend("ada"))["release"]
        new = await train_again(service)
        for release in (new, old, old, new):
            answer = await service.client.post(f"/v1/releases/{release}:activate")
            assert answer.status_code == 200, answer.text
            assert answer.json()["active"] is True
            async with asyncio.timeout(20):
                while (await service.recommend("ada"))["release"] != release:  # noqa: ASYNC110 - clients can only ask
                    await asyncio.sleep(0.05)
        assert [each["active"] for each in (await get(service, "/v1/releases"))["releases"]] == [True, False]


async def test_activating_the_active_release_changes_nothing(service: Service) -> None:
    (before,) = (await get(service, "/v1/releases"))["releases"]
    answer = await service.client.post(f"/v1/releases/{before['id']}:activate")
    assert answer.status_code == 200
    assert before.items() <= answer.json().items()


async def test_a_release_that_cannot_be_served_is_not_activated(service: Service, tmp_path: Path) -> None:
    (old,) = [each["id"] for each in (await get(service, "/v1/releases"))["releases"]]
    new = await train_again(service)
    with psycopg.connect(service.database_url, autocommit=True) as connection:

        async def refusal() -> str:
            answer = await service.client.post(f"/v1/releases/{old}:activate")
            assert answer.status_code == 409, answer.text
            active = connection.execute("SELECT id FROM releases WHERE active").fetchall()
            assert active == [(new,)]
            return answer.json()["code"]

        (location,) = connection.execute("SELECT location FROM releases WHERE id = %s", [old]).fetchone() or ("",)
        damaged = tmp_path / "damaged"
        shutil.copytree(location, damaged)
        connection.execute("UPDATE releases SET location = %s WHERE id = %s", [str(damaged), old])
        with (damaged / "collaborative.factors.npy").open("r+b") as file:
            file.seek(-4, 2)
            file.write(b"\xff\xff\xff\x7f")
        assert await refusal() == "artifact_rejected"
        shutil.rmtree(damaged)
        assert await refusal() == "artifact_rejected"
        connection.execute("UPDATE releases SET collected_at = %s WHERE id = %s", [datetime.now(UTC), old])
        assert await refusal() == "release_collected"


async def test_activations_that_race_leave_one_active(service: Service) -> None:
    (old,) = [each["id"] for each in (await get(service, "/v1/releases"))["releases"]]
    new = await train_again(service)
    third = await train_again(service)
    answers = await asyncio.gather(
        *(service.client.post(f"/v1/releases/{release}:activate") for release in (old, new, third) * 3)
    )
    assert {answer.status_code for answer in answers} == {200}
    assert sum(each["active"] for each in (await get(service, "/v1/releases"))["releases"]) == 1
