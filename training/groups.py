"""Fits popularity by group: which attributes of users tell what they take."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from app.engine.arrays import AnyArray, DoubleArray, RowArray
from app.engine.strings import StringTable
from training.data import Feedback, UserGroups


@dataclass(frozen=True, slots=True)
class GroupParameters:
    """``fewest_users`` and ``fewest_entries``: a group with less is left out, so that no list tells of a few people.
    ``most_groups`` are kept, the largest. ``prior_takers``: by how many expected takers an item's lift is shrunk."""

    fewest_users: int = 50
    fewest_entries: int = 500
    most_groups: int = 64
    prior_takers: float = 20.0


def group_arrays(taken: Feedback, groups: UserGroups, n_items: int, parameters: GroupParameters) -> dict[str, AnyArray]:
    """The arrays of :class:`app.engine.group_popularity.GroupPopularity`; none without a group that is large enough.

    ``lift = log((c + k) / (e + k))`` with ``c`` how often the group took the item, ``e = C * p`` how often it would have at
    everybody's rate (``C`` all that the group took, ``p`` the item's share of all), and ``k`` the ``prior_takers``: the posterior
    mean of a Poisson rate's ratio to its expectation under a Gamma(k, k) prior of mean 1 (the gamma-Poisson shrinker of DuMouchel
    1999). A small group, or an item that few take, stays near 0.
    """
    sizes, entries, counts = _counts(taken, groups, n_items)
    fit = (sizes >= parameters.fewest_users) & (entries >= parameters.fewest_entries)
    largest = np.lexsort((np.arange(len(sizes)), -sizes))
    chosen: list[int] = largest[fit[largest]][: parameters.most_groups].tolist()
    if not chosen:
        return {}
    everybody = np.bincount(taken.items, weights=taken.strengths, minlength=n_items)
    taken_by = counts[chosen]
    expected = taken_by.sum(axis=1, keepdims=True) * (everybody / everybody.sum())
    prior = parameters.prior_takers
    names = StringTable.of([groups.names[place] for place in chosen])
    return {
        "groups.lifts": np.log((taken_by + prior) / (expected + prior)).astype(np.float16),
        "groups.names.blob": names.blob,
        "groups.names.offsets": names.offsets,
    }


def _counts(taken: Feedback, groups: UserGroups, n_items: int) -> tuple[RowArray, RowArray, DoubleArray]:
    """Of each group: its users with entries ``(g,)``, their entries ``(g,)``, and how often they took each item,
    ``(g, n_items)``."""
    n_groups, n_users = len(groups.names), taken.n_users
    a_user = np.bincount(taken.users, minlength=n_users)
    present = a_user[groups.users] > 0
    members = csr_array(
        (np.ones(int(present.sum())), (groups.groups[present], groups.users[present])), shape=(n_groups, n_users)
    )
    takes = csr_array((taken.strengths.astype(np.float64), (taken.users, taken.items)), shape=(n_users, n_items))
    sizes = np.bincount(groups.groups[present], minlength=n_groups)
    entries = np.asarray(members @ a_user.astype(np.float64)).astype(np.int64)
    return sizes, entries, np.asarray((members @ takes).toarray())
