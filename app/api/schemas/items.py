"""Items as they are sent and answered."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self

import orjson
from pydantic import AfterValidator, ConfigDict, Field, SkipValidation, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from app.api.schemas.base import Answer, Date, ExternalId, FreeJson, Instant, Strict, Text, WebAddress
from app.models import Item
from app.services import limits
from app.services.items import ItemFields, Page

MAX_BATCH = 10_000

SHAWSHANK: dict[str, Any] = {
    "title": "The Shawshank Redemption",
    "description": "Two imprisoned men bond over a number of years.",
    "categories": ["Crime", "Drama"],
    "tags": ["prison", "friendship"],
    "people": [{"name": "Frank Darabont", "role": "director"}, {"name": "Morgan Freeman", "role": "actor"}],
    "released_on": "1994-09-23",
    "duration_minutes": 142,
    "certificate": "R",
    "language": "en",
    "image_url": "https://example.com/318.jpg",
    "attributes": {"budget": 25_000_000},
}


def _once(values: list[str]) -> list[str]:
    return list(dict.fromkeys(values)) if len(values) > 1 else values


# Plain text needs no check of its own: a body's strings have been through the strict reader, and a check in Python for
# each of them is what a large batch would wait for.
Label = Annotated[Text, Field(min_length=1, max_length=limits.LONGEST_LABEL)]
Labels = Annotated[
    list[Label],
    Field(max_length=limits.MOST_LABELS, description="A value that is repeated is kept once."),
    AfterValidator(_once),
]
Count = Annotated[int, Field(ge=0, le=limits.MOST_VOTES)]


class Person(Strict):
    """Somebody who took part."""

    name: Annotated[Text, Field(min_length=1, max_length=limits.LONGEST_NAME)]
    role: Annotated[Text, Field(min_length=1, max_length=limits.LONGEST_ROLE)] | None = Field(
        default=None, examples=["director"]
    )


class ItemIn(Strict):
    """An item in full: what is left out is empty afterwards, whatever was stored before."""

    model_config = ConfigDict(json_schema_extra={"examples": [SHAWSHANK]})

    title: Annotated[Text, Field(min_length=1, max_length=limits.LONGEST_TITLE)]
    description: Annotated[Text, Field(max_length=limits.LONGEST_DESCRIPTION)] | None = None
    categories: Labels = Field(default_factory=list[str])
    tags: Labels = Field(default_factory=list[str])
    people: list[Person] = Field(default_factory=list[Person], max_length=limits.MOST_PEOPLE)
    released_on: Date | None = None
    duration_minutes: Annotated[int, Field(ge=0, le=limits.LONGEST_DURATION_MINUTES)] | None = None
    certificate: Annotated[Text, Field(min_length=1, max_length=limits.LONGEST_CERTIFICATE)] | None = None
    language: Annotated[str, Field(max_length=limits.LONGEST_LANGUAGE, pattern=limits.LANGUAGE_PATTERN)] | None = Field(
        default=None, description="A BCP 47 tag.", examples=["en", "pt-BR"]
    )
    image_url: WebAddress | None = None
    url: WebAddress | None = None
    available_from: Instant | None = None
    available_until: Instant | None = Field(default=None, description="Later than `available_from`.")
    votes: Count | None = Field(default=None, description="How many votes the item has elsewhere.")
    vote_mean: Annotated[float, Field(ge=-limits.LARGEST_VOTE_MEAN, le=limits.LARGEST_VOTE_MEAN)] | None = Field(
        default=None, description="Their mean."
    )
    attributes: FreeJson = Field(default_factory=dict[str, Any])
    hidden: bool = Field(default=False, description="Keep the item out of every list.")
    safe_for_all: bool = Field(default=False, description="May be shown even where a user's limits cannot be read.")

    @field_validator("available_until")
    @classmethod
    def _ends_after_it_begins(cls, until: datetime | None, info: ValidationInfo) -> datetime | None:
        begin = info.data.get("available_from")
        if until is not None and begin is not None and until <= begin:
            raise PydanticCustomError("not_after_start", "Must be later than available_from")
        return until

    def fields(self) -> ItemFields:
        """As the service takes it."""
        # vars() and not model_dump(), which would copy every list.
        values: dict[str, Any] = {name: value for name, value in vars(self).items() if name != "item_id"}
        values["people"] = [person.model_dump(exclude_none=True) for person in self.people]
        return ItemFields(**values)


class ItemRow(ItemIn):
    """One item of a batch."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"item_id": "318", **SHAWSHANK}]})

    item_id: ExternalId


