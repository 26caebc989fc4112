"""Feedback reduced to what was liked, without order in time."""

import numpy as np

from app.engine.arrays import BoolArray
from training.data import Feedback


def likes_of(feedback: Feedback, liked_from: float) -> Feedback:
    """Ratings from ``liked_from`` on and events that speak for their item, all of the same time."""
    liked: BoolArray = ~(feedback.values < liked_from) & (feedback.strengths > 0)
    kept = feedback.take(liked)
    return Feedback.ordered(kept.n_users, kept.users, kept.items, kept.values, np.zeros_like(kept.times), kept.choices)
