"""What the child process of a worker does in tests of the worker: all that it does in earnest, but for the fitting itself.

The libraries that fit take seconds to load, and no test of the worker is about what they find.
"""

import json
import shutil
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Engine, select

from app.models import Release
from training.fit_process import FitTask, fit_and_answer
from training.runs import STAGES, ActiveRun


def fit_quickly(task: FitTask, answers: Any) -> None:
    """Answer with a copy of the active release."""
    _fit(task, answers, _copy_active)


def fit_endlessly(task: FitTask, answers: Any) -> None:
    """Come as far as the fit, and stay there."""
    _fit(task, answers, _stay)


def _fit(task: FitTask, answers: Any, build: Any) -> None:
    sys.modules["training.fit"] = SimpleNamespace(report_nothing=lambda *_: None)  # type: ignore[assignment]
    sys.modules["training.pipeline"] = SimpleNamespace(build_artifact=build, Plan=lambda *_: None)  # type: ignore[assignment]
    fit_and_answer(task, answers)


def _copy_active(engine: Engine, artifacts: Path, run: ActiveRun, plan: object, report: Any) -> Path:
    for stage in STAGES[:-1]:
        report(stage, 0.0)
    with engine.connect() as connection:
        active = connection.execute(select(Release.location).where(Release.active)).scalar_one()
    release = run.release
    shutil.copytree(active, artifacts / release)
    manifest = artifacts / release / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"release": release}))
    return artifacts / release


def _stay(engine: Engine, artifacts: Path, run: ActiveRun, plan: object, report: Any) -> Path:
    for stage in STAGES[: STAGES.index("fit")]:
        report(stage, 0.0)
    while True:
        report("fit", 0.5)
        time.sleep(0.2)
