"""The gate, on a real database: what it lets through, what it turns away, and how that is told over HTTP."""

from collections.abc import Generator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from anyio import to_thread
from sqlalchemy import Engine
from trained import PARAMETERS, Service
from workers import Workers

from app.db import open_sync_engine
from training.collaborative import AlsParameters
from training.fit import Parameters
from training.item_to_item import EaseParameters
from training.next_item import TransitionParameters
from training.pipeline import train
from training.publish import Published
from training.runs import NO_WISH, Wish
from training.verdict import GateFailed

pytestmark = pytest.mark.anyio
NONSENSE = replace(
    PARAMETERS,
    als=AlsParameters(factors=2, regularisation=1e6, iterations=1),
    ease=EaseParameters(penalty=1e9),
    transitions=TransitionParameters(window=1, gap_decay=0.01),
    popularity=replace(PARAMETERS.popularity, half_life_days=0.001),
    profile=replace(PARAMETERS.profile, offset=-50.0),
)
"""A configuration of which nothing good comes."""


@pytest.fixture
def engine(service: Service) -> Generator[Engine]:
    with open_sync_engine(service.database_url) as opened:
        yield opened


def train_with(
    engine: Engine, artifacts: Path, parameters: Parameters | None = PARAMETERS, wish: Wish = NO_WISH
) -> Published:
    return train(engine, artifacts, scale_top=5.0, now=datetime.now(UTC), parameters=parameters, wish=wish)


async def get(service: Service, path: str) -> Any:
    answer = await service.client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_first_release_is_published_and_its_figures_are_told(service: Service) -> None:
    (release,) = (await get(service, "/v1/releases"))["releases"]
    (run,) = (await get(service, "/v1/training-runs"))["training_runs"]
    gate = release["gate"]
    assert run["gate"] == gate
    assert (gate["verdict"], gate["active"], gate["champion"], gate["difference"]) == ("first", None, None, None)
    assert gate["users"] >= 200
    assert gate["questions"] >= gate["users"]
    assert release["data_from"] < gate["cut"] < release["data_until"]
    means = gate["challenger"]["ndcg_at_10"]
    assert 0 < means["low"] < means["value"] < means["high"] < 1
    assert means["value"] == pytest.approx(release["metrics"]["next_item"]["blend"]["ndcg_at_10"])


async def test_the_same_configuration_passes_without_a_second_fit(service: Service, engine: Engine) -> None:
    stages: list[str] = []
    artifacts = service.settings.artifacts

    def report(stage: str, share: float) -> None:
        if share == 0.0:
            stages.append(stage)

    def again() -> Published:
        return train(engine, artifacts, scale_top=5.0, now=datetime.now(UTC), parameters=PARAMETERS, report=report)

    published = await to_thread.run_sync(again)
    assert stages.count("fit") == 1
    assert published.gate["verdict"] == "passed"
    assert (published.gate["same_configuration"], published.gate["champion"]) == (True, None)
    assert (await get(service, f"/v1/releases/{published.release}"))["gate"]["same_configuration"] is True


async def test_what_ranks_worse_is_rejected_and_the_active_release_stays(service: Service, engine: Engine) -> None:
    artifacts = service.settings.artifacts
    (before,) = (await get(service, "/v1/releases"))["releases"]
    with pytest.raises(GateFailed, match=r"worse than the active release's configuration"):
        await to_thread.run_sync(train_with, engine, artifacts, NONSENSE)
    run = (await get(service, "/v1/training-runs"))["training_runs"][0]
    assert (run["state"], run["release"], run["error"]["code"]) == ("rejected", None, "gate_failed")
    gate = run["gate"]
    assert (gate["verdict"], gate["active"], gate["same_configuration"]) == ("failed", before["id"], False)
    assert gate["changes"]["als.regularisation"] == [2.0, 1e6]
    lost = gate["difference"]["ndcg_at_10"]
    assert lost["low"] <= lost["value"] <= lost["high"] < 0
    assert lost["value"] == pytest.approx(
        gate["challenger"]["ndcg_at_10"]["value"] - gate["champion"]["ndcg_at_10"]["value"]
    )
    assert [each["id"] for each in (await get(service, "/v1/releases"))["releases"] if each["active"]] == [before["id"]]
    assert not list(artifacts.glob("*/manifest.json"))

    forced = await to_thread.run_sync(train_with, engine, artifacts, NONSENSE, Wish(forced=True))
    detail = await get(service, f"/v1/releases/{forced.release}")
    assert (detail["active"], detail["gate"]["verdict"], detail["gate"]["forced"]) == (True, "failed", True)
    assert detail["parameters"]["als"]["regularisation"] == 1e6

    # The comparison is of configurations: the way back passes easily, with the same data.
    back = await to_thread.run_sync(train_with, engine, artifacts)
    assert back.gate["verdict"] == "passed"
    assert back.gate["difference"]["ndcg_at_10"]["low"] > 0


async def test_with_few_users_everything_is_published_and_said_to_be_unmeasured(
    service: Service, engine: Engine
) -> None:
    rows = Workers(service.database_url, service.settings.artifacts)
    rows.query("DELETE FROM ratings WHERE user_key > (SELECT min(key) + 100 FROM users)")
    published = await to_thread.run_sync(train_with, engine, service.settings.artifacts, NONSENSE)
    assert published.gate["verdict"] == "insufficient"
    assert 0 < published.gate["users"] < 200
    assert published.gate["champion"] is None


async def test_after_a_rejection_a_scheduled_run_takes_what_has_proved_itself(service: Service, engine: Engine) -> None:
    artifacts = service.settings.artifacts
    with pytest.raises(GateFailed):
        await to_thread.run_sync(train_with, engine, artifacts, NONSENSE)
    rows = Workers(service.database_url, artifacts)
    worker = rows.start("real", schedule="* * * * *")
    try:
        run = await to_thread.run_sync(rows.wait_for, "succeeded", 2)
    finally:
        rows.stop()
    assert worker.poll() is not None
    assert run["cause"] == "schedule"
    assert run["result"]["gate"]["same_configuration"] is True


async def test_a_request_says_what_it_wants_and_a_second_one_adds_to_it(service: Service) -> None:
    plain = (await service.client.post("/v1/training-runs")).json()
    assert (plain["force"], plain["tune_minutes"], plain["gate"]) == (False, None, None)
    forced = (await service.client.post("/v1/training-runs", json={"force": True})).json()
    tuned = (await service.client.post("/v1/training-runs", json={"tune_minutes": 1.5})).json()
    assert forced["id"] == tuned["id"] == plain["id"]
    assert (tuned["force"], tuned["tune_minutes"]) == (True, 1.5)
    for wrong in ({"force": "yes"}, {"tune_minutes": -1}, {"tune_minutes": 1e6}, {"publish": True}, []):
        assert (await service.client.post("/v1/training-runs", json=wrong)).status_code == 422