class ItemBatch(Strict):
    """Items to store in one transaction. Each row is looked at by itself: a bad one is rejected, the others are stored."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"items": [{"item_id": "318", **SHAWSHANK}, {"item_id": "527", "title": "Schindler's List"}]}]
        }
    )

    items: list[Annotated[ItemRow, SkipValidation]] = Field(
        description=f"Up to {MAX_BATCH} items; of rows with the same `item_id` the last is stored.",
        json_schema_extra={"minItems": 1, "maxItems": MAX_BATCH},
    )


class PersonOut(Answer):
    """Somebody who took part."""

    name: str
    role: str | None = None


_STORED: dict[str, Any] = {
    "item_id": "318",
    "url": None,
    "available_from": None,
    "available_until": None,
    "votes": None,
    "vote_mean": None,
    "hidden": False,
    "safe_for_all": False,
    "created_at": "2026-11-21T10:15:00Z",
    "updated_at": "2026-11-21T10:15:00Z",
    **SHAWSHANK,
}


class StoredItem(Answer):
    """An item of the catalogue."""

    model_config = ConfigDict(json_schema_extra={"examples": [_STORED]})

    item_id: str
    title: str
    description: str | None
    categories: list[str]
    tags: list[str]
    people: list[PersonOut]
    released_on: date | None
    duration_minutes: int | None
    certificate: str | None
    language: str | None
    image_url: str | None
    url: str | None
    available_from: datetime | None
    available_until: datetime | None
    votes: int | None
    vote_mean: float | None
    attributes: dict[str, Any]
    hidden: bool
    safe_for_all: bool
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, item: Item, **more: Any) -> Self:
        """The answer for a stored row."""
        names = cls.model_fields.keys() - more.keys() - {"item_id"}
        return cls(item_id=item.id, **{name: getattr(item, name) for name in names}, **more)


class WrittenItem(StoredItem):
    """What is stored now, and what the write did."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"outcome": "created", **_STORED}]})

    outcome: Literal["created", "updated", "unchanged"]


class RatingStatistics(Answer):
    """What this service's own users say."""

    count: int
    mean: float | None = Field(description="Null without ratings.")


class ItemDetail(StoredItem):
    """An item with its rating statistics."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**_STORED, "ratings": {"count": 329, "mean": 4.43}}]})

    ratings: RatingStatistics


ItemField = Literal[
    "title",
    "description",
    "categories",
    "tags",
    "people",
    "released_on",
    "duration_minutes",
    "certificate",
    "language",
    "image_url",
    "url",
    "available_from",
    "available_until",
    "votes",
    "vote_mean",
    "attributes",
    "hidden",
    "safe_for_all",
    "created_at",
    "updated_at",
    "ratings",
]
"""What the catalogue may show of an item, besides its id."""


class CatalogueItem(Answer):
    """An item of the catalogue: all of it but `ratings`, or what `fields` asks for."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    item_id: str
    title: str = ""
    description: str | None = None
    categories: list[str] = Field(default=[])
    tags: list[str] = Field(default=[])
    people: list[PersonOut] = Field(default=[])
    released_on: date | None = None
    duration_minutes: int | None = None
    certificate: str | None = None
    language: str | None = None
    image_url: str | None = None
    url: str | None = None
    available_from: datetime | None = None
    available_until: datetime | None = None
    votes: int | None = None
    vote_mean: float | None = None
    attributes: dict[str, Any] = Field(default={})
    hidden: bool = False
    safe_for_all: bool = False
    created_at: datetime | None = None
    updated_at: datetime | None = None
    ratings: RatingStatistics | None = None


class ItemPage(Answer):
    """One page of the catalogue."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [_STORED], "next_cursor": None}]})

    items: list[CatalogueItem]
    next_cursor: str | None = Field(
        description="Send it as `cursor`, with the same filters, for the next page; null on the last."
    )


def render_item_page(page: Page, fields: Sequence[ItemField], next_cursor: str | None) -> bytes:
    """The JSON of an :class:`ItemPage` with these fields of each item, or with all that is stored."""
    items = [_shown(item, page.ratings.get(item.key), fields) for item in page.items]
    return orjson.dumps({"items": items, "next_cursor": next_cursor})


def _shown(item: Item, ratings: tuple[int, float] | None, fields: Sequence[ItemField]) -> dict[str, Any]:
    stored = StoredItem.of(item)
    if not fields:
        return stored.model_dump(mode="json")
    shown = stored.model_dump(mode="json", include={"item_id", *fields})
    if "ratings" in fields:
        count, mean = ratings or (0, None)
        shown["ratings"] = {"count": count, "mean": mean}
    return shown
