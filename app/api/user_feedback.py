"""What a user has rated and done, as every personal answer reads it."""

from datetime import datetime
from functools import partial

from app.api.deps import Services
from app.config import Settings
from app.engine.predicted_rating import RatingScale
from app.errors import Unavailable
from app.services.history import NO_FEEDBACK, UNREAD, UserFeedback, read_feedback
from app.services.opinions import VOTE_SCALE


def scale_of(settings: Settings) -> RatingScale:
    """The scale that ratings are given on."""
    return RatingScale(settings.rating_min, settings.rating_max)


def vote_share_of(settings: Settings) -> float:
    """What brings votes from elsewhere to the scale of the ratings."""
    return settings.rating_max / VOTE_SCALE


async def read_user_feedback(services: Services, user_id: str, now: datetime) -> tuple[UserFeedback, tuple[str, ...]]:
    """What the user has rated, done and stated, and what was missing: without the database everybody is a newcomer, and who may
    have hard limits is shown only what is safe for all."""
    try:
        database, settings = services.database, services.settings
        read = partial(
            read_feedback,
            database.histories,
            user_id,
            settings.history_timeout_ms,
            kinds=settings.event_kinds,
            now=now,
        )
        feedback = await services.histories.run(read)
    except Unavailable:
        if services.limited.may_be_limited(user_id):
            return UNREAD, ("database", "limits")
        return NO_FEEDBACK, ("database",)
    if feedback.stated.preferences.limits:
        services.limited.note(user_id)
    return feedback, ()
