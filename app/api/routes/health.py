"""Health checks for orchestrators."""

from sqlalchemy import text

from app.api.access import open_to_all
from app.api.deps import Services, ServicesDep
from app.api.errors import OUTAGES
from app.api.routing import Router
from app.api.schemas.health import Live, Ready
from app.errors import Unavailable
from app.services.deadlines import run_within

PATIENCE_SECONDS = 1.0
router = Router(prefix="/health", tags=["Health"])


@router.get("/live", operation_id="get_liveness", summary="Is the process alive")
@open_to_all
async def get_liveness() -> Live:
    """Answers as long as the process does, whatever it can reach."""
    return Live()


@router.get("/ready", operation_id="get_readiness", summary="Can the process serve lists")
@open_to_all
async def get_readiness(services: ServicesDep) -> Ready:
    """Ready with an engine or a popularity list at hand, even while the database is away; else with a database."""
    if await services.has_ranking() or await _database_answers(services):
        return Ready()
    raise Unavailable("There is no release to serve from yet and the database does not answer.", code="not_ready")


async def _database_answers(services: Services) -> bool:
    async def ask() -> None:
        async with services.database.sessions() as session:
            await session.execute(text("SELECT 1"))

    try:
        await run_within(PATIENCE_SECONDS, ask())
    except OUTAGES:  # a TimeoutError is one
        return False
    return True
