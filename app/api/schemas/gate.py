"""What the gate said of a configuration, and what tuning tried, as they are answered."""

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import ConfigDict, Field

from app.api.schemas.base import Answer

_MEANS: dict[str, Any] = {
    "ndcg_at_10": {"value": 0.0931, "low": 0.0865, "high": 0.0998},
    "hit_rate_at_10": {"value": 0.1714, "low": 0.1601, "high": 0.1825},
}
GATE: dict[str, Any] = {
    "verdict": "passed",
    "forced": False,
    "active": "2026-11-20T10-15-01Z-81d0",
    "same_configuration": False,
    "changes": {"als.factors": [64, 96]},
    "users": 1148,
    "questions": 2000,
    "cut": "2000-12-11T12:44:07Z",
    "tolerance": 0.01,
    "challenger": _MEANS,
    "champion": _MEANS | {"ndcg_at_10": {"value": 0.0912, "low": 0.0847, "high": 0.0979}},
    "difference": {
        "ndcg_at_10": {"value": 0.0019, "low": -0.0004, "high": 0.0041},
        "hit_rate_at_10": {"value": 0.0021, "low": -0.0012, "high": 0.0054},
    },
}
TUNING: dict[str, Any] = {
    "tuned_by": "2026-11-21T10-15-01Z-3f9c",
    "seconds": 598.2,
    "trials": [
        {"changes": {}, "ndcg_at_10": 0.0912, "users": 1010, "kept": True, "seconds": 14.8},
        {"changes": {"als.factors": [64, 96]}, "ndcg_at_10": 0.0931, "users": 1010, "kept": True, "seconds": 9.1},
    ],
}


class IntervalOut(Answer):
    """A mean over users and its 95% interval."""

    value: float
    low: float
    high: float


class GateOut(Answer):
    """How a configuration did on what users took later, beside that of the release that was active."""

    model_config = ConfigDict(json_schema_extra={"examples": [GATE]})

    verdict: Literal["first", "insufficient", "passed", "failed"] = Field(
        description="`first`: there was no active release. `insufficient`: fewer than 200 users to measure by, or an active"
        " release whose configuration this version does not know. `failed`: all of the difference's interval lies below what is"
        " tolerated."
    )
    forced: bool = Field(description="Whether the run was to publish whatever the verdict.")
    active: str | None = Field(description="The release that served when the run began.")
    same_configuration: bool = Field(
        description="Whether that release has the same; then there was nothing to compare."
    )
    changes: dict[str, tuple[Any, Any]] = Field(description="Each parameter that differs from it, as [old, new].")
    users: int = Field(description="How many users were asked about; everybody counts the same.")
    questions: int = Field(description="How many liked items they were asked for, each among all they had not seen.")
    cut: str | None = Field(
        description="Up to when what was measured had learned; null where each user's newest entry was held out instead."
    )
    tolerance: float = Field(description="The share of the active configuration's NDCG that may be lost.")
    challenger: dict[str, IntervalOut] | None = Field(
        description="Of the configuration; null where nothing could be asked."
    )
    champion: dict[str, IntervalOut] | None = Field(description="Of that of the active release; null if not compared.")
    difference: dict[str, IntervalOut] | None = Field(description="Of the same users, by a paired bootstrap.")

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "GateOut | None":
        """What is stored; None for nothing, as of releases made before there was a gate."""
        return cls.model_validate(stored) if stored else None


class TrialOut(Answer):
    """One configuration that was tried."""

    changes: dict[str, tuple[Any, Any]] = Field(description="From where the search began, as [old, new].")
    ndcg_at_10: float
    users: int
    kept: bool = Field(description="Whether it was the best so far.")
    seconds: float


class TuningOut(Answer):
    """Where hyper-parameters were found, and what was tried."""

    model_config = ConfigDict(json_schema_extra={"examples": [TUNING]})

    tuned_by: str | None = Field(
        default=None, description="The release whose training found the parameters; null for the defaults."
    )
    seconds: float = Field(
        default=0.0, description="How long this run has searched; a search that was cut off goes on."
    )
    trials: list[TrialOut] = Field(default=[], description="What this run has tried, in order.")

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        """What is stored."""
        return cls.model_validate({name: value for name, value in stored.items() if name in cls.model_fields})
