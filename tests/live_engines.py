"""What the tests of the engine in use have in common."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from anyio import to_thread
from trained import Service, ids, train_small


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


async def retrain(service: Service) -> str:
    artifacts = service.settings.data_dir / "artifacts"
    published = await to_thread.run_sync(train_small, service.database_url, artifacts)
    return published.release
