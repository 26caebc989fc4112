# pyright: basic, reportArgumentType=false, reportAttributeAccessIssue=false, reportOperatorIssue=false, reportOptionalMemberAccess=false
# (scikit-learn has no annotations and the checker's guesses at them are wrong: loose here, and in this file only)
"""Fits the content signal with scikit-learn; the only module that knows it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge
from sklearn.preprocessing import normalize
from sklearn.utils.extmath import randomized_svd

from app.engine.arrays import FloatArray, RowArray
from app.engine.content import FIELD_WEIGHTS, ContentTransform, unit_rows
from app.engine.strings import StringTable
from app.engine.terms import Description, field_of, item_terms


@dataclass(frozen=True, slots=True)
class ContentParameters:
    """Hyper-parameters of the content vectors. Terms in fewer than ``min_items`` items are left out, and of the rest the
    ``max_terms`` most frequent kept. ``ridge`` is the penalty of the map from content to factors."""

    width: int = 128
    min_items: int = 2
    max_terms: int = 50_000
    ridge: float = 1.0
    field_weights: Mapping[str, float] = field(default_factory=lambda: dict(FIELD_WEIGHTS))


@dataclass(frozen=True, slots=True)
class ContentFit:
    """The transform for items to come, and the unit vectors ``(n, d)`` of those at hand."""

    transform: ContentTransform
    vectors: FloatArray


def fit_content(items: Sequence[Description], parameters: ContentParameters, seed: int) -> ContentFit:
    """TF-IDF over the items' terms, reduced by truncated SVD to ``width`` dimensions.

    Fewer for small catalogues, and none at all where no term is frequent enough: every vector then has shape ``(0,)``.
    """
    documents = [item_terms(item) for item in items]
    fewest = parameters.min_items if len(items) > 100 else 1
    if max(Counter(term for document in documents for term in set(document)).values(), default=0) < fewest:
        return _without_terms(len(items))
    vectoriser = TfidfVectorizer(
        analyzer=list,
        min_df=fewest,
        max_features=parameters.max_terms,
        sublinear_tf=True,
        norm=None,
        dtype=np.float32,
    )
    weighted = vectoriser.fit_transform(documents)
    terms = [str(t) for t in vectoriser.get_feature_names_out()]
    by_bytes = np.argsort(np.array([t.encode() for t in terms], dtype=object), kind="stable")
    field_weights = np.array([parameters.field_weights.get(field_of(t), 0.0) for t in terms], np.float32)
    weighted = normalize(weighted.multiply(field_weights).tocsr())
    width = min(parameters.width, *weighted.shape)
    # Not TruncatedSVD, which divides by the variance of the catalogue: that of a single item is 0.
    _, _, components = randomized_svd(weighted, width, n_iter=5, random_state=seed)
    projection = np.ascontiguousarray(components.T, np.float32)
    transform = ContentTransform(
        vocabulary=StringTable.of(terms[i].encode() for i in by_bytes),
        term_weights=(vectoriser.idf_ * field_weights).astype(np.float32)[by_bytes],
        projection=projection[by_bytes],
        factor_map=np.zeros((width, 0), np.float32),
        factor_offset=np.zeros(0, np.float32),
    )
    return ContentFit(transform, unit_rows(np.asarray(weighted @ projection, np.float32)))


def _without_terms(n_items: int) -> ContentFit:
    """The content of a catalogue that says nothing."""
    nothing = np.zeros((0, 0), np.float32)
    transform = ContentTransform(StringTable.of([]), nothing.ravel(), nothing, nothing, nothing.ravel())
    return ContentFit(transform, np.zeros((n_items, 0), np.float32))


def fit_factor_map(
    vectors: FloatArray, factors: FloatArray, counts: RowArray, ridge: float
) -> tuple[FloatArray, FloatArray]:
    """The ridge regression from content vectors ``(n, d)`` to factors ``(n, k)``: the map ``(d, k)`` and offset ``(k,)``.

    Only items with feedback teach it, each with the weight ``count / (count + 10)``. Zeros without feedback or without content.
    """
    rated = counts > 0
    if not rated.any() or vectors.shape[1] == 0:
        return np.zeros((vectors.shape[1], factors.shape[1]), np.float32), np.zeros(factors.shape[1], np.float32)
    weights = counts[rated] / (counts[rated] + 10.0)
    model = Ridge(alpha=ridge).fit(vectors[rated], factors[rated], sample_weight=weights)
    return np.ascontiguousarray(model.coef_.T, np.float32), np.asarray(model.intercept_, np.float32)
