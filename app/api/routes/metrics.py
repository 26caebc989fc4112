"""Measures for Prometheus."""

from anyio import to_thread
from fastapi import Response

from app.api.access import requires
from app.api.deps import ServicesDep
from app.api.routing import Router
from app.telemetry.metrics import CONTENT_TYPE

router = Router(tags=["Health"])
_EXAMPLE = "# TYPE medley_release_refused gauge\nmedley_release_refused 0.0\n"


@router.get(
    "/metrics",
    operation_id="get_metrics",
    summary="Measures for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}, "example": _EXAMPLE}}}},
)
@requires("read")
async def get_metrics(services: ServicesDep) -> Response:
    """Counts, times and states of all workers of this server, in Prometheus' text format."""
    services.record_state()
    # Several workers' files are read and added up.
    body = await to_thread.run_sync(services.metrics.render)
    return Response(body, media_type=CONTENT_TYPE)
