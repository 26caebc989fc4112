"""The engine in use: what others write is seen, releases are swapped under load, and what is broken is refused."""

import asyncio
import json
import shutil
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
from anyio import to_thread
from structlog.testing import capture_logs
from trained import Service, ServiceStarter, address, checked, ids, item_id, share_of, train_small

from app.config import Settings
from app.services.live_engine import LiveEngine

pytestmark = pytest.mark.anyio

POLL_SECONDS = 0.05
INSERT = "INSERT INTO items (id, title, categories) VALUES (%s, %s, ARRAY['Horror', 'Film'])"


@pytest.fixture
async def watching(trained_settings: Settings, start_service: ServiceStarter) -> AsyncGenerator[Service]:
    """A service that looks for changes often. It waits long for histories: some tests train in the same process."""
    changes = {"release_poll_seconds": POLL_SECONDS, "history_timeout_ms": 5_000}
    async with start_service(trained_settings.model_copy(update=changes)) as started:
        yield started


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.01)


async def popular_horror(service: Service) -> list[str]:
    return ids(await service.popular(category="Horror", limit=100))


def assert_whole(service: Service) -> None:
    serving = service.live.serving
    assert serving is not None
    assert serving.catalogue.n_rows == serving.engine.n_rows == len(serving.engine.similarity.scores(0, "hybrid"))


async def test_a_change_by_another_process_is_seen(watching: Service) -> None:
    with psycopg.connect(watching.database_url, autocommit=True) as other:
        other.execute(INSERT, ["elsewhere", "Crypt Ghoul"])

        async def shown() -> bool:
            return "elsewhere" in await popular_horror(watching)

        await until(shown)
        assert share_of(await watching.similar("elsewhere"), "Horror") == 1.0
        other.execute("UPDATE items SET hidden = true WHERE id IN ('elsewhere', %s)", [item_id("Horror", 0)])

        async def hidden() -> bool:
            return not {"elsewhere", item_id("Horror", 0)} & set(await popular_horror(watching))

        await until(hidden)
    assert_whole(watching)


async def test_a_transaction_that_commits_late_is_not_skipped(service: Service) -> None:
    with psycopg.connect(service.database_url) as late, psycopg.connect(service.database_url, autocommit=True) as soon:
        late.execute(INSERT, ["late", "Crypt"])
        for turn in range(3):
            soon.execute(INSERT, [f"soon-{turn}", "Ghoul"])
            await service.live.look()
            assert f"soon-{turn}" in await popular_horror(service)
        assert "late" not in await popular_horror(service)
        late.commit()
        await service.live.look()
    assert "late" in await popular_horror(service)
    rolled_back = psycopg.connect(service.database_url)
    rolled_back.execute(INSERT, ["never", "Crypt"])
    await service.live.look()
    rolled_back.close()
    await service.live.look()
    assert "never" not in await popular_horror(service)
    assert_whole(service)


async def test_writes_during_looks_double_nothing(watching: Service) -> None:
    async def write(number: int) -> None:
        for turn in range(4):
            await watching.put_another(f"contended-{number % 5}", "Horror", title=f"Ghoul {number} {turn}")

    async def look() -> None:
        for _ in range(20):
            await watching.live.look()

    async def read() -> None:
        for _ in range(20):
            await watching.recommend_for([{"item_id": item_id("Horror", 1), "value": 5}], limit=100)
            assert_whole(watching)

    await asyncio.gather(*(write(n) for n in range(10)), look(), look(), read())
    serving = watching.live.serving
    assert serving is not None
    assert serving.catalogue.n_overlay == 5
    horror = await popular_horror(watching)
    assert {f"contended-{n}" for n in range(5)} <= set(horror)
    titles = {each["item_id"]: each["item"]["title"] for each in (await watching.popular(limit=100))["items"]}
    stored = (await watching.client.get("/v1/items/contended-0")).json()["title"]
    assert titles["contended-0"] == stored


