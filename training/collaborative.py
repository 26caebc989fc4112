# pyright: basic
# (implicit has no annotations: checked loosely here, and in this file only)
"""Fits the collaborative signal with the library implicit; the only module that knows it."""

from dataclasses import dataclass

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix

from app.engine.arrays import FloatArray
from training.data import Feedback
from training.threads import one_blas_thread


@dataclass(frozen=True, slots=True)
class AlsParameters:
    """Hyper-parameters of the factorisation. A rating's confidence is ``alpha`` (implicit adds no 1 to it) whatever its value:
    a film that was disliked was chosen all the same. ``iterations`` from random factors, ``refit_iterations`` from those of a fit
    on hardly less feedback."""

    factors: int = 64
    regularisation: float = 40.0
    alpha: float = 10.0
    iterations: int = 12
    refit_iterations: int = 3


@dataclass(frozen=True, slots=True)
class Factors:
    """What was learned of the users, ``(n_users, k)``, and of the items, ``(n_items, k)``."""

    users: FloatArray
    items: FloatArray


def fit_factors(
    feedback: Feedback, n_items: int, parameters: AlsParameters, seed: int, start: Factors | None = None
) -> Factors:
    """Factors by alternating least squares (Hu, Koren and Volinsky 2008), from ``start`` (for the same users and items) or from
    random ones.

    An event counts as a rating times its weight; a negative one is confidence that the item is not wanted. Items without
    feedback get zeros. The same input and seed give the same bits: each row is solved on its own, by one thread.
    """
    weights = csr_matrix((feedback.strengths, (feedback.users, feedback.items)), shape=(feedback.n_users, n_items))
    with one_blas_thread():  # implicit runs its own threads, one row each, and warns of any others
        model = AlternatingLeastSquares(
            factors=parameters.factors,
            regularization=parameters.regularisation,
            alpha=parameters.alpha,
            iterations=parameters.iterations if start is None else parameters.refit_iterations,
            random_state=seed,
            num_threads=0,
            calculate_training_loss=False,
        )
        if start is not None:
            model.user_factors, model.item_factors = start.users.copy(), start.items.copy()
        model.fit(weights, show_progress=False)
    return Factors(np.asarray(model.user_factors, np.float32), np.asarray(model.item_factors, np.float32))
