"""Releases as they are answered. Where an artifact lies is nobody's business here."""

from datetime import datetime
from typing import Any, Self

from pydantic import ConfigDict, Field

from app.api.schemas.base import Answer
from app.api.schemas.gate import GATE, TUNING, GateOut, TuningOut
from app.api.schemas.training_runs import METRICS
from app.models import Release

_SUMMARY: dict[str, Any] = {
    "id": "2026-11-21T10-15-01Z-3f9c",
    "active": True,
    "created_at": "2026-11-21T10:16:12Z",
    "activated_at": "2026-11-21T10:16:12Z",
    "collected_at": None,
    "data_from": "1996-03-29T18:36:55Z",
    "data_until": "2026-11-21T10:14:58Z",
    "counts": {"items": 9742, "users": 610, "ratings": 100836},
    "metrics": METRICS,
    "gate": GATE,
}
_DETAIL: dict[str, Any] = _SUMMARY | {
    "parameters": {"als": {"factors": 64, "iterations": 12}},
    "tuning": TUNING,
    "libraries": {"numpy": "2.4.6"},
}


class ReleaseSummary(Answer):
    """One release."""

    model_config = ConfigDict(json_schema_extra={"examples": [_SUMMARY]})

    id: str
    active: bool = Field(description="Whether it is the one to serve. Every worker follows within seconds.")
    created_at: datetime
    activated_at: datetime | None = Field(description="When it was last made the active one; null if it never was.")
    collected_at: datetime | None = Field(
        description="When its artifact was deleted to make room; from then on it cannot be activated."
    )
    data_from: datetime | None = Field(description="The oldest rating it has learned from; null without ratings.")
    data_until: datetime | None = Field(description="The newest.")
    counts: dict[str, int] = Field(description="How much it has learned from.")
    metrics: dict[str, Any] = Field(description="What was measured on held-out data.")
    gate: GateOut | None = Field(
        description="The verdict that let it through; null of releases made before there was a gate."
    )

    @classmethod
    def of(cls, release: Release) -> Self:
        """The answer for a registered release."""
        manifest = release.manifest
        taken = manifest.keys() & cls.model_fields.keys() - _COLUMNS - {"gate", "tuning"}
        stored = {name: getattr(release, name) for name in _COLUMNS}
        told: dict[str, Any] = {"gate": GateOut.of(manifest.get("gate", {}))}
        if "tuning" in cls.model_fields:
            told["tuning"] = TuningOut.of(manifest.get("tuning", {}))
        return cls(**stored, **told, **{name: manifest[name] for name in taken})


class ReleaseDetail(ReleaseSummary):
    """One release, with what it was made by."""

    model_config = ConfigDict(json_schema_extra={"examples": [_DETAIL]})

    parameters: dict[str, Any] = Field(description="Every hyper-parameter of the fits.")
    tuning: TuningOut = Field(description="Where they were found.")
    libraries: dict[str, str] = Field(description="Versions of what fitted it.")


class ReleasePage(Answer):
    """One page of the releases."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"releases": [_SUMMARY], "next_cursor": None}]})

    releases: list[ReleaseSummary]
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page; null on the last.")


_COLUMNS = {"id", "active", "created_at", "activated_at", "collected_at", "data_from", "data_until"}
