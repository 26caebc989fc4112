"""A history that a request brings along: checked as a whole, and made into the user it describes."""

from datetime import datetime, timedelta

import numpy as np

from app.api.schemas.lists import HistoryEntry, HistoryIn
from app.config import Settings
from app.errors import FieldError, InvalidInput
from app.event_kinds import EventKinds
from app.services.catalogue import Catalogue
from app.services.event_rules import NO_EVENTS, EventRules, Events
from app.services.events import EventLimits
from app.services.history import KnownUser, describe_user

MAX_ERRORS = 20


def check_history(body: HistoryIn, settings: Settings) -> None:
    """Refuse ratings off the scale, events of unknown kinds, and entries that are neither or both."""
    limits = EventLimits.of(settings)
    errors: list[FieldError] = []
    for position, entry in enumerate(body.history):
        offence = _offence(entry, settings, limits)
        if offence:
            errors.append(FieldError(f"/history/{position}{offence.pointer}", offence.code, offence.detail))
    if errors:
        raise InvalidInput("The history cannot be used.", code=errors[0].code, errors=errors[:MAX_ERRORS])


def _offence(entry: HistoryEntry, settings: Settings, limits: EventLimits) -> FieldError | None:
    if entry.kind is not None:
        if entry.rated_at is not None:
            return FieldError("/rated_at", "unknown_field", "An event has `occurred_at`.")
        return limits.offence_of_kind(entry.kind, entry.value)
    if entry.occurred_at is not None:
        return FieldError("/occurred_at", "unknown_field", "A rating has `rated_at`.")
    if entry.value is None:
        return FieldError("/value", "required", "Field required")
    if not settings.rating_min <= entry.value <= settings.rating_max:
        return FieldError(
            "/value", "off_scale", f"Must lie between {settings.rating_min:g} and {settings.rating_max:g}"
        )
    return None


def posted_user(
    body: HistoryIn, catalogue: Catalogue, overall_mean: float, kinds: EventKinds, now: datetime
) -> KnownUser:
    """The user whom the body describes. An entry without a time is newer than all before it, and never too old to count."""
    rules = EventRules.of(kinds)
    ratings: dict[int, tuple[float, float]] = {}
    events: list[tuple[int, int, float, float]] = []
    newest = 0.0
    for entry in body.history:
        instant = entry.occurred_at or entry.rated_at
        clock = instant.timestamp() if instant else newest + 1.0
        newest = max(newest, clock)
        row = catalogue.row_of(entry.item_id)
        if row is None:
            continue
        if entry.kind is not None:
            if _counts(rules, entry, now):
                value = np.nan if entry.value is None else entry.value
                events.append((row, rules.codes[entry.kind], value, clock))
        elif entry.value is not None and (row not in ratings or clock >= ratings[row][1]):
            ratings[row] = (entry.value, clock)
    pairs = np.array(list(ratings.values()), np.float64).reshape(-1, 2)
    done = _as_events(events)
    user = describe_user(np.array(list(ratings), np.int64), pairs[:, 0], pairs[:, 1], done, overall_mean, kinds)
    seen = done.items[rules.seen_by(done.codes, done.values)]
    return KnownUser(user.history, user.values, np.concatenate([user.seen, seen]), user.causes)


def _counts(rules: EventRules, entry: HistoryEntry, now: datetime) -> bool:
    days = rules.kinds[entry.kind or ""].expires_after_days
    return days is None or entry.occurred_at is None or entry.occurred_at > now - timedelta(days=days)


def _as_events(rows: list[tuple[int, int, float, float]]) -> Events:
    if not rows:
        return NO_EVENTS
    items, codes, values, times = zip(*rows, strict=True)
    return Events(
        np.array(items, np.int64), np.array(codes, np.int16), np.array(values, np.float64), np.array(times, np.float64)
    )
