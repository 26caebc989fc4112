"""Users as they are sent and answered."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from app.api.schemas.base import Answer, ExternalId, Strict
from app.services import limits
from app.services.users import UserSummary

_ATTRIBUTES: dict[str, Any] = {"age_group": "18-24", "country": "DE"}


def _attributes(value: dict[str, Any]) -> dict[str, Any]:
    refusal = limits.refuse_user_attributes(value)
    if refusal is not None:
        raise PydanticCustomError(refusal.code, refusal.detail)  # pyright: ignore[reportArgumentType] - ours, if not literal
    return value


Attributes = Annotated[
    dict[str, Any],
    AfterValidator(_attributes),
    Field(
        description="Whatever you know of the user, an age group or a country say: a JSON object of up to "
        f"{limits.USER_ATTRIBUTES_BYTES} bytes. Who has no history gets what is popular with those who share a "
        "text, number or boolean in it.",
        examples=[_ATTRIBUTES],
    ),
]


class UserIn(Strict):
    """The attributes of a user in full."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"attributes": _ATTRIBUTES}]})

    attributes: Attributes


class UserPatch(Strict):
    """Attributes to change; null takes one away, and what is not named stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"attributes": {"country": "FR", "age_group": None}}]})

    attributes: Attributes


class WrittenUser(Answer):
    """What is stored now, and what the write did."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"outcome": "created", "user_id": "42", "attributes": _ATTRIBUTES}]}
    )

    outcome: Literal["created", "updated"]
    user_id: str
    attributes: dict[str, Any]


class MergeIn(Strict):
    """Whose history to take over."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"from_user_id": "visitor-7f3a"}]})

    from_user_id: ExternalId = Field(
        description="The id under which the visitor was known before.", examples=["visitor-7f3a"]
    )


class MergedUser(Answer):
    """What a merge did."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "outcome": "merged",
                    "user_id": "42",
                    "from_user_id": "visitor-7f3a",
                    "rating_count": 5,
                    "event_count": 12,
                    "alias_until": "2027-02-19T10:15:00Z",
                }
            ]
        }
    )

    outcome: Literal["merged", "unchanged"] = Field(
        description="`unchanged` where both ids stood for one user already."
    )
    user_id: str = Field(description="The user who has it all now.")
    from_user_id: str
    rating_count: int = Field(
        description="How many ratings and undone ratings went over; of two of one item the newest is kept."
    )
    event_count: int = Field(description="How many events went over.")
    alias_until: datetime | None = Field(
        description="Until then the former id stands for the user, in every call; null where that id is the user's own."
    )


class FavouriteCategoryOut(Answer):
    """A category that a user rates at least as highly as all else."""

    name: str
    rating_count: int
    rating_mean: float


class UserOut(Answer):
    """What is known of a user."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "user_id": "42",
                    "attributes": _ATTRIBUTES,
                    "created_at": "2026-11-01T09:00:00Z",
                    "rating_count": 37,
                    "rating_mean": 3.81,
                    "event_count": 112,
                    "first_active_at": "2026-11-01T09:00:00Z",
                    "last_active_at": "2026-11-21T10:15:00Z",
                    "favourite_categories": [{"name": "Drama", "rating_count": 14, "rating_mean": 4.21}],
                    "has_preferences": True,
                    "has_limits": False,
                }
            ]
        }
    )

    user_id: str
    attributes: dict[str, Any]
    created_at: datetime
    rating_count: int
    rating_mean: float | None = Field(description="Null without ratings.")
    event_count: int = Field(description="Without impressions.")
    first_active_at: datetime | None = Field(description="Of the oldest rating or event; null without any.")
    last_active_at: datetime | None = Field(description="Of the newest rating or event; null without any.")
    favourite_categories: list[FavouriteCategoryOut] = Field(
        description="Of the categories rated at least as highly as all else, up to five that are rated most."
    )
    has_preferences: bool
    has_limits: bool = Field(description="Whether the preferences hold any hard limit.")

    @classmethod
    def of(cls, user: UserSummary) -> Self:
        """The answer for a user."""
        return cls.model_validate(user)


class NeighbourOut(Answer):
    """A user like another."""

    user_id: str
    similarity: float = Field(description="From 0 to 1.")
    common_items: int = Field(description="How many of the items that were compared both have rated.")
    item_ids: list[str] = Field(description="Up to five of them, the rarest first.")


class NeighbourList(Answer):
    """The users most like a user, best first."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "neighbours": [
                        {"user_id": "73", "similarity": 0.31, "common_items": 12, "item_ids": ["1921", "3022", "2905"]}
                    ]
                }
            ]
        }
    )

    neighbours: list[NeighbourOut]
