"""One user's history as the signals take it."""

from dataclasses import dataclass

import numpy as np

from app.engine.arrays import NO_ROWS, DoubleArray, FloatArray, RowArray

HISTORY_LIMIT = 500
"""How many of the newest ratings and events count."""

PRIOR_WEIGHT = 5.0
"""How many ratings at the overall mean a user's own mean is shrunk by."""

FAR_BELOW = 2.0
"""A rating this far under the overall mean is a dislike, whatever else the user has rated."""


@dataclass(frozen=True, slots=True)
class History:
    """The newest entries of one user, newest last; every array has shape ``(n,)``.

    ``preferences`` are signed strengths; ``ages`` count the entries newer than this one, 0 for the newest; entries of
    equal time share their mean age, so that the order in which equal times arrive changes nothing.

    ``choices`` say how much an entry shows that the item was chosen: 1 for a rating, whatever its value, and the weight of an
    event, which is negative where the item was turned away. None stands for 1 everywhere.
    """

    rows: RowArray
    preferences: FloatArray
    ages: FloatArray
    choices: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, chosen: "np.ndarray[tuple[int], np.dtype[np.intp | np.bool_]]") -> "History":
        """The chosen entries, their ages as they were."""
        choices = None if self.choices is None else self.choices[chosen]
        return History(self.rows[chosen], self.preferences[chosen], self.ages[chosen], choices)


EMPTY = History(NO_ROWS, np.zeros(0, np.float32), np.zeros(0, np.float32))


def rating_preferences(values: FloatArray, overall_mean: float) -> FloatArray:
    """Each rating minus the user's mean, which is shrunk towards ``overall_mean`` by :data:`PRIOR_WEIGHT` ratings.

    ``m = (PRIOR_WEIGHT * overall_mean + sum(values)) / (PRIOR_WEIGHT + n)``; shape and dtype as ``values``. A rating that lies
    :data:`FAR_BELOW` under the overall mean is held against that mean too: who dislikes everything they rate likes none of it.
    """
    mean = (PRIOR_WEIGHT * overall_mean + float(values.sum(dtype=np.float64))) / (PRIOR_WEIGHT + len(values))
    relative: FloatArray = values - np.float32(mean)
    absolute: FloatArray = values - np.float32(overall_mean)
    return np.where(absolute <= -FAR_BELOW, np.minimum(relative, absolute), relative)


def rating_history(rows: RowArray, values: FloatArray, times: DoubleArray, overall_mean: float) -> History:
    """A history of the newest :data:`HISTORY_LIMIT` ratings, from ratings in any order; all arrays have shape ``(n,)``.

    ``times`` are seconds (any epoch). Ratings of equal time are kept in row order. Preferences are :func:`rating_preferences`
    of the ratings that are kept.
    """
    order = newest_entries(rows, times)
    return History(rows[order], rating_preferences(values[order], overall_mean), mean_ages(times[order]))


def feedback_history(
    rows: RowArray, values: FloatArray, choices: FloatArray, times: DoubleArray, overall_mean: float
) -> History:
    """A history of the newest :data:`HISTORY_LIMIT` of ratings and events together; all arrays have shape ``(n,)``.

    ``values`` are NaN where an entry is an event, whose preference is its weight, as ``choices`` has it; the other entries are
    what :func:`rating_history` makes of them. A row may come once only (:func:`strongest_of_each`).
    """
    order = newest_entries(rows, times)
    values, choices = values[order], choices[order]
    rated = ~np.isnan(values)
    if rated.all():
        return History(rows[order], rating_preferences(values, overall_mean), mean_ages(times[order]))
    preferences = choices.copy()
    preferences[rated] = rating_preferences(values[rated], overall_mean)
    return History(rows[order], preferences, mean_ages(times[order]), choices)


def newest_entries(rows: RowArray, times: DoubleArray) -> RowArray:
    """Where the newest :data:`HISTORY_LIMIT` entries stand, newest last and equal times in row order."""
    return np.lexsort((rows, times))[-HISTORY_LIMIT:]


def strongest_of_each(groups: RowArray, weights: FloatArray, times: DoubleArray) -> tuple[RowArray, DoubleArray]:
    """Of the events of each group the one that counts, and the time of the newest: both of shape ``(n_groups,)``, by group.

    The event with the greatest ``|weight|`` counts; of equal ones the newest, and of equal times the one with the greater
    weight. ``groups``, ``weights`` and ``times`` have shape ``(n,)``; the first answer holds positions in them.
    """
    if len(groups) == 0:
        return NO_ROWS, np.zeros(0, np.float64)
    order = np.lexsort((weights, times, np.abs(weights), groups))
    ordered = groups[order]
    firsts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    lasts = np.r_[firsts[1:], len(order)] - 1
    return order[lasts].astype(np.int64), np.maximum.reduceat(times[order], firsts)


def mean_ages(times: DoubleArray) -> FloatArray:
    """How many entries are newer, for ascending ``times``; equal times share the mean of their places.

    Where all times are equal, as after an import that knows none, there is no order to go by: every age is 0, or a long history
    would count as long past.
    """
    n = len(times)
    if n == 0 or times[0] == times[-1]:
        return np.zeros(n, np.float32)
    opens = np.ones(n, np.bool_)
    np.not_equal(times[1:], times[:-1], out=opens[1:])
    firsts = np.flatnonzero(opens)
    ends = np.append(firsts[1:], n)
    means = ((n - 1) - (firsts + ends - 1) / 2).astype(np.float32)
    return means if len(firsts) == n else np.repeat(means, ends - firsts)
