"""The feedback that training holds back: the newest part of it, or each user's newest entry where time tells too little.

Prequential (Dawid 1984): the fit is frozen at a moment, each later entry that says its item was liked is a target, and the
history is everything of that user before it. Users and items that are new in the period count.
"""

from dataclasses import dataclass, replace

import numpy as np

from app.engine.arrays import BoolArray, DoubleArray, RowArray
from training.blend import HISTORY_SIZES
from training.data import Feedback
from training.split import Split, examples_as_split, hash_pairs, hold_out_newest

PERIODS = (0.1, 0.2, 0.3)
"""The shares of all entries, the newest, that a period may hold: the first with enough users is taken."""

ENOUGH_USERS = 200
"""From how many users on what is measured can tell two configurations apart."""

TARGETS_OF_ONE = 5
"""How many targets of one user in one range of history lengths are put to the rankers; each stands for the others too."""

MOST_TARGETS = 10_000
"""How many targets are held out in all; of every user some before of anybody many."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What a trial may be fitted on, what teaches the blend and what is asked.

    ``taught`` holds everybody's newest entry, with all that is before it; ``asked`` what was liked in the period, with all that
    was before that, and ``users`` ``(n,)`` says whose each of these questions is. ``known`` has none of either. ``cut`` is the
    moment at which the fit is frozen, in seconds since 1970; None where there is no period, and ``asked`` is ``taught``.
    """

    known: Feedback
    taught: Split
    asked: Split
    users: RowArray
    cut: float | None

    @property
    def n_users(self) -> int:
        """How many users are asked about."""
        return len(np.unique(self.users))

    def lesson(self, seed: int, *, other: bool = False) -> Split:
        """What one half of the users teaches, or the other half; the same halves for the same seed."""
        return _part(self.taught, _half(self.taught.users, seed) != other)

    def questions(self, most: int, seed: int) -> tuple[RowArray, RowArray]:
        """At most ``most`` questions, those about the one half of the users and those about the other, each ascending: one about
        each user, then another about each, as far as they go."""
        chosen = np.sort(_in_turns(self.users, seed)[:most])
        own = _half(self.users[chosen], seed)
        return chosen[own], chosen[~own]


@dataclass(frozen=True, slots=True)
class Later:
    """The targets of a period: positions in the feedback, where the user's entries begin and where the history before the target
    ends, and for how many targets each stands; all ``(n,)``."""

    targets: RowArray
    first: RowArray
    last: RowArray
    weights: DoubleArray


def hold_out_period(feedback: Feedback, liked_from: float, seed: int) -> HeldOut:
    """Hold out everybody's newest entry, and the newest period with targets of :data:`ENOUGH_USERS` users. Where there is none,
    because everything has one time or little has happened, the newest entries are what is asked, too."""
    newest = hold_out_newest(feedback, seed)
    for share in PERIODS:
        cut = moment(feedback.times, share)
        later = later_targets(feedback, cut, liked_from, seed)
        users = feedback.users[later.targets]
        if len(np.unique(users)) >= ENOUGH_USERS:
            taken = np.sort(_in_turns(users, seed)[:MOST_TARGETS])
            ends = zip(later.first[taken].tolist(), later.last[taken].tolist(), strict=True)
            histories: list[RowArray] = [np.arange(first, last) for first, last in ends]
            asked = examples_as_split(feedback, histories, later.targets[taken])
            known = newest.known.take(newest.known.times <= cut)
            return HeldOut(known, newest, asked, users[taken], cut)
    liked = ~(newest.target_values < liked_from)
    return HeldOut(newest.known, newest, _part(newest, liked), newest.users[liked], None)


def moment(times: DoubleArray, share: float) -> float:
    """The time up to which all but the newest ``share`` of the entries lie; 0 for no entries."""
    return float(np.quantile(times, 1 - share, method="lower")) if len(times) else 0.0


def later_targets(feedback: Feedback, cut: float, liked_from: float, seed: int) -> Later:
    """The targets after the cut, at most :data:`TARGETS_OF_ONE` of each user and range of history lengths, drawn by the seed.
    What a user did in the same second is not before it."""
    liked = ~(feedback.values < liked_from) & (feedback.strengths > 0)
    targets = np.flatnonzero(liked & (feedback.times > cut))
    users = feedback.users[targets]
    first = feedback.starts[users]
    new_second = np.r_[True, (np.diff(feedback.times) != 0) | (np.diff(feedback.users) != 0)][: len(feedback)]
    last = np.maximum.accumulate(np.where(new_second, np.arange(len(feedback)), 0))[targets]
    groups = users * len(HISTORY_SIZES) + np.searchsorted(HISTORY_SIZES, last - first, side="right")
    order = np.random.default_rng(seed).permutation(len(targets))
    order = order[np.argsort(groups[order], kind="stable")]
    _, begins, sizes = np.unique(groups[order], return_index=True, return_counts=True)
    place = np.arange(len(order)) - np.repeat(begins, sizes)
    size = np.repeat(sizes, sizes)
    taken = place < TARGETS_OF_ONE
    chosen = order[taken]
    weights = size[taken] / np.minimum(size[taken], TARGETS_OF_ONE)
    back = np.argsort(chosen)
    chosen = chosen[back]
    return Later(targets[chosen], first[chosen], last[chosen], weights[back])


def _part(split: Split, chosen: BoolArray) -> Split:
    return replace(
        split, users=split.users[chosen], targets=split.targets[chosen], target_values=split.target_values[chosen]
    )


def _half(users: RowArray, seed: int) -> BoolArray:
    return hash_pairs(users, np.zeros_like(users), seed) % np.uint64(2) == 0


def _in_turns(users: RowArray, seed: int) -> RowArray:
    """Positions in ``users`` ``(n,)`` as they are dealt: one of each user, then another of each, and so on, else by chance."""
    drawn = np.random.default_rng(seed).permutation(len(users))
    by_user = drawn[np.argsort(users[drawn], kind="stable")]
    _, begins, sizes = np.unique(users[by_user], return_index=True, return_counts=True)
    turns = np.empty_like(users)
    turns[by_user] = np.arange(len(users)) - np.repeat(begins, sizes)
    return drawn[np.argsort(turns[drawn], kind="stable")]
