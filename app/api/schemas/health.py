"""What the health checks answer."""

from typing import Literal

from pydantic import Field

from app.api.schemas.base import Answer


class Live(Answer):
    """The process answers."""

    status: Literal["live"] = Field(default="live", examples=["live"])


class Ready(Answer):
    """The process can serve lists."""

    status: Literal["ready"] = Field(default="ready", examples=["ready"])
