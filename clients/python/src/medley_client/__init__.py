"""A typed client of the Medley recommendation service, sync and async."""

from medley_client.clients import AsyncMedley, Medley
from medley_client.errors import (
    Invalid,
    MedleyError,
    NotAllowed,
    NotFound,
    Refused,
    TooManyRequests,
    Unavailable,
    Unreachable,
)
from medley_client.tokens import user_token

__all__ = [
    "AsyncMedley",
    "Invalid",
    "Medley",
    "MedleyError",
    "NotAllowed",
    "NotFound",
    "Refused",
    "TooManyRequests",
    "Unavailable",
    "Unreachable",
    "user_token",
]
