"""The composition root: what a serving process is made of, and in which order it comes up and goes down."""

import asyncio
import gc
import sys
import time
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AbstractContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

from anyio import CancelScope, to_thread
from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from app import __version__, db, migrations, postgres
from app.api import docs
from app.api.access import Gate
from app.api.compression import CompressAnswers, InflateBody
from app.api.deps import Services
from app.api.errors import install_error_handlers
from app.api.middleware import BodyLimit, HeadAsGet, RequestContext
from app.api.routes import (
    events,
    explanation,
    health,
    home,
    items,
    lists,
    metrics,
    online_metrics,
    predictions,
    ratings,
    recommendations,
    releases,
    sample_users,
    search,
    service_metrics,
    training_runs,
    users,
    wishes,
)
from app.api.routing import CanonicalPath
from app.config import Settings
from app.services.breaker import CircuitBreaker
from app.services.conversions import Conversions
from app.services.former_ids import FormerIds
from app.services.history_guard import HistoryGuard
from app.services.key_ring import KeyRing
from app.services.limited_users import LimitedUsers
from app.services.live_engine import LiveEngine
from app.services.popular import can_read_popular
from app.services.signing import open_signer
from app.services.user_export import Exports
from app.services.user_tokens import TokenReader
from app.telemetry import configure_logging
from app.telemetry.metrics import Metrics
from app.telemetry.tracing import telemetry_switches
from app.web.pages import install_pages

T = TypeVar("T")
GAUGE_SECONDS = 1.0
CORS_OPTIONS: dict[str, Any] = {
    "allow_methods": ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
    "allow_headers": ["Authorization", "Content-Type", "Idempotency-Key", "If-None-Match", "X-Request-ID"],
    "expose_headers": [
        "ETag",
        "Idempotent-Replayed",
        "Location",
        "RateLimit",
        "RateLimit-Policy",
        "Retry-After",
        "X-Request-ID",
    ],
    "max_age": 600,
}

