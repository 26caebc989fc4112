"""The database tables, and nothing else."""

from app.models.api_key import ApiKey
from app.models.base import Base, ItemId, ItemKey, UserId, UserKey
from app.models.exposure import ExposedItem, Exposure, ExposureCount, ListOrigin
from app.models.feedback import Event, Rating
from app.models.item import Item
from app.models.release import Release, TrainingRun
from app.models.search import SearchPerson, SearchTitle
from app.models.stored_answer import StoredAnswer
from app.models.user import User, UserAlias
from app.models.wishes import UserWishes

__all__ = [
    "ApiKey",
    "Base",
    "Event",
    "ExposedItem",
    "Exposure",
    "ExposureCount",
    "Item",
    "ItemId",
    "ItemKey",
    "ListOrigin",
    "Rating",
    "Release",
    "SearchPerson",
    "SearchTitle",
    "StoredAnswer",
    "TrainingRun",
    "User",
    "UserAlias",
    "UserId",
    "UserKey",
    "UserWishes",
]
