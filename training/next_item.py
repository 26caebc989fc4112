"""Fits the next-item tables: log-lifts of transitions."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix, vstack

from app.engine.arrays import AnyArray, FloatArray, RowArray
from training.data import Feedback
from training.split import hash_pairs
from training.tables import dense_arrays, sparse_arrays, strongest_of_rows


@dataclass(frozen=True, slots=True)
class TransitionParameters:
    """``window`` is the largest lag that counts, ``gap_decay`` how fast a lag loses weight. A dense table is kept up to
    ``dense_items`` items, beyond that the ``strongest`` cells of each row, built in blocks of some ``block_entries`` ratings."""

    window: int = 24
    gap_decay: float = 8.0
    dense_items: int = 5_000
    strongest: int = 1_000
    block_entries: int = 200_000


def sequence(feedback: Feedback, seed: int) -> RowArray:
    """The items of all users one after the other, each user's by time; equal times in the order of a seeded hash, because the
    order in which they are stored tells nothing. Shape ``(n,)``, users in the order of ``feedback``."""
    hashes = hash_pairs(feedback.users, feedback.items, seed)
    return feedback.items[np.lexsort((hashes, feedback.times, feedback.users))]


def count_transitions(feedback: Feedback, n_items: int, parameters: TransitionParameters, seed: int) -> FloatArray:
    """``T[i, j] = sum_g exp(-g / gap_decay) * #(j follows i at lag g)``, shape ``(n_items, n_items)``."""
    items = sequence(feedback, seed)
    counts = np.zeros(n_items * n_items, np.float32)
    # So many places of the sequence at a time that their cells take less room than the table.
    step = max(1, len(counts) // (8 * parameters.window))
    for first in range(0, len(items), step):
        places = np.arange(first, min(first + step, len(items)))
        sources, targets, weights = _followers(items, feedback.users, places, parameters)
        sources *= n_items
        sources += targets
        counts += np.bincount(sources, weights, len(counts))
    return counts.reshape(n_items, n_items)


def next_item_arrays(
    feedback: Feedback, taken: RowArray, boosts: Sequence[float], parameters: TransitionParameters, seed: int
) -> dict[str, AnyArray]:
    """A table for each boost, in the form that fits the catalogue's size."""
    n_items = len(taken)
    arrays: dict[str, AnyArray] = {}
    if n_items <= parameters.dense_items:
        transitions = count_transitions(feedback, n_items, parameters, seed)
        for place, boost in enumerate(boosts):
            arrays |= dense_arrays(f"next_item.{place}", log_lifts(transitions, taken, boost))
        return arrays
    strongest = strongest_transitions(feedback, taken, parameters, seed)
    for place, boost in enumerate(boosts):
        lifted = strongest.copy()
        lifted.data = log_lifts(strongest.data, taken[strongest.indices], boost)
        arrays |= sparse_arrays(f"next_item.{place}", lifted)
    return arrays


def strongest_transitions(
    feedback: Feedback, taken: RowArray, parameters: TransitionParameters, seed: int
) -> csr_matrix:
    """As :func:`count_transitions`, but of each row only the cells with the greatest lift, ``(n_items, n_items)``.

    Built in blocks of source rows, each from the places in the sequence where its items stand, so that the memory is that of
    one block and the result.
    """
    n_items = len(taken)
    items, users = sequence(feedback, seed), feedback.users
    by_item = np.argsort(items, kind="stable")
    starts: RowArray = np.searchsorted(items[by_item], np.arange(n_items + 1))
    parts: list[csr_matrix] = []
    first = 0
    while first < n_items:
        filled = int(np.searchsorted(starts, int(starts[first]) + parameters.block_entries, side="right")) - 1
        last = min(max(filled, first + 1), n_items)
        places = by_item[starts[first] : starts[last]]
        block = _block_transitions(items, users, places, (first, last, n_items), parameters)
        parts.append(_most_lifted(block, taken, parameters.strongest))
        first = last
    return csr_matrix(vstack(parts))


def _block_transitions(
    items: RowArray, users: RowArray, places: RowArray, block: tuple[int, int, int], parameters: TransitionParameters
) -> csr_matrix:
    """The rows ``first`` up to ``last`` of the transitions, from the places in the sequence where their items stand."""
    first, last, n_items = block
    sources, targets, weights = _followers(items, users, places, parameters)
    return csr_matrix((weights, (sources - first, targets)), shape=(last - first, n_items))


def _followers(
    items: RowArray, users: RowArray, places: RowArray, parameters: TransitionParameters
) -> tuple[RowArray, RowArray, FloatArray]:
    """What follows within the window at each of these places of the sequence: the items there, those that follow, and
    ``exp(-lag / gap_decay)``; one entry for each pair."""
    sources, targets, weights = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0, np.float32)]
    for lag in range(1, parameters.window + 1):
        inside = places[places + lag < len(items)]
        inside = inside[users[inside + lag] == users[inside]]
        sources.append(items[inside])
        targets.append(items[inside + lag])
        weights.append(np.full(len(inside), math.exp(-lag / parameters.gap_decay), np.float32))
    return np.concatenate(sources), np.concatenate(targets), np.concatenate(weights)


def _most_lifted(transitions: csr_matrix, taken: RowArray, kept: int) -> csr_matrix:
    """The ``kept`` cells of each row that are greatest over ``taken + 1``."""
    lifts = transitions.copy()
    lifts.data = transitions.data / (taken[transitions.indices] + 1).astype(np.float32)
    strongest = strongest_of_rows(lifts, kept)
    strongest.data = strongest.data * (taken[strongest.indices] + 1).astype(np.float32)
    return strongest


def log_lifts(transitions: FloatArray, taken: RowArray, boost: float) -> FloatArray:
    """``log(1 + boost * T / (c + 1))`` by columns, shape and dtype as ``transitions``."""
    return np.log1p(transitions * (np.float32(boost) / (taken + 1).astype(np.float32)))