async def test_many_new_items_do_not_hold_up_the_readers(service: Service) -> None:
    live, m = service.live, 1_000
    # As long as the vectors of a large release: rows of zeros are near to nothing, but take as long to look through.
    loaded = live._loaded
    assert loaded is not None
    vectors = loaded.release_vectors
    loaded.release_vectors = np.concatenate([vectors, np.zeros((60_000, vectors.shape[1]), np.float32)])
    with psycopg.connect(service.database_url, autocommit=True) as other:
        other.execute(
            "INSERT INTO items (id, title, categories)"
            " SELECT 'new-' || n, 'Crypt Ghoul ' || n, ARRAY['Horror', 'Film'] FROM generate_series(1, %s) AS n",
            [m],
        )
    stalls: list[float] = []

    async def tick() -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            stalls.append(time.perf_counter() - before)
            assert_whole(service)

    ticker = asyncio.create_task(tick())
    await asyncio.sleep(0.01)
    await live.refresh()
    await asyncio.sleep(0.01)
    assert not ticker.done()
    ticker.cancel()
    assert live.serving is not None
    assert live.serving.catalogue.n_overlay == m
    assert share_of(await service.similar("new-1000"), "Horror") == 1.0
    assert max(stalls) < 1.0  # seconds, on a busy machine; done on the loop, twice as many took eight


async def test_an_item_that_no_release_can_hold_stops_nothing(service: Service) -> None:
    with psycopg.connect(service.database_url, autocommit=True) as other, capture_logs() as logs:
        other.execute(INSERT, ["fine", "Ghoul"])
        other.execute("INSERT INTO items (id, title, released_on) VALUES ('odd', 'Odd', 'infinity')")
        await service.live.look()
        assert [each["event"] for each in logs].count("live_engine.look_failed") == 1
        assert len((await service.popular(limit=100))["items"]) == 100
        assert_whole(service)
        other.execute("UPDATE items SET released_on = NULL WHERE id = 'odd'")
        await service.live.look()
    assert "odd" in ids(await service.similar("fine", limit=100, exclude_category="Film"))


async def retrain(service: Service) -> str:
    artifacts = service.settings.data_dir / "artifacts"
    published = await to_thread.run_sync(train_small, service.database_url, artifacts)
    return published.release


async def test_a_release_is_swapped_in_under_load_without_a_failed_request(watching: Service) -> None:
    await watching.like("fan", "Horror")
    await watching.put_another("before", "Horror")
    first = (await watching.popular())["release"]
    releases: set[str] = set()
    stop = asyncio.Event()

    async def hammer(number: int) -> None:
        addresses = [
            address("users", "fan", "recommendations"),
            address("items", "before", "similar"),
            address("popular"),
            address("users", f"nobody-{number}", "recommendations"),
        ]
        turn = number
        while not stop.is_set():
            turn += 1
            listed = checked(await watching.client.get(addresses[turn % len(addresses)]))
            assert listed["degraded"] == []
            releases.add(listed["release"])

    async def write() -> None:
        for turn in range(400):
            if stop.is_set():
                return
            await watching.put_another(f"during-{turn}", "Horror")
            assert f"during-{turn}" in ids(await watching.popular(category="Horror", limit=100))
            await asyncio.sleep(0.02)

    readers = [asyncio.create_task(hammer(n)) for n in range(4)]
    writer = asyncio.create_task(write())
    try:
        second = await retrain(watching)

        async def swapped() -> bool:
            return (await watching.popular())["release"] == second

        await until(swapped)
        await watching.put_another("after", "Horror")
    finally:
        stop.set()
        await asyncio.gather(*readers, writer)
    assert releases == {first, second}
    horror = ids(await watching.popular(category="Horror", limit=100))
    assert {"before", "after"} <= set(horror)
    assert_whole(watching)


