"""Preferences, hard limits and suppressions as they are sent and answered."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from app.api.schemas.base import Answer, ExternalId, Instant, Strict
from app.api.schemas.items import Label
from app.services import limits, stated
from app.services.wishes import StoredPreferences, Suppression

MOST_STATED = 100
"""How many categories, people or items each list of preferences holds."""

LONGEST_SUPPRESSION_DAYS = 3_650

_PREFERENCES: dict[str, Any] = {
    "liked": {"categories": ["Comedy", "Crime"], "people": ["Bill Murray"], "items": ["318"]},
    "disliked": {"categories": ["Horror"], "people": [], "items": []},
    "limits": {"max_duration": 150, "certificates": ["G", "PG"], "languages": ["en"], "exclude_categories": ["War"]},
}


def _once(values: list[str]) -> list[str]:
    return list(dict.fromkeys(values))


Name = Annotated[str, Field(min_length=1, max_length=limits.LONGEST_NAME)]
Labels = Annotated[list[Label], Field(max_length=MOST_STATED), AfterValidator(_once)]
Names = Annotated[list[Name], Field(max_length=MOST_STATED), AfterValidator(_once)]
Ids = Annotated[list[ExternalId], Field(max_length=MOST_STATED), AfterValidator(_once)]
Certificate = Annotated[str, Field(min_length=1, max_length=limits.LONGEST_CERTIFICATE)]
Language = Annotated[str, Field(max_length=limits.LONGEST_LANGUAGE, pattern=limits.LANGUAGE_PATTERN)]
Certificates = Annotated[list[Certificate], Field(max_length=MOST_STATED), AfterValidator(_once)]
Languages = Annotated[list[Language], Field(max_length=MOST_STATED), AfterValidator(_once)]
_NOTHING: list[str] = []


class TastesIn(Strict):
    """What somebody likes, or does not. A value that is repeated is kept once."""

    categories: Labels = Field(
        default=_NOTHING, description="Names of categories, in any catalogue.", examples=[["Comedy"]]
    )
    people: Names = Field(
        default=_NOTHING, description="Names of people, as items have them.", examples=[["Bill Murray"]]
    )
    items: Ids = Field(default=_NOTHING, description="Ids of items in the catalogue.", examples=[["318"]])

    def as_tastes(self) -> stated.Tastes:
        """As the services take them."""
        return stated.Tastes(tuple(self.categories), tuple(self.people), tuple(self.items))


class LimitsIn(Strict):
    """Hard limits: what no list for this user ever holds. A limit that is left out, or empty, limits nothing. An item whose
    duration, certificate or language is not known passes no limit on it."""

    max_duration: Annotated[int, Field(ge=1, le=limits.LONGEST_DURATION_MINUTES)] | None = Field(
        default=None, description="In minutes.", examples=[150]
    )
    certificates: Certificates = Field(default=_NOTHING, description="Only these.", examples=[["G", "PG"]])
    languages: Languages = Field(default=_NOTHING, description="Only these.", examples=[["en"]])
    exclude_categories: Labels = Field(default=_NOTHING, description="None of these.", examples=[["Horror"]])

    def as_limits(self) -> stated.HardLimits:
        """As the services take them."""
        return stated.HardLimits(
            self.max_duration, tuple(self.certificates), tuple(self.languages), tuple(self.exclude_categories)
        )


class PreferencesIn(Strict):
    """What a user states in full: what is left out is empty afterwards, whatever was stored before."""

    model_config = ConfigDict(json_schema_extra={"examples": [_PREFERENCES]})

    liked: TastesIn = Field(default=TastesIn(), description="What they like.")
    disliked: TastesIn = Field(default=TastesIn(), description="What they do not like. It may still be shown.")
    limits: LimitsIn = Field(default=LimitsIn(), description="What must never be shown to them.")

    @model_validator(mode="after")
    def _not_both(self) -> Self:
        for field in ("categories", "people", "items"):
            both = set(getattr(self.liked, field)) & set(getattr(self.disliked, field))
            if both:
                raise PydanticCustomError(
                    "liked_and_disliked", "The same {field} cannot be liked and disliked", {"field": field}
                )
        return self

    def as_preferences(self) -> stated.Preferences:
        """As the services take them."""
        return stated.Preferences(self.liked.as_tastes(), self.disliked.as_tastes(), self.limits.as_limits())


class TastesOut(Answer):
    """What somebody likes, or does not."""

    categories: list[str]
    people: list[str]
    items: list[str] = Field(description="Ids of items.")


class LimitsOut(Answer):
    """Hard limits; an empty list limits nothing."""

    max_duration: int | None = Field(description="In minutes; null for no limit.")
    certificates: list[str]
    languages: list[str]
    exclude_categories: list[str]


class PreferencesOut(Answer):
    """What a user has stated."""

    model_config = ConfigDict(json_schema_extra={"examples": [_PREFERENCES | {"updated_at": "2026-11-21T10:15:00Z"}]})

    liked: TastesOut
    disliked: TastesOut
    limits: LimitsOut
    updated_at: datetime | None = Field(description="Null for a user who has stated nothing.")

    @classmethod
    def of(cls, stored: StoredPreferences) -> Self:
        """The answer for stored preferences."""
        given = stored.preferences
        return cls(
            liked=TastesOut.model_validate(given.liked),
            disliked=TastesOut.model_validate(given.disliked),
            limits=LimitsOut.model_validate(given.limits),
            updated_at=stored.updated_at,
        )


class SuppressionIn(Strict):
    """For how long: until a time, for a number of days, or for good."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"days": 30}]})

    expires_at: Instant | None = Field(default=None, description="Until then.")
    days: Annotated[int, Field(ge=1, le=LONGEST_SUPPRESSION_DAYS)] | None = Field(
        default=None, description="For so many days from now.", examples=[30]
    )

    @model_validator(mode="after")
    def _not_both(self) -> Self:
        if self.expires_at is not None and self.days is not None:
            raise PydanticCustomError("expires_twice", "Give `expires_at` or `days`, not both")
        return self

    def end(self, now: datetime) -> datetime | None:
        """When it ends; None for never."""
        return self.expires_at if self.days is None else now + timedelta(days=self.days)


class SuppressionOut(Answer):
    """An item or a category that a user does not want to see."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"kind": "item", "id": "318", "expires_at": "2026-12-21T10:15:00Z"}]}
    )

    kind: Literal["item", "category"]
    id: str = Field(description="The id of the item, or the name of the category.")
    expires_at: datetime | None = Field(description="When it may be shown again; null for never.")

    @classmethod
    def of(cls, suppression: Suppression) -> Self:
        """The answer for a suppression."""
        subject = suppression.subject
        if subject.item_id is None:
            return cls(kind="category", id=subject.category or "", expires_at=suppression.expires_at)
        return cls(kind="item", id=subject.item_id, expires_at=suppression.expires_at)


class SuppressionList(Answer):
    """All that a user suppresses now."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"suppressions": [{"kind": "category", "id": "Horror", "expires_at": None}]}]}
    )

    suppressions: list[SuppressionOut] = Field(description="Items by id, then categories by name.")
