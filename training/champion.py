"""The configuration that serves: what the active release's manifest says it was made by, and what later trainings begin with."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Connection, select

from app.models import Release, TrainingRun
from training.fit import Parameters, default_parameters

AUTOMATIC = frozenset({"schedule", "ratings"})
"""Causes of runs that nobody in particular waits for."""

_PARAMETERS = TypeAdapter(Parameters)
_NAMES = frozenset(each.name for each in fields(Parameters))


@dataclass(frozen=True, slots=True)
class Champion:
    """The active ``release`` and its ``parameters``; None where this version cannot read them. ``tuning`` says where they were
    found, if a search found them; ``rejected`` that the newest finished run was turned away at the gate since then."""

    release: str
    parameters: Parameters | None
    tuning: Mapping[str, Any]
    rejected: bool

    @property
    def tuned(self) -> bool:
        """Whether a search found the parameters."""
        return bool(self.tuning.get("tuned_by"))


def read_champion(connection: Connection) -> Champion | None:
    """The active release's configuration, None without an active release."""
    active = select(Release.id, Release.manifest, Release.activated_at).where(Release.active)
    row = connection.execute(active).one_or_none()
    if row is None:
        return None
    ended = (
        select(TrainingRun.state, TrainingRun.finished_at)
        .where(TrainingRun.state.in_(("succeeded", "rejected")))
        .order_by(TrainingRun.key.desc())
        .limit(1)
    )
    last = connection.execute(ended).one_or_none()
    rejected = last is not None and last.state == "rejected" and last.finished_at > row.activated_at
    return Champion(
        row.id, read_parameters(row.manifest.get("parameters", {})), row.manifest.get("tuning", {}), rejected
    )


def first_parameters(champion: Champion | None, n_entries: int, *, careful: bool = False) -> Parameters:
    """What a training on so many entries begins with: what a search has found before, else the defaults for that many; where it
    is ``careful``, whatever the active release has."""
    known = None if champion is None or not (champion.tuned or careful) else champion.parameters
    return known or default_parameters(n_entries)


def read_parameters(document: Mapping[str, Any]) -> Parameters | None:
    """Hyper-parameters as a manifest has them; what it lacks has its default. None where they do not fit this version."""
    try:
        return _PARAMETERS.validate_python({name: value for name, value in document.items() if name in _NAMES})
    except ValidationError:
        return None


def changes_between(old: Parameters, new: Parameters) -> dict[str, tuple[Any, Any]]:
    """The parameters that differ, by their path, as (old, new); empty for the same configuration."""
    one, other = _flat(asdict(old)), _flat(asdict(new))
    return {path: (one[path], other[path]) for path in sorted(one) if one[path] != other[path]}


def _flat(document: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in document.items():
        if isinstance(value, dict) and name != "field_weights":
            found |= _flat(value, f"{prefix}{name}.")  # pyright: ignore[reportUnknownArgumentType]
        else:
            found[prefix + name] = value
    return found
