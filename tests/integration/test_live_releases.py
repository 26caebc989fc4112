"""Releases in use: swapped under load, taken back, and refused by name when they are broken."""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import psycopg
import pytest
from live_engines import assert_whole, popular_horror, retrain, until
from structlog.testing import capture_logs
from trained import Service, address, checked, ids, item_id

from app.services.live_engine import LiveEngine

pytestmark = pytest.mark.anyio


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
    live = LiveEngine(service.app.state.services.database.sessions, poll_seconds=60, retry_seconds=2)

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
