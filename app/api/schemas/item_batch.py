"""What a batch answers: an outcome for every row, and their counts."""

from pydantic import ConfigDict, Field

from app.api.schemas.base import Answer
from app.api.schemas.problem import ProblemField


class BatchCounts(Answer):
    """How many rows had each outcome."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    superseded: int = Field(default=0, description="A later row of the same batch has the same id.")
    rejected: int = 0


class ItemOutcome(Answer):
    """What became of one row."""

    position: int = Field(description="Of the row in the batch, from 0.")
    item_id: str | None = Field(description="Null where the row has none that can be read.")
    outcome: str = Field(description="`created`, `updated`, `unchanged`, `superseded` or `rejected`.")
    code: str | None = Field(description="Why the row was rejected: the first of its errors.")
    detail: str | None = Field(description="The same as an English sentence.")
    errors: list[ProblemField] = Field(description="Each offending field; empty unless the row was rejected.")


class ItemBatchResult(Answer):
    """The rows in their order."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "counts": {"created": 1, "updated": 0, "unchanged": 0, "superseded": 0, "rejected": 1},
                    "outcomes": [
                        {
                            "position": 0,
                            "item_id": "318",
                            "outcome": "created",
                            "code": None,
                            "detail": None,
                            "errors": [],
                        },
                        {
                            "position": 1,
                            "item_id": "527",
                            "outcome": "rejected",
                            "code": "required",
                            "detail": "Field required",
                            "errors": [{"pointer": "/items/1/title", "code": "required", "detail": "Field required"}],
                        },
                    ],
                }
            ]
        }
    )

    counts: BatchCounts
    outcomes: list[ItemOutcome]
