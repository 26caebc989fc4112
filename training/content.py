# pyright: basic, reportArgumentType=false, reportAttributeAccessIssue=false, reportOperatorIssue=false, reportOptionalMemberAccess=false, reportCallIssue=false
# (scikit-learn has no annotations and the checker's guesses at them are wrong: loose here, and in this file only)
"""Fits the content signal with scikit-learn; the only module that knows it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import csc_matrix, csr_matrix, diags, hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize
from sklearn.utils.extmath import randomized_svd

from app.engine.arrays import BoolArray, FloatArray, RowArray
from app.engine.content import FIELD_WEIGHTS, ContentTransform, unit_rows
from app.engine.strings import StringTable
from app.engine.terms import Description, field_of, item_terms, weight_of

PRIOR_FEEDBACK = 3.0
"""With how many entries of feedback the factors of an item teach half as much as those of a well-known one."""

TINY = np.float32(1e-30)


@dataclass(frozen=True, slots=True)
class ContentParameters:
    """Hyper-parameters of the content vectors. Terms in fewer than ``min_items`` items are left out, and of the rest the
    ``max_terms`` most frequent kept. ``ridge`` is the penalty of the map from terms to factors, approached in ``ridge_steps``.
    ``vector_weights`` are what fields weigh in the vectors, times their weight, where not 1: the years say much of who takes an
    item, and less of what people call alike."""

    width: int = 64
    min_items: int = 2
    max_terms: int = 50_000
    ridge: float = 1.0
    ridge_steps: int = 12
    field_weights: Mapping[str, float] = field(default_factory=lambda: dict(FIELD_WEIGHTS))
    vector_weights: Mapping[str, float] = field(default_factory=lambda: {"year": 0.3})


@dataclass(frozen=True, slots=True)
class ContentFit:
    """The transform for items to come, which knows no factors yet; the unit vectors ``(n, d)`` of those at hand, and their
    ``weighted`` terms, rows of unit length ``(n, t)``."""

    transform: ContentTransform
    vectors: FloatArray
    weighted: csr_matrix


def fit_content(items: Sequence[Description], parameters: ContentParameters, seed: int) -> ContentFit:
    """TF-IDF over the items' terms, reduced by truncated SVD to ``width`` dimensions.

    Fewer for small catalogues, and none at all where no term is frequent enough: every vector then has shape ``(0,)``.
    """
    documents = [item_terms(item) for item in items]
    fewest = parameters.min_items if len(items) > 100 else 1
    if max(Counter(term for document in documents for term in set(document)).values(), default=0) < fewest:
        return _without_terms(len(items))
    vectoriser = TfidfVectorizer(analyzer=list, sublinear_tf=True, norm=None, dtype=np.float32)
    counted = vectoriser.fit_transform(documents)
    every = np.array(vectoriser.get_feature_names_out(), dtype=object)
    field_weights = np.array([weight_of(field_of(t), parameters.field_weights) for t in every], np.float32)
    # What is too rare to be learned still takes its share of the row: an item of odd terms is known the less by its common ones.
    weighted = normalize(counted.multiply(field_weights).tocsr())
    kept = _frequent(weighted, fewest, parameters.max_terms)
    fields = sorted({field_of(t) for t in every})
    terms = [*every[kept].tolist(), *fields]
    by_bytes = np.argsort(np.array([t.encode() for t in terms], dtype=object), kind="stable")
    unknown = np.array([_idf_of_rare(len(items)) * weight_of(f, parameters.field_weights) for f in fields], np.float32)
    term_weights = np.concatenate([(vectoriser.idf_ * field_weights)[kept].astype(np.float32), unknown])
    nothing = csr_matrix((len(items), len(fields)), dtype=np.float32)
    weighted = csr_matrix(csc_matrix(hstack([csc_matrix(weighted)[:, kept], nothing]))[:, by_bytes])
    width = min(parameters.width, len(items), int(np.count_nonzero(kept)))
    # Not TruncatedSVD, which divides by the variance of the catalogue: that of a single item is 0.
    shares = np.array([parameters.vector_weights.get(field_of(terms[i]), 1.0) for i in by_bytes], np.float32)
    _, _, components = randomized_svd(weighted.multiply(shares).tocsr(), width, n_iter=5, random_state=seed)
    projection = np.ascontiguousarray(components.T * shares[:, None], np.float32)
    transform = ContentTransform(
        vocabulary=StringTable.of(terms[i].encode() for i in by_bytes),
        term_weights=term_weights[by_bytes],
        projection=projection,
        term_factors=np.zeros((len(terms), 0), np.float32),
        factor_offset=np.zeros(0, np.float32),
    )
    return ContentFit(transform, unit_rows(np.asarray(weighted @ projection, np.float32)), weighted)


def _frequent(weighted: csr_matrix, fewest: int, most_terms: int) -> BoolArray:
    """Which terms, ``(t,)``, stand in ``fewest`` items and more; of those the ``most_terms`` that stand in most."""
    counts = np.bincount(weighted.indices, minlength=weighted.shape[1])
    chosen = np.zeros(len(counts), np.bool_)
    chosen[np.argsort(-counts, kind="stable")[:most_terms]] = True
    return chosen & (counts >= fewest)


def _idf_of_rare(n_items: int) -> float:
    """The smooth inverse document frequency of a term that a single item has."""
    return float(np.log((1 + n_items) / 2) + 1)


def _without_terms(n_items: int) -> ContentFit:
    """The content of a catalogue that says nothing."""
    nothing = np.zeros((0, 0), np.float32)
    transform = ContentTransform(StringTable.of([]), nothing.ravel(), nothing, nothing, nothing.ravel())
    return ContentFit(transform, np.zeros((n_items, 0), np.float32), csr_matrix((n_items, 0), dtype=np.float32))


def fit_term_factors(
    weighted: csr_matrix, factors: FloatArray, counts: RowArray, parameters: ContentParameters
) -> tuple[FloatArray, FloatArray]:
    """The ridge regression from weighted terms ``(n, t)`` to factors ``(n, k)``: what each term says, ``(t, k)``, beside the
    offset ``(k,)`` that all items share, the weighted mean of the factors.

    Only items with feedback teach it, each with the weight ``count / (count + 3)``. Zeros without feedback.
    """
    rated = counts > 0
    if not rated.any():
        return np.zeros((weighted.shape[1], factors.shape[1]), np.float32), np.zeros(factors.shape[1], np.float32)
    weights = (counts[rated] / (counts[rated] + PRIOR_FEEDBACK)).astype(np.float32)
    offset = (weights @ factors[rated] / weights.sum()).astype(np.float32)
    roots = np.sqrt(weights)
    design = csr_matrix(diags(roots) @ weighted[rated], dtype=np.float32)
    targets = roots[:, None] * (factors[rated] - offset)
    return _ridge(design, targets, parameters.ridge, parameters.ridge_steps), offset


def _ridge(design: csr_matrix, targets: FloatArray, penalty: float, steps: int) -> FloatArray:
    """``(X'X + penalty I)^-1 X'Y`` by conjugate gradients (Hestenes and Stiefel 1952), shape ``(t, k)``.

    All columns take their steps together, since a sparse product with k columns costs little more than one with a single one. The
    residuals shrink by half a step on real catalogues: what is left after twelve changes no ranking.
    """
    across = csr_matrix(design.T)
    residual = np.asarray(across @ targets, np.float32)
    solution, direction = np.zeros_like(residual), residual.copy()
    squares = np.square(residual).sum(axis=0)
    for _ in range(steps):
        image = across @ (design @ direction) + np.float32(penalty) * direction
        step = squares / np.maximum((direction * image).sum(axis=0), TINY)
        solution += step * direction
        residual -= step * image
        before, squares = squares, np.square(residual).sum(axis=0)
        direction = residual + (squares / np.maximum(before, TINY)) * direction
    return solution
