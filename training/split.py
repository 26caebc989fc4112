"""Splits feedback into what is known and what is to be predicted."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.engine.arrays import RowArray
from training.data import Feedback


@dataclass(frozen=True, slots=True)
class Split:
    """``known`` feedback, and the held-out entry of each user who has one: arrays of shape ``(n_held_out,)``.

    The target's value is NaN where it is an event: one that speaks for its item, as no other is held out."""

    known: Feedback
    users: RowArray
    targets: RowArray
    target_values: "np.ndarray[tuple[int], np.dtype[np.float32]]"


def hold_out_newest(feedback: Feedback, seed: int) -> Split:
    """Hold out the newest rating, or event that speaks for its item, of every user with two entries or more.

    Among equal times the one with the highest seeded hash of (user, item) is taken: their order in a file tells nothing.
    """
    hashes = hash_pairs(feedback.users, feedback.items, seed)
    # What turns an item away goes first, so that it is not the last.
    order = np.lexsort((hashes, feedback.times, feedback.strengths > 0, feedback.users))
    ordered_users = feedback.users[order]
    last = np.r_[ordered_users[1:] != ordered_users[:-1], True] if len(order) else np.zeros(0, np.bool_)
    several = np.bincount(feedback.users, minlength=feedback.n_users)[ordered_users] > 1
    chosen = order[last & several & (feedback.strengths[order] > 0)]
    held_out = np.zeros(len(feedback), np.bool_)
    held_out[chosen] = True
    return Split(feedback.take(~held_out), feedback.users[chosen], feedback.items[chosen], feedback.values[chosen])


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


def hash_pairs(users: RowArray, items: RowArray, seed: int) -> "np.ndarray[tuple[int], np.dtype[np.uint64]]":
    """A 64-bit mix of (user, item, seed), shape as given: the finaliser of SplitMix64 (Steele, Lea and Flood 2014)."""
    salt = np.uint64(int.from_bytes(hashlib.blake2b(str(seed).encode(), digest_size=8).digest()))
    mixed = (users.astype(np.uint64) << np.uint64(32)) ^ items.astype(np.uint64) ^ salt
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return mixed ^ (mixed >> np.uint64(31))
