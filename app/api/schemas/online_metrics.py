"""What came of the lists, as it is answered."""

from datetime import date
from typing import Any, Self

from pydantic import ConfigDict, Field

from app.api.schemas.base import Answer
from app.services.online_metrics import OnlineLine
from app.services.recommendation_ids import ListKind

_COUNTS: dict[str, Any] = {"impressions": 4120, "clicks": 371, "conversions": 118}
_CLICKED: dict[str, Any] = {"value": 0.09005, "low": 0.08169, "high": 0.09917}
_CONVERTED: dict[str, Any] = {"value": 0.02864, "low": 0.02396, "high": 0.03420}
LINE: dict[str, Any] = {
    "day": "2026-11-21",
    "release": "2026-11-21T04-12-00Z-3f9c",
    "variant": None,
    **_COUNTS,
    "click_through": _CLICKED,
    "conversion_rate": _CONVERTED,
    "items_shown": 1204,
    "coverage": 0.3101,
    "lists": {"recommendations": _COUNTS},
}


class ShareOut(Answer):
    """A share of impressions, with the 95% Wilson score interval."""

    value: float
    low: float
    high: float


class CountsOut(Answer):
    """Items of lists that were shown, and how many of those were clicked or led to a conversion."""

    impressions: int
    clicks: int
    conversions: int


class OnlineMetrics(CountsOut):
    """The lists that were made on one day by one release (and variant of an experiment), and what came of them since."""

    day: date = Field(description="The day, in UTC, on which the lists were made.")
    release: str | None = Field(description="The release that ranked them; null where there was none.")
    variant: str | None = Field(description="The variant of an experiment, where there was one.")
    click_through: ShareOut | None = Field(description="Clicks by impressions; null without impressions.")
    conversion_rate: ShareOut | None = Field(description="Conversions by impressions; null without impressions.")
    items_shown: int = Field(description="How many different items were shown.")
    coverage: float | None = Field(
        description="Their share of the items that the release knows; null where nothing is known of the release."
    )
    lists: dict[ListKind, CountsOut] = Field(description="The same counts by the kind of list.")

    @classmethod
    def of(cls, line: OnlineLine) -> Self:
        """The answer for a line of the counts."""
        day, release, variant = line.position
        shares = {name: getattr(line, name) for name in ("click_through", "conversion_rate")}
        return cls(
            day=day,
            release=release or None,
            variant=variant or None,
            impressions=line.impressions,
            clicks=line.clicks,
            conversions=line.conversions,
            items_shown=line.items_shown,
            coverage=line.coverage,
            lists={kind: CountsOut.model_validate(counts) for kind, counts in line.lists.items()},
            **{name: None if share is None else ShareOut(**share._asdict()) for name, share in shares.items()},
        )


class OnlineMetricsPage(Answer):
    """One page of the lines, newest day first."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"metrics": [LINE], "next_cursor": None}]})

    metrics: list[OnlineMetrics]
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page; null on the last.")
