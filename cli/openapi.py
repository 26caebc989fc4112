"""``medley openapi``: writes the description of the API that is kept in docs/openapi.json."""

import json
from pathlib import Path
from typing import Annotated

import typer

from app.config import Settings
from app.main import create_app
from cli.console import say


def openapi(
    path: Annotated[Path, typer.Argument(help="The file to write.")] = Path("docs/openapi.json"),
) -> None:
    """Write OpenAPI 3.1 of this version to a file."""
    path.write_text(render_openapi(), encoding="utf-8")
    say(f"Wrote {path}")


def render_openapi() -> str:
    """The description, laid out so that a change to it can be read as a difference of lines."""
    # No setting changes the description, so those of whoever runs this must not matter.
    return json.dumps(create_app(Settings.model_construct()).openapi(), indent=2, ensure_ascii=False) + "\n"
