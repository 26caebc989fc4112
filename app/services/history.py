"""Reads what a user has rated and done, in one round trip and one row."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import numpy as np
import psycopg
from numpy.typing import NDArray

from app.engine.arrays import NO_ROWS, BoolArray, DoubleArray, RowArray
from app.engine.history import (
    EMPTY,
    History,
    feedback_history,
    mean_ages,
    newest_entries,
    rating_preferences,
    strongest_of_each,
)
from app.errors import Unavailable
from app.event_kinds import EventKinds
from app.services.catalogue import Catalogue
from app.services.event_rules import NO_EVENTS, Cause, EventRules, Events
from app.services.history_query import HistoryQuery
from app.services.stated import NOTHING_STATED, Stated, read_stated
from app.services.tastes import ITEM_WEIGHT, STATED, fading, stated_entries
from app.statements import StatementPool

# Times as Postgres keeps them: microseconds since 2000.
_RATING = np.dtype([("item", ">i8"), ("value", ">f8"), ("time", ">i8")])
_EVENT = np.dtype([("item", ">i8"), ("code", ">i2"), ("value", ">f8"), ("time", ">i8")])
_POSTGRES_EPOCH = datetime(2000, 1, 1, tzinfo=UTC).timestamp()


@dataclass(frozen=True, slots=True)
class UserFeedback:
    """All ratings of one user, in no order: three arrays of shape ``(n,)``, times in seconds since 1970. Besides, the newest
    events that carry weight, and the keys of all items that events say were seen."""

    item_keys: RowArray
    values: DoubleArray
    times: DoubleArray
    events: Events
    seen_keys: RowArray
    stated: Stated = NOTHING_STATED

    def __len__(self) -> int:
        return len(self.item_keys)

    def hidden_keys(self, *, include_seen: bool) -> Sequence[int]:
        """The keys of all items that are suppressed or, unless that is asked for, were seen; some may come twice."""
        suppressed = self.stated.suppressed_keys.tolist()
        return suppressed if include_seen else [*suppressed, *self.item_keys.tolist(), *self.seen_keys.tolist()]


@dataclass(frozen=True, slots=True)
class KnownUser:
    """A user as the engine sees them: the history, the rating behind each of its entries, and every row they have seen.

    Where an entry is an event its value is NaN, and ``causes`` has its kind; without any event, ``causes`` is empty. The first
    ``n_stated`` entries are items that the user has stated to like or not. ``suppressed`` are rows.
    """

    history: History
    values: DoubleArray
    seen: RowArray
    causes: Sequence[Cause | None] = ()
    stated: Stated = NOTHING_STATED
    suppressed: RowArray = field(default_factory=lambda: NO_ROWS)
    n_stated: int = 0

    @property
    def history_size(self) -> int:
        """How many ratings and events the history holds."""
        return len(self.history) - self.n_stated


NO_FEEDBACK = UserFeedback(NO_ROWS, np.zeros(0, np.float64), np.zeros(0, np.float64), NO_EVENTS, NO_ROWS)
UNREAD = replace(NO_FEEDBACK, stated=Stated(unread=True))
"""What stands for the feedback of a user who could not be read: they may have limits."""
NOBODY = KnownUser(EMPTY, np.zeros(0, np.float64), np.zeros(0, np.int64))


async def read_feedback(
    pool: StatementPool,
    user_id: str,
    wait_ms: int,
    *,
    kinds: EventKinds,
    now: datetime,
) -> UserFeedback:
    """Everything a user has rated, and the events that count at ``now``; empty for an unknown user.

    Raises :class:`Unavailable` when the database does not answer within ``wait_ms``.
    """
    query = HistoryQuery.of(kinds)
    try:
        row = await pool.fetch_row(query.statement, query.parameters(user_id, now), seconds=wait_ms / 1000)
    except (psycopg.Error, TimeoutError) as error:
        raise Unavailable("The history cannot be read now.") from error
    if row is None:
        return NO_FEEDBACK
    ratings: NDArray[np.void] = np.frombuffer(row[0] or b"", _RATING)
    return UserFeedback(
        ratings["item"].astype(np.int64),
        ratings["value"].astype(np.float64),
        _seconds(ratings["time"]),
        _read_events(row[1]) if row[1] else NO_EVENTS,
        np.frombuffer(row[2], ">i8").astype(np.int64) if row[2] else NO_ROWS,
        read_stated(row[3], row[4], now),
    )


def _read_events(data: bytes) -> Events:
    events: NDArray[np.void] = np.frombuffer(data, _EVENT)
    return Events(
        events["item"].astype(np.int64),
        events["code"].astype(np.int16),
        events["value"].astype(np.float64),
        _seconds(events["time"]),
    )


def _seconds(microseconds: NDArray[np.generic]) -> DoubleArray:
    return microseconds.astype(np.float64) / 1e6 + _POSTGRES_EPOCH


def know_user(feedback: UserFeedback, catalogue: Catalogue, overall_mean: float, kinds: EventKinds) -> KnownUser:
    """The user that this feedback describes; items the catalogue does not know are left out."""
    rows, values, times = feedback.item_keys, feedback.values, feedback.times
    if len(rows):
        rows = catalogue.rows_of_keys(rows)
        known = rows >= 0
        rows, values, times = rows[known], values[known], times[known]
    user = describe_user(rows, values, times, _in_rows(feedback.events, catalogue), overall_mean, kinds)
    if len(feedback.seen_keys):
        seen = catalogue.rows_of_keys(feedback.seen_keys)
        user = replace(user, seen=np.concatenate([user.seen, seen[seen >= 0]]))
    return user if feedback.stated is NOTHING_STATED else with_stated(user, feedback.stated, catalogue)


def with_stated(user: KnownUser, stated: Stated, catalogue: Catalogue) -> KnownUser:
    """The user with what they have stated. Items they like or dislike stand before all that they did, the less strongly the more
    that is, and count as seen: nobody need be told of what they have named themselves."""
    suppressed = catalogue.rows_of_keys(stated.suppressed_keys)
    user = replace(user, stated=stated, suppressed=suppressed[suppressed >= 0])
    rows, signs = stated_entries(stated.preferences, catalogue)
    if len(rows) == 0:
        return user
    before = user.history
    seen = np.concatenate([user.seen, rows])
    weight = ITEM_WEIGHT * fading(len(before))
    fresh = ~np.isin(rows, before.rows)
    if weight == 0 or not fresh.any():
        return replace(user, seen=seen)
    rows, strengths = rows[fresh], np.float32(weight) * signs[fresh]
    n, m = len(before), len(rows)
    # As entries of one time before all others.
    ages = np.full(m, n + (m - 1) / 2 if n else 0, np.float32)
    choices = np.ones(n, np.float32) if before.choices is None else before.choices
    history = History(
        np.concatenate([rows, before.rows]),
        np.concatenate([strengths, before.preferences]),
        np.concatenate([ages, before.ages]),
        np.concatenate([strengths, choices]),
    )
    values = np.concatenate([np.full(m, np.nan), user.values])
    causes = [*[STATED] * m, *(user.causes or [None] * n)]
    return replace(user, history=history, values=values, seen=seen, causes=causes, n_stated=m)


def _in_rows(events: Events, catalogue: Catalogue) -> Events:
    """The events of items that the catalogue knows, about rows instead of keys."""
    if len(events) == 0:
        return events
    rows = catalogue.rows_of_keys(events.items)
    return Events(rows, events.codes, events.values, events.times).take(rows >= 0)


def describe_user(
    rows: RowArray, values: DoubleArray, times: DoubleArray, events: Events, overall_mean: float, kinds: EventKinds
) -> KnownUser:
    """The user with these ratings of known rows, all of shape ``(n,)``, and these events about rows.

    A rating beats all events of its item; of several events of one item, :func:`strongest_of_each` says which one counts. The
    values are kept in full, to be told as they were given. What the ratings name counts as seen, not what the events do.
    """
    if len(events) == 0:
        if len(rows) == 0:
            return NOBODY
        order = newest_entries(rows, times)
        newest_values = values[order]
        preferences = rating_preferences(newest_values.astype(np.float32), overall_mean)
        return KnownUser(History(rows[order], preferences, mean_ages(times[order])), newest_values, rows)
    rules = EventRules.of(kinds)
    weights = rules.weights_of(events.codes, events.values)
    counting: BoolArray = (weights != 0) & ~np.isin(events.items, rows)
    events, weights = events.take(counting), weights[counting]
    strongest, newest = strongest_of_each(events.items, weights, events.times)
    every_row = np.concatenate([rows, events.items[strongest]])
    every_value = np.concatenate([values, np.full(len(strongest), np.nan)])
    every_time = np.concatenate([times, newest])
    choices = np.concatenate([np.ones(len(rows), np.float32), weights[strongest]])
    history = feedback_history(every_row, every_value.astype(np.float32), choices, every_time, overall_mean)
    order = newest_entries(every_row, every_time)
    causes: list[Cause | None] = [None] * len(rows)
    codes: list[int] = events.codes[strongest].tolist()
    causes += [rules.causes[code] for code in codes]
    entries: list[int] = order.tolist()
    return KnownUser(history, every_value[order], rows, [causes[entry] for entry in entries])
