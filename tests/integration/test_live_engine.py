"""The engine in use: what others write is seen, whenever it is committed, and many new items hold nobody up."""

import asyncio
import time

import numpy as np
import psycopg
import pytest
from live_engines import assert_whole, popular_horror, until
from structlog.testing import capture_logs
from trained import Service, ids, item_id, share_of

pytestmark = pytest.mark.anyio


INSERT = "INSERT INTO items (id, title, categories) VALUES (%s, %s, ARRAY['Horror', 'Film'])"


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
    # As long as the tastes of a large release: rows of zeros are near to nothing, but take as long to look through.
    loaded = live._loaded
    assert loaded is not None
    tastes = loaded.release_tastes
    loaded.release_tastes = np.concatenate([tastes, np.zeros((60_000, tastes.shape[1]), np.float32)])
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
