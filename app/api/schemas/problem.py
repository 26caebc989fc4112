"""What an error answers, RFC 9457."""

from pydantic import Field

from app.api.schemas.base import Answer


class ProblemField(Answer):
    """One offending field."""

    pointer: str = Field(
        description="JSON Pointer: `/items/0/title` into the body; `/query/limit`, `/path/item_id`, `/header/x` elsewhere.",
        examples=["/value"],
    )
    code: str = Field(description="Stable.", examples=["too_large"])
    detail: str = Field(description="An English sentence.", examples=["Input should be less than or equal to 5"])


class Problem(Answer):
    """Why a request was refused, or could not be served."""

    type: str = Field(description="A stable URI.", examples=["urn:medley:problem:invalid_input"])
    title: str = Field(examples=["Invalid input"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["The request cannot be accepted; errors says which fields and why."])
    code: str = Field(description="Stable; the last part of `type`.", examples=["invalid_input"])
    request_id: str | None = Field(description="Also in `X-Request-ID`, and in the log.", examples=["6f1c0a52e9"])
    errors: list[ProblemField] = Field(
        description="Each offending field, at most 100; empty where no field is to blame."
    )
