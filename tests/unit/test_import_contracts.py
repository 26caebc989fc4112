"""Every import contract in pyproject.toml holds, and is seen to break when one import offends against it."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("app", "training", "cli")
LINT_IMPORTS = "from importlinter.cli import lint_imports_command; lint_imports_command()"

OFFENCES = [
    ("Layers, highest first", "training/offence.py", "import cli"),
    ("Layers, highest first", "app/api/offence.py", "import app.main"),
    ("Layers, highest first", "app/api/offence.py", "import app.web"),
    ("Layers, highest first", "app/services/offence.py", "import app.api"),
    ("Layers, highest first", "app/engine/offence.py", "import app.services"),
    ("Layers, highest first", "app/models/offence.py", "import app.engine"),
    ("Layers, highest first", "app/db.py", "import app.models"),
    ("Layers, highest first", "app/config.py", "import app.db"),
    (
        "FastAPI and Starlette are known in app.api, app.web and app.main only",
        "app/services/offence.py",
        "import fastapi",
    ),
    ("FastAPI and Starlette are known in app.api, app.web and app.main only", "cli/offence.py", "import starlette"),
    ("The engine knows no database and no HTTP", "app/engine/offence.py", "import sqlalchemy"),
    ("The engine knows no database and no HTTP", "app/engine/offence.py", "import httpx"),
    ("Serving imports no fitting library", "app/engine/offence.py", "import implicit"),
    ("Serving imports no fitting library", "app/services/offence.py", "import pandas"),
    ("Serving imports no fitting library", "app/main.py", "import training"),
    ("Training knows no HTTP server", "training/offence.py", "import app.api"),
    ("Training knows no HTTP server", "training/offence.py", "import uvicorn"),
    ("implicit has one adapter", "training/offence.py", "import implicit"),
    ("implicit has one adapter", "cli/offence.py", "import implicit"),
    ("scikit-learn has one adapter", "training/offence.py", "import sklearn"),
    ("pygal has one adapter", "training/offence.py", "import pygal"),
]


def declared_contracts() -> list[dict[str, Any]]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]


def lint_imports(tree: Path) -> dict[str, str]:
    """What import-linter says of each contract in this tree: ``KEPT`` or ``BROKEN``."""
    command = [
        sys.executable,
        "-c",
        LINT_IMPORTS,
        "--no-cache",
        "--no-logo",
    ]
    environment = os.environ | {"PYTHONPATH": str(tree), "COLUMNS": "200", "NO_COLOR": "1"}
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, timeout=60, check=False)
    verdicts = dict(re.findall(r"^(.+?) (KEPT|BROKEN)$", done.stdout, re.MULTILINE))
    assert verdicts, done.stdout + done.stderr
    assert (done.returncode == 0) == ("BROKEN" not in verdicts.values())
    return verdicts


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the packages and the contracts, to offend in."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_every_contract_holds_without_an_offence(tree: Path) -> None:
    assert lint_imports(tree) == {contract["name"]: "KEPT" for contract in declared_contracts()}


@pytest.mark.parametrize(("contract", "module", "offence"), OFFENCES, ids=lambda value: value.replace(" ", "-"))
def test_an_offence_breaks_its_contract(tree: Path, contract: str, module: str, offence: str) -> None:
    with (tree / module).open("a") as file:
        file.write(f"\n{offence}\n")

    assert lint_imports(tree)[contract] == "BROKEN"


def test_every_contract_has_an_offence() -> None:
    assert {contract for contract, _, _ in OFFENCES} == {contract["name"] for contract in declared_contracts()}


def test_every_module_has_its_layer() -> None:
    """A layer that nobody names constrains nobody."""
    (layers,) = (contract["layers"] for contract in declared_contracts() if contract["type"] == "layers")
    named = {module.strip() for layer in layers for module in layer.split("|")}
    found = {
        f"app.{path.stem}"
        for path in (ROOT / "app").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }

    assert found - {"app.__init__"} == {module for module in named if module.startswith("app.")}
