"""Learns the blend: for each range of history lengths, the weights that put the held-out next item on top."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp

from app.engine.arrays import BoolArray, DoubleArray, FloatArray
from app.engine.engine import Engine
from app.engine.history import EMPTY
from app.engine.signals import SignalName
from training.data import history_of
from training.fit import Report, report_nothing
from training.split import Split

HISTORY_SIZES = (0, 1, 5, 20)
"""Weights are learned for histories of 0, 1 to 4, 5 to 19, and 20 and more entries."""

FEWEST_USERS = 30
"""A range of lengths with fewer examples is not learned."""


@dataclass(frozen=True, slots=True)
class BlendParameters:
    """How the weights are learned. ``users`` a range at most; targets rated below ``liked_from`` teach nothing (what the service
    is for is being liked); ``candidates`` other items a user at most, and half of all; ``penalty`` is the L2 weight per user."""

    users: int = 1_000
    liked_from: float = 4.0
    candidates: int = 500
    penalty: float = 1e-3


def learn_blend(
    engine: Engine,
    split: Split,
    parameters: BlendParameters,
    seed: int,
    report: Report = report_nothing,
    only: SignalName | None = None,
    among: BoolArray | None = None,
) -> FloatArray:
    """Weights of shape ``(len(HISTORY_SIZES), c)``, by a listwise softmax loss over the held-out item and unseen ones.

    The loss (Cao et al. 2007, "Learning to Rank: From Pairwise Approach to Listwise Approach") of one user is
    ``-log softmax(w'z)[target]`` with ``z`` the standardised columns. A range of lengths is learned from users whose history is
    cut to its newest entries; what was cut off is left out of the candidates. A range without enough users takes the next one's.
    With ``only`` the columns of one signal are weighed, and the others weigh 0. With ``among``, ``(n_rows,)``, the candidates are
    some rows alone, none of which may stand in a history.
    """
    return weigh_columns(engine, blend_examples(engine, split, parameters, seed, among, report), parameters, only)


def blend_examples(
    engine: Engine,
    split: Split,
    parameters: BlendParameters,
    seed: int,
    among: BoolArray | None = None,
    report: Report = report_nothing,
) -> Iterator[FloatArray]:
    """For each range of lengths the standardised columns ``(users, c, 1 + candidates)`` that the weights are learned from."""
    rng = np.random.default_rng(seed)
    for position, size in enumerate(HISTORY_SIZES):
        upper = HISTORY_SIZES[position + 1] - 1 if position + 1 < len(HISTORY_SIZES) else None
        yield _examples(engine, split, (size, upper), parameters, rng, among)
        report("blend", (position + 1) / len(HISTORY_SIZES))


def weigh_columns(
    engine: Engine, examples: Iterable[FloatArray], parameters: BlendParameters, only: SignalName | None = None
) -> FloatArray:
    """The weights that :func:`learn_blend` finds, shape ``(len(HISTORY_SIZES), c)``, from the examples of each range."""
    used = np.array([only in (None, signal) for signal, _ in engine.blend.columns])
    weights = [_fit_weights(each, used, parameters.penalty) if len(each) >= FEWEST_USERS else None for each in examples]
    if all(w is None for w in weights):
        return default_weights(engine)
    return np.stack(_fill_gaps(weights))


def default_weights(engine: Engine) -> FloatArray:
    """Weights for data too small to learn from, shape ``(len(HISTORY_SIZES), c)``: popularity alone without a history, then
    less of it the longer the history. The shares are rounded from those learned on MovieLens 1M."""
    share = {"collaborative": 0.4, "item_to_item": 0.2, "next_item": 1.2, "content": 0.1, "popularity": 0.5}
    columns = Counter(signal for signal, _ in engine.blend.columns)
    weights = np.zeros((len(HISTORY_SIZES), len(engine.blend.columns)), np.float32)
    for row, trust in enumerate((0.0, 0.6, 0.8, 1.0)):
        for column, (signal, _) in enumerate(engine.blend.columns):
            weights[row, column] = share[signal] / columns[signal] * (2.0 - trust if signal == "popularity" else trust)
    return weights


def _examples(
    engine: Engine,
    split: Split,
    sizes: tuple[int, int | None],
    parameters: BlendParameters,
    rng: np.random.Generator,
    among: BoolArray | None,
) -> FloatArray:
    """The standardised columns of each sampled user's target (first) and of unseen items: ``(users, c, 1 + candidates)``."""
    size, upper = sizes
    offered = np.ones(engine.n_rows, np.bool_) if among is None else among
    starts = split.known.starts
    lengths = starts[split.users + 1] - starts[split.users]
    n_offered = int(np.count_nonzero(offered))
    n_others = min(parameters.candidates, n_offered // 2)
    offered_and_seen = lengths if among is None else np.zeros_like(lengths)
    # Who has seen so much that too little is left cannot teach, and must not make the lists of the others shorter.
    fit_to_teach = (lengths >= max(size, 1)) & (offered_and_seen + 1 + n_others <= n_offered)
    liked = ~(split.target_values < parameters.liked_from)  # NaN: an event that speaks for its item
    eligible = np.flatnonzero(liked & fit_to_teach)
    chosen = rng.permutation(eligible)[: parameters.users]
    examples = np.empty((len(chosen), len(engine.blend.columns), 1 + n_others), np.float32)
    overall_mean = split.known.mean
    # Without a history everybody's columns are the same.
    alike = engine.standardised(EMPTY, np.arange(engine.n_rows)) if upper == 0 and len(chosen) else None
    for example, index in zip(examples, chosen, strict=True):
        first, last = int(starts[split.users[index]]), int(starts[split.users[index] + 1])
        length = last - first if upper is None else int(rng.integers(size, min(upper, last - first) + 1))
        history = history_of(split.known, last - length, last, overall_mean)
        unseen = offered.copy()
        unseen[split.known.items[first:last]] = False
        unseen[split.targets[index]] = False
        others = rng.choice(np.flatnonzero(unseen), n_others, replace=False, shuffle=False)
        rows = np.r_[split.targets[index], others]
        example[:] = engine.standardised(history, rows) if alike is None else alike[:, rows]
    return examples


def _fit_weights(every: FloatArray, used: BoolArray, penalty: float) -> FloatArray:
    """The weights ``(c,)`` of the columns ``used`` that minimise the mean listwise loss plus ``penalty`` times their square.

    None is negative: two time scales of one signal say nearly the same, and would otherwise be set against each other. On
    MovieLens 1M that costs nothing that can be told from chance, and a signal never speaks against what it found.
    """
    examples = every if used.all() else np.ascontiguousarray(every[:, used])
    targets = examples[:, :, 0]

    def loss(weights: DoubleArray) -> tuple[float, DoubleArray]:
        scores = weights.astype(np.float32) @ examples
        normalisers = np.asarray(logsumexp(scores, axis=1, keepdims=True))
        shares = np.exp(scores - normalisers)
        expected = np.einsum("uc,umc->um", shares, examples, optimize=True)
        value = float((normalisers[:, 0] - scores[:, 0]).mean(dtype=np.float64)) + penalty * float(weights @ weights)
        return value, (expected - targets).mean(axis=0, dtype=np.float64) + 2 * penalty * weights

    start = np.full(examples.shape[1], 0.5)
    weights = np.zeros(len(used), np.float32)
    weights[used] = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, None)] * len(start)).x
    return weights


def _fill_gaps(weights: Sequence[FloatArray | None]) -> list[FloatArray]:
    """A range that could not be learned takes the weights of the next one that could, or of the last before it."""
    known = [w for w in weights if w is not None]
    return [next((w for w in weights[position:] if w is not None), known[-1]) for position in range(len(weights))]