async def test_what_the_new_release_knows_leaves_the_overlay(service: Service) -> None:
    await service.put_another("old", "Horror")
    await service.put_another(item_id("Comedy", 0), "Comedy", hidden=True)
    await retrain(service)
    await service.put_another("newer", "Western")
    await service.live.look()
    serving = service.live.serving
    assert serving is not None
    assert (serving.catalogue.n_rows, serving.catalogue.n_overlay) == (122, 1)
    assert {"old", "newer"} <= set(ids(await service.popular(limit=100, exclude_category="Comedy")))
    assert item_id("Comedy", 0) not in ids(await service.popular(limit=100, category="Comedy"))
    await service.put_another(item_id("Comedy", 0), "Comedy")
    assert item_id("Comedy", 0) in ids(await service.popular(limit=100, category="Comedy"))


def remove_directory(location: Path) -> None:
    shutil.rmtree(location)


def remove_array(location: Path) -> None:
    (location / "content.vectors.npy").unlink()


def remove_manifest(location: Path) -> None:
    (location / "manifest.json").unlink()


def flip_a_bit(location: Path) -> None:
    path = location / "collaborative.factors.npy"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def cut_short(location: Path) -> None:
    path = location / "catalogue.ids.blob.npy"
    path.write_bytes(path.read_bytes()[:-3])


def change_manifest(location: Path, **values: Any) -> None:
    path = location / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def foreign_format(location: Path) -> None:
    change_manifest(location, format=99)


def no_files(location: Path) -> None:
    change_manifest(location, files={})


def foreign_configuration(location: Path) -> None:
    change_manifest(location, configuration={"overall_mean": "high"})


BREAKAGES = [remove_directory, remove_array, remove_manifest, flip_a_bit, cut_short, foreign_format, no_files,
             foreign_configuration]  # fmt: skip


async def test_a_broken_release_is_refused_by_name_and_the_running_one_stays(service: Service, tmp_path: Path) -> None:
    running = (await service.popular())["release"]
    broken = await retrain(service)
    location = service.settings.data_dir / "artifacts" / broken
    sound = tmp_path / "sound"
    shutil.copytree(location, sound)
    for breakage in BREAKAGES:
        shutil.rmtree(location, ignore_errors=True)
        shutil.copytree(sound, location)
        breakage(location)
        service.live._refused = None  # what was refused is not tried again at once
        with capture_logs() as logs:
            await service.live.look()
            await service.live.look()
        refusals = [each for each in logs if each["event"] == "live_engine.release_refused"]
        assert [each["release"] for each in refusals] == [broken], breakage
        assert refusals[0]["reason"], breakage
        assert (await service.popular())["release"] == running
        await service.put_another(f"during {breakage.__name__}", "Horror")
        assert f"during {breakage.__name__}" in await popular_horror(service)
    good = await retrain(service)
    await service.live.look()
    assert (await service.popular())["release"] == good


async def test_a_release_that_was_refused_is_tried_again(service: Service, tmp_path: Path) -> None:
    release = await retrain(service)
    location = service.settings.data_dir / "artifacts" / release
    location.rename(tmp_path / "on its way")
    live = LiveEngine(service.app.state.services.database.sessions, poll_seconds=60, retry_seconds=0.2)

    async def loaded() -> bool:
        await live.look()
        return live.serving is not None and live.serving.release == release

    assert not await loaded()
    (tmp_path / "on its way").rename(location)
    assert not await loaded()
    await until(loaded)


async def test_going_back_to_an_older_release(service: Service) -> None:
    first = (await service.popular())["release"]
    second = await retrain(service)
    for release in (second, first, second):
        with psycopg.connect(service.database_url) as other:
            other.execute("UPDATE releases SET active = false WHERE active")
            other.execute("UPDATE releases SET active = true WHERE id = %s", [release])
        await service.live.look()
        assert (await service.popular())["release"] == release
    with psycopg.connect(service.database_url) as other:
        other.execute("UPDATE releases SET active = false WHERE active")
    await service.live.look()
    assert (await service.popular())["release"] == second
