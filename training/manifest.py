"""What a release says of itself."""

import importlib.metadata
import platform
from datetime import UTC, datetime
from typing import Any

from app.engine.artifact import Manifest
from training.fit import Fit
from training.snapshot import DatabaseSnapshot
from training.verdict import Gate

LIBRARIES = ("numpy", "scipy", "scikit-learn", "implicit")


def manifest_of(
    data: DatabaseSnapshot,
    fit: Fit,
    *,
    release: str,
    now: datetime,
    parameters: dict[str, Any],
    metrics: dict[str, Any],
    gate: Gate,
    tuning: dict[str, Any],
) -> Manifest:
    """The manifest of a fit on this data; the files are not in it yet."""
    window, feedback = data.snapshot.window, data.snapshot.feedback
    return Manifest(
        release=release,
        created_at=now.isoformat(),
        data_from=_instant(window[0]) if window else None,
        data_until=_instant(window[1]) if window else None,
        catalogue_seen=data.catalogue_seen,
        counts={
            "items": len(data.snapshot.items),
            "users": feedback.n_users,
            "ratings": int(feedback.rated.sum()),
            "events": int((~feedback.rated).sum()),
        },
        configuration=fit.configuration.as_document(),
        parameters=parameters,
        metrics=metrics,
        libraries={"python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in LIBRARIES},
        gate=gate.as_document(),
        tuning=tuning,
    )


def _instant(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
