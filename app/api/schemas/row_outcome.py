"""What became of one row of a batch, in the part that all batches of feedback share."""

from typing import Any

from pydantic import Field

from app.api.schemas.base import Answer
from app.api.schemas.problem import ProblemField

MAX_BATCH = 10_000


class RowOutcome(Answer):
    """What became of one row."""

    position: int = Field(description="Of the row in the batch, from 0.")
    code: str | None = Field(description="Why the row was rejected: the first of its errors.")
    detail: str | None = Field(description="The same as an English sentence.")
    errors: list[ProblemField] = Field(description="Each offending field; empty unless the row was rejected.")


def accepted_row(position: int, **more: Any) -> dict[str, Any]:
    """An example of a row that was taken."""
    return {"position": position, "code": None, "detail": None, "errors": [], **more}


def rejected_row(position: int, pointer: str, code: str, detail: str, **more: Any) -> dict[str, Any]:
    """An example of a row that was refused because of one field."""
    why = {"code": code, "detail": detail}
    return {"position": position, "outcome": "rejected", **why, "errors": [{"pointer": pointer, **why}], **more}
