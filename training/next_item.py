"""Fits the next-item tables: log-lifts of transitions."""

from collections.abc import Iterator, Sequence
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
    block_entries: int = 100_000


def sequence(feedback: Feedback, seed: int) -> RowArray:
    """The items of all users one after the other, each user's by time; equal times in the order of a seeded hash, because the
    order in which they are stored tells nothing. Shape ``(n,)``, users in the order of ``feedback``."""
    hashes = hash_pairs(feedback.users, feedback.items, seed)
    return feedback.items[np.lexsort((hashes, feedback.times, feedback.users))]


def count_transitions(feedback: Feedback, n_items: int, parameters: TransitionParameters, seed: int) -> FloatArray:
    """``T[i, j] = sum_g exp(-g / gap_decay) * #(j follows i at lag g)``, shape ``(n_items, n_items)``."""
    counts = np.zeros((n_items, n_items), np.float32)
    first = 0
    for block in _transition_blocks(feedback, n_items, parameters, seed):
        last = first + block.shape[0]
        counts[first:last] = block.toarray()
        first = last
    return counts


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
    strongest.sort_indices()  # before its columns are shared
    for place, boost in enumerate(boosts):
        lifts = log_lifts(strongest.data, taken[strongest.indices], boost)
        lifted = csr_matrix((lifts, strongest.indices, strongest.indptr), shape=strongest.shape)
        arrays |= sparse_arrays(f"next_item.{place}", lifted)
    return arrays


def strongest_transitions(
    feedback: Feedback, taken: RowArray, parameters: TransitionParameters, seed: int
) -> csr_matrix:
    """As :func:`count_transitions`, but of each row only the cells with the greatest lift, ``(n_items, n_items)``."""
    blocks = _transition_blocks(feedback, len(taken), parameters, seed)
    return csr_matrix(vstack([_most_lifted(block, taken, parameters.strongest) for block in blocks]))


def _transition_blocks(
    feedback: Feedback, n_items: int, parameters: TransitionParameters, seed: int
) -> Iterator[csr_matrix]:
    """The transitions, some rows at a time, from the first to the last: the memory is that of one block.

    With a row for each place in the sequence where an item of the block stands, ``F`` holds what follows there and ``S`` says
    which item stands there; the transitions are ``S F``.
    """
    items = sequence(feedback, seed)
    by_item = np.argsort(items, kind="stable")
    starts: RowArray = np.searchsorted(items[by_item], np.arange(n_items + 1))
    following = np.minimum(feedback.starts[feedback.users + 1] - 1 - np.arange(len(items)), parameters.window)
    decays = np.exp(-np.arange(1, parameters.window + 1) / parameters.gap_decay).astype(np.float32)
    first = 0
    while first < n_items:
        filled = int(np.searchsorted(starts, int(starts[first]) + parameters.block_entries, side="right")) - 1
        last = min(max(filled, first + 1), n_items)
        places = by_item[starts[first] : starts[last]]
        followers = _followers(items, places, following[places], decays, n_items)
        ones = np.ones(len(places), np.float32)
        standing = csr_matrix(
            (ones, np.arange(len(places)), starts[first : last + 1] - starts[first]), shape=(last - first, len(places))
        )
        yield csr_matrix(standing @ followers)
        first = last


def _followers(items: RowArray, places: RowArray, counts: RowArray, decays: FloatArray, n_items: int) -> csr_matrix:
    """The ``counts`` items that follow each place of the sequence, shape ``(len(places), n_items)``, each with the decay of its
    lag."""
    ends = np.concatenate([[0], np.cumsum(counts)])
    lags: RowArray = np.arange(int(ends[-1])) - np.repeat(ends[:-1], counts)
    cells = (decays[lags], items[np.repeat(places + 1, counts) + lags].astype(np.int32), ends)
    return csr_matrix(cells, shape=(len(places), n_items))


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