# The busiest first: routes are tried in this order.
ROUTERS = (
    recommendations.router,
    ratings.router,
    events.router,
    lists.router,
    search.router,
    explanation.router,
    home.router,
    predictions.router,
    items.router,
    users.router,
    wishes.router,
    health.router,
    training_runs.router,
    releases.router,
    online_metrics.router,
    metrics.router,
    service_metrics.router,
    sample_users.router,
)


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application. Without ``settings`` the process is ours: they come from the environment, and logs are set up."""
    if settings is None:
        settings = Settings()
        configure_logging(settings.log_level, settings.log_format)
    meter = Metrics()
    app = FastAPI(
        telemetry=TelemetryConfig(**telemetry_switches(on=settings.opentelemetry)),
        title="Medley",
        version=__version__,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan(settings, meter),
        middleware=_middleware(settings, meter),
    )
    ring = KeyRing(settings.data_dir)
    app.state.key_ring = ring
    app.state.gate = Gate(settings, ring, TokenReader(ring, settings.user_token_max_seconds, time.time))
    install_error_handlers(app)
    for router in ROUTERS:
        # Not include_router(), which would enter each router on the way to a route: a third of a small request's time.
        app.router.routes.extend(router.routes)
    docs.install_docs(app)
    if settings.pages:
        install_pages(app)
    return app


def _middleware(settings: Settings, meter: Metrics) -> list[Middleware]:
    """What stands around the application, outermost first; what no setting asks for costs nothing."""
    chosen: list[Middleware] = []
    if settings.cors_origins:
        # Outside of everything else, so that a page may read our errors too.
        origins = settings.cors_origins.split(",")
        chosen.append(Middleware(CORSMiddleware, allow_origins=origins, **CORS_OPTIONS))
    if settings.trusted_proxies:
        chosen.append(Middleware(ProxyHeadersMiddleware, trusted_hosts=settings.trusted_proxies))
    chosen.append(Middleware(RequestContext, metrics=meter))
    if settings.gzip_min_bytes:
        chosen.append(Middleware(CompressAnswers, min_bytes=settings.gzip_min_bytes))
    return [
        *chosen,
        Middleware(BodyLimit, max_bytes=settings.max_body_bytes),
        Middleware(InflateBody, max_bytes=settings.max_body_bytes),
        Middleware(CanonicalPath),
        Middleware(HeadAsGet),
    ]


def _lifespan(settings: Settings, meter: Metrics) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        async with AsyncExitStack() as stack:
            app.state.services = services = await open_services(settings, meter, stack)
            await stack.enter_async_context(_followed(app.state.key_ring, services))
            # What is there now stays: without this, each full collection walks all of it, for a tenth of a second.
            gc.collect()
            gc.freeze()
            stack.callback(gc.unfreeze)
            yield

    return lifespan


async def open_services(settings: Settings, meter: Metrics, stack: AsyncExitStack) -> Services:
    """Everything a process holds, opened in order; ``stack`` closes it in the reverse order."""
    signer = await to_thread.run_sync(open_signer, settings)
    url = await stack.enter_async_context(_in_thread(postgres.database_url(settings)))
    if settings.database_url is None:
        # Nobody else looks after the embedded database; any other is migrated by its operators, with `medley db`.
        await to_thread.run_sync(_migrate, url)
    database = await stack.enter_async_context(db.open_database(url, settings))
    live = LiveEngine(database.sessions, settings.release_poll_seconds, artifacts=settings.artifacts)
    breaker = CircuitBreaker(settings.history_failures, settings.history_pause_ms / 1000)
    limited = LimitedUsers(database.sessions, settings.release_poll_seconds, artifacts=settings.artifacts)
    await stack.enter_async_context(_watched(live))
    await limited.look()
    await stack.enter_async_context(_running(limited.watch(), "limited users"))

    async def has_ranking() -> bool:
        return live.serving is not None or await can_read_popular(database.sessions)

    conversions = Conversions(database.sessions, settings)
    await stack.enter_async_context(_running(conversions.run(), "conversions"))
    services = Services(
        settings=settings,
        database=database,
        live=live,
        limited=limited,
        exports=Exports(database.sessions),
        former_ids=FormerIds(database.histories, settings.history_timeout_ms / 1000),
        histories=HistoryGuard(breaker, meter),
        metrics=meter,
        signer=signer,
        conversions=conversions,
        on_items_written=live.apply_items,
        has_ranking=has_ranking,
    )
    await stack.enter_async_context(_running(_record(services), "metrics"))
    return services


@asynccontextmanager
async def _watched(live: LiveEngine) -> AsyncGenerator[None]:
    """The live engine with its first look taken, so that a process that is ready has its release."""
    await live.look()
    async with _running(live.watch(), "live engine"):
        yield


@asynccontextmanager
async def _followed(ring: KeyRing, services: Services) -> AsyncGenerator[None]:
    """The ring with its first look taken, so that a process that is ready knows its keys."""
    await ring.open(services.database.sessions)
    async with _running(ring.watch(services.database.sessions), "keys"):
        yield


async def _record(services: Services) -> None:
    """Keep the gauges true: of several workers, the one that is asked has only files to read the others' from."""
    while True:
        services.record_state()
        await asyncio.sleep(GAUGE_SECONDS)


@asynccontextmanager
async def _running(work: Coroutine[Any, Any, None], name: str) -> AsyncGenerator[None]:
    """Something that goes on in the background until the block is left."""
    task = asyncio.create_task(work, name=name)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


@asynccontextmanager
async def _in_thread(manager: AbstractContextManager[T]) -> AsyncGenerator[T]:
    """A context manager that blocks, entered and left in a thread so that the event loop goes on."""
    value = await to_thread.run_sync(manager.__enter__)
    try:
        yield value
    finally:
        # Shielded: a server that was started must be let go of even while the process is told to stop.
        with CancelScope(shield=True):
            await to_thread.run_sync(manager.__exit__, *sys.exc_info())


def _migrate(url: str) -> None:
    with db.open_sync_engine(url) as engine:
        migrations.upgrade(engine)
