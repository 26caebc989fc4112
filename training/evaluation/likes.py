"""Feedback reduced to what was liked, without order in time, and lessons made of examples."""

from collections.abc import Sequence

import numpy as np

from app.engine.arrays import BoolArray, RowArray
from training.data import Feedback
from training.split import Split


def likes_of(feedback: Feedback, liked_from: float) -> Feedback:
    """Ratings from ``liked_from`` on and events that speak for their item, all of the same time."""
    liked: BoolArray = ~(feedback.values < liked_from) & (feedback.strengths > 0)
    kept = feedback.take(liked)
    return Feedback.ordered(kept.n_users, kept.users, kept.items, kept.values, np.zeros_like(kept.times), kept.choices)


def examples_as_split(feedback: Feedback, histories: Sequence[RowArray], targets: RowArray) -> Split:
    """A split in which each example is a user of its own: a history, the ascending positions of its entries in ``feedback``, and
    the position of the entry that is held out."""
    places = np.concatenate([np.zeros(0, np.int64), *histories])
    users = np.repeat(np.arange(len(histories)), [len(history) for history in histories])
    known = Feedback(
        len(histories),
        users.astype(np.int64),
        feedback.items[places],
        feedback.values[places],
        feedback.times[places],
        None if feedback.choices is None else feedback.choices[places],
    )
    return Split(known, np.arange(len(histories)), feedback.items[targets], feedback.values[targets])
