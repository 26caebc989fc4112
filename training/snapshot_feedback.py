"""Reads ratings and events and makes one entry of what each user said about an item."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from psycopg import sql
from sqlalchemy import Connection

from app.engine.arrays import BoolArray, FloatArray, RowArray
from app.engine.history import strongest_of_each
from app.services.event_rules import EventRules
from app.services.history_query import code_of_kind
from training.binary_copy import read_binary
from training.data import Feedback

_USERS = sql.SQL("SELECT key FROM users ORDER BY id")
_RATINGS = sql.SQL(
    "SELECT user_key, item_key, value, extract(epoch FROM rated_at)::float8 FROM ratings WHERE value IS NOT NULL"
)
_EVENTS = sql.SQL(
    "SELECT user_key, item_key, {code}, coalesce(value, 'NaN'), extract(epoch FROM occurred_at)::float8"
    " FROM events WHERE user_key IS NOT NULL AND kind = ANY ({kinds}::text[])"
)
_KEYS = [("user", ">i8"), ("item", ">i8")]


@dataclass(frozen=True, slots=True)
class ReadFeedback:
    """Feedback, and the keys of its users by their numbers, ``(n_users,)``."""

    feedback: Feedback
    user_keys: RowArray


def read_feedback(connection: Connection, item_keys: RowArray, rules: EventRules) -> ReadFeedback:
    """All ratings of these items, whose keys stand in the order of their rows, and the events that carry weight.

    As in a history, a rating beats all events of its user and item, and of several events :func:`strongest_of_each` says which
    one counts. What has expired at the time of the newest entry is left out: the clock has no part in it. Events of visitors
    who are known by their session alone are left out too.
    """
    user_keys = read_binary(connection, _USERS, [("key", ">i8")])["key"].astype(np.int64)
    ratings = read_binary(connection, _RATINGS, [*_KEYS, ("value", ">f8"), ("time", ">f8")])
    weighty = [name for name, kind in rules.kinds.items() if kind.weight or kind.part_weight]
    query = _EVENTS.format(code=code_of_kind(rules.kinds), kinds=weighty)
    events = read_binary(connection, query, [*_KEYS, ("code", ">i2"), ("value", ">f8"), ("time", ">f8")])
    newest = max((float(each["time"].max()) for each in (ratings, events) if len(each)), default=0.0)
    users, items, known = _ranks_and_rows(ratings, user_keys, item_keys)
    values, times = ratings["value"][known].astype(np.float32), ratings["time"][known].astype(np.float64)
    if len(events) == 0:
        present, users = _numbered(users)
        return ReadFeedback(Feedback.ordered(len(present), users, items, values, times), user_keys[present])
    counting, weights = _counting(events, rules, newest)
    event_users, event_items, known = _ranks_and_rows(events[counting], user_keys, item_keys)
    weights, event_times = weights[known], events["time"][counting][known].astype(np.float64)
    pairs = event_users * len(item_keys) + event_items
    unrated = ~np.isin(pairs, users * len(item_keys) + items)
    strongest, latest = strongest_of_each(pairs[unrated], weights[unrated], event_times[unrated])
    present, users = _numbered(np.concatenate([users, event_users[unrated][strongest]]))
    feedback = Feedback.ordered(
        len(present),
        users,
        np.concatenate([items, event_items[unrated][strongest]]),
        np.concatenate([values, np.full(len(strongest), np.nan, np.float32)]),
        np.concatenate([times, latest]),
        np.concatenate([np.ones(len(values), np.float32), weights[unrated][strongest]]),
    )
    return ReadFeedback(feedback, user_keys[present])


def _counting(events: NDArray[np.void], rules: EventRules, now: float) -> tuple[BoolArray, FloatArray]:
    """Which events count at ``now``, and the weights of those."""
    codes, times = events["code"].astype(np.int16), events["time"].astype(np.float64)
    weights = rules.weights_of(codes, events["value"].astype(np.float64))
    counting: BoolArray = (weights != 0) & rules.alive(codes, times, now)
    return counting, weights[counting]


def _ranks_and_rows(
    entries: NDArray[np.void], user_keys: RowArray, item_keys: RowArray
) -> tuple[RowArray, RowArray, BoolArray]:
    """The users' places among all and the items' rows of the entries whose item is there, and which those are."""
    items, known = rows_of_keys(item_keys, entries["item"].astype(np.int64))
    users, _ = rows_of_keys(user_keys, entries["user"].astype(np.int64)[known])
    return users, items[known], known


def _numbered(users: RowArray) -> tuple[RowArray, RowArray]:
    """The users there are, ascending, and the place of each entry's among them: numbers without gaps, in the same order."""
    present, numbers = np.unique(users, return_inverse=True)
    return present, numbers.astype(np.int64)


def rows_of_keys(keys: RowArray, wanted: RowArray) -> tuple[RowArray, NDArray[np.bool_]]:
    """Where each wanted key stands in ``keys`` (of any order), and whether it is there at all; shapes as ``wanted``."""
    if len(keys) == 0:
        return np.zeros(len(wanted), np.int64), np.zeros(len(wanted), np.bool_)
    order = np.argsort(keys, kind="stable")
    places = np.minimum(np.searchsorted(keys, wanted, sorter=order), len(keys) - 1)
    rows = order[places]
    return rows, keys[rows] == wanted
