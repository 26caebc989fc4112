"""Sample users as they are answered."""

from typing import Any, Self

from pydantic import ConfigDict, Field

from app.api.schemas.base import Answer
from app.services.sample_users import SampleUser

_EXAMPLE: dict[str, Any] = {
    "user_id": "42",
    "ratings": 187,
    "categories": [{"category": "Film-Noir", "share": 0.09, "lift": 4.2}],
    "favourites": [{"item_id": "1284", "title": "The Big Sleep"}],
}


class TasteOut(Answer):
    """A category that stands out in what a user likes."""

    category: str
    share: float = Field(description="How much of what the user likes is in it, from 0 to 1.")
    lift: float = Field(description="How many times as much that is as is usual.")


class FavouriteOut(Answer):
    """An item that a user rated best."""

    item_id: str
    title: str


class SampleUserOut(Answer):
    """A user with a taste of their own."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    user_id: str
    ratings: int = Field(description="How many items the user has rated.")
    categories: list[TasteOut] = Field(description="What stands out, strongest first.")
    favourites: list[FavouriteOut] = Field(description="Some of the items they rated best.")

    @classmethod
    def of(cls, user: SampleUser) -> Self:
        """The answer for a sample user."""
        return cls(
            user_id=user.user_id,
            ratings=user.ratings,
            categories=[
                TasteOut(category=each.category, share=round(each.share, 4), lift=round(each.lift, 2))
                for each in user.categories
            ],
            favourites=[FavouriteOut(item_id=item_id, title=title) for item_id, title in user.favourites],
        )


class SampleUsers(Answer):
    """A few users with distinct tastes."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"users": [_EXAMPLE]}]})

    users: list[SampleUserOut] = Field(description="Most distinct first; empty where nobody has rated enough.")
