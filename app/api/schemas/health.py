"""What the health checks answer."""

from typing import Literal

from pydantic import ConfigDict, Field

from app.api.schemas.base import Answer


class Live(Answer):
    """The process answers."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "live"}]})

    status: Literal["live"] = Field(default="live", examples=["live"])


class Ready(Answer):
    """The process can serve lists."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "ready"}]})

    status: Literal["ready"] = Field(default="ready", examples=["ready"])
