"""How the service does, as it is answered."""

from datetime import datetime
from typing import Any

from pydantic import ConfigDict, Field

from app.api.schemas.base import Answer

_EXAMPLE: dict[str, Any] = {
    "as_of": "2026-11-21T10:15:00Z",
    "hours": [{"start": "2026-11-21T10:00:00Z", "ratings": 412, "events": 1893, "impressions": 30211}],
    "history_lengths": [{"least": 20, "most": 49, "users": 183}],
    "totals": {"users": 610, "items": 9742, "ratings": 100836, "events": 0},
    "database": {"latency_ms": 0.6, "size_bytes": 48234496, "connections": 14, "training_workers": 1},
}


class HourOut(Answer):
    """What arrived within an hour, by the times that clients gave."""

    start: datetime = Field(description="When the hour begins.")
    ratings: int = Field(
        description="Newest ratings of that time; one that was replaced since counts where the newer one is."
    )
    events: int = Field(description="Events other than impressions.")
    impressions: int


class LengthClassOut(Answer):
    """Users with so many ratings."""

    least: int
    most: int | None = Field(description="Null for the last class, which has no end.")
    users: int = Field(description="Of the users that were looked at: a sample where there are many.")


class TotalsOut(Answer):
    """How many there are, as the database estimates."""

    users: int
    items: int
    ratings: int
    events: int


class DatabaseOut(Answer):
    """What the database says of itself."""

    latency_ms: float = Field(description="How long the smallest question took.")
    size_bytes: int
    connections: int
    training_workers: int = Field(
        description="How many `medley worker` are connected; seen only where they use the role that the service uses."
    )


class ServiceMetrics(Answer):
    """How the service does, as far as the database knows."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    as_of: datetime
    hours: list[HourOut] = Field(description="Oldest first, the running hour last.")
    history_lengths: list[LengthClassOut]
    totals: TotalsOut
    database: DatabaseOut
