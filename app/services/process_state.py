"""Tells the metrics what this process holds: its release, its overlay, its pools."""

from datetime import datetime
from typing import cast

from sqlalchemy.pool import QueuePool

from app.db import Database
from app.services.breaker import CircuitBreaker
from app.services.live_engine import LiveEngine
from app.telemetry.metrics import Metrics


def record_state(metrics: Metrics, database: Database, live: LiveEngine, breaker: CircuitBreaker) -> None:
    """Set every gauge to what is now."""
    manifest, serving = live.manifest, live.serving
    if manifest is not None and serving is not None:
        created = datetime.fromisoformat(manifest.created_at).timestamp()
        metrics.release_served(manifest.release, created, serving.catalogue.n_overlay)
    metrics.requests_in_flight()
    metrics.trouble(release_refused=live.refused is not None, breaker_open=breaker.is_open)
    _record_pools(metrics, database)


def _record_pools(metrics: Metrics, database: Database) -> None:
    state = database.histories.take_state()
    metrics.pool_state("histories", used=state.size - state.idle, idle=state.idle)
    metrics.pool_waited("histories", state.waits, state.wait_seconds)
    pool = cast("QueuePool", database.engine.pool)
    metrics.pool_state("requests", used=pool.checkedout(), idle=pool.checkedin())
