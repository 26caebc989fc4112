"""The fits of the single signals against slow, obvious ways to the same."""

import math
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from made_data import checkerboard, made_feedback, made_snapshot
from scipy.sparse import csr_matrix
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from app.engine.content import FIELD_WEIGHTS
from app.engine.terms import Description, field_of, item_terms, weight_of
from training.collaborative import AlsParameters, Factors, fit_factors
from training.content import ContentParameters, fit_content, fit_term_factors
from training.data import ItemRecord
from training.fit import reference_rows
from training.popularity import PopularityParameters, fit_popularity

DAY = 86_400.0


def described(n: int = 60) -> list[Description]:
    rng = np.random.default_rng(5)
    words = [f"word{chr(97 + i)}{'é' if i % 5 == 0 else ''}" for i in range(26)]
    return [
        Description(
            title=" ".join(rng.choice(words, 3)),
            text=" ".join(rng.choice(words, 12)),
            categories=rng.choice(["Drama", "Comedy", "映画", ""], 2).tolist(),
            people=[{"name": str(rng.choice(["A", "B", "C"])), "role": "cast"}],
            released_on=date(1980 + i % 40, 1, 1),
            language="en",
        )
        for i in range(n)
    ]


def test_an_item_at_hand_has_the_same_vector_in_serving_as_in_training() -> None:
    items = described()
    fit = fit_content(items, ContentParameters(width=16), seed=1)
    assert fit.vectors.shape == (60, 16)
    term_factors = np.random.default_rng(1).normal(size=(len(fit.transform.vocabulary), 3)).astype(np.float32)
    transform = replace(fit.transform, term_factors=term_factors)
    for item, vector, taste in zip(items, fit.vectors, fit.weighted @ term_factors, strict=True):
        read = transform.read(item_terms(item))
        np.testing.assert_allclose(read[0], vector, atol=1e-5)
        np.testing.assert_allclose(read[1], taste, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(fit.vectors, axis=1), 1, atol=1e-5)


def test_content_vectors_are_those_of_tf_idf_and_truncated_svd() -> None:
    items = described()
    vectoriser = TfidfVectorizer(analyzer=item_terms, sublinear_tf=True, norm=None)
    weighted = vectoriser.fit_transform(items).toarray()
    weighted *= [weight_of(field_of(term), FIELD_WEIGHTS) for term in vectoriser.get_feature_names_out()]
    weighted /= np.linalg.norm(weighted, axis=1, keepdims=True)
    weighted *= [0.3 if field_of(term) == "year" else 1.0 for term in vectoriser.get_feature_names_out()]
    reduced = TruncatedSVD(16, random_state=1).fit_transform(weighted)
    reduced /= np.linalg.norm(reduced, axis=1, keepdims=True)
    vectors = fit_content(items, ContentParameters(width=16), seed=1).vectors
    # Singular vectors have no sign of their own; inner products do not know them.
    np.testing.assert_allclose(vectors @ vectors.T, reduced @ reduced.T, atol=1e-2)


def test_rare_terms_and_surplus_terms_are_left_out_of_large_catalogues() -> None:
    items = [Description(f"shared only{i}", categories=["even" if i % 2 else "odd"]) for i in range(101)]
    terms = list(fit_content(items, ContentParameters(), seed=1).transform.vocabulary)
    assert terms == [b"category", b"category:even", b"category:odd", b"title", b"title:shared"]
    fewer = fit_content(items, ContentParameters(max_terms=2), seed=1).transform
    assert b"title:shared" in list(fewer.vocabulary)
    assert len(fewer.vocabulary) == 2 + 2
    # They have their share of the row all the same, whether they are rare or new.
    learned = np.diag([0, 1, 1, 0, 1]).astype(np.float32)
    transform = replace(fit_content(items, ContentParameters(), seed=1).transform, term_factors=learned)
    rare, new = (
        transform.read(item_terms(items[0]))[1],
        transform.read(["title:new", "title:shared", "category:odd"])[1],
    )
    np.testing.assert_allclose(rare, new, atol=1e-6)
    assert 0 < np.linalg.norm(rare) < 0.9


@pytest.mark.parametrize("n", [1, 2, 5])
@pytest.mark.parametrize("title", ["same", "映画 😀", "number{}"])
def test_the_smallest_catalogues_have_content_vectors(n: int, title: str) -> None:
    items = [Description(title.format(i)) for i in range(n)]
    fit = fit_content(items, ContentParameters(), seed=1)
    np.testing.assert_allclose(np.linalg.norm(fit.vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(fit.transform.read(item_terms(items[-1]))[0], fit.vectors[-1], atol=1e-5)


@pytest.mark.parametrize("n", [1, 150])
def test_a_catalogue_without_words_has_vectors_of_no_width(n: int) -> None:
    titles = [Description("—" if n == 1 else f"once{i}") for i in range(n)]
    fit = fit_content(titles, ContentParameters(), seed=1)
    assert fit.vectors.shape == (n, 0)
    assert [part.shape for part in fit.transform.read(["title:anything"])] == [(0,), (0,)]


def test_an_item_whose_only_category_is_empty_is_like_its_fellows() -> None:
    items = [Description("-", categories=[""]), Description("-", categories=[""]), Description("-", categories=["x"])]
    vectors = fit_content(items, ContentParameters(), seed=1).vectors
    np.testing.assert_allclose(vectors @ vectors.T, [[1, 1, 0], [1, 1, 0], [0, 0, 1]], atol=1e-5)


def test_the_map_to_factors_is_the_weighted_ridge_regression() -> None:
    rng = np.random.default_rng(2)
    terms, factors = rng.random((30, 8)), rng.normal(size=(30, 3)).astype(np.float32)
    counts = rng.integers(0, 4, 30)
    parameters = ContentParameters(ridge=0.5)
    mapped, offset = fit_term_factors(csr_matrix(terms, dtype=np.float32), factors, counts, parameters)
    weights = np.diag(counts / (counts + 3))
    mean = weights.diagonal() @ factors / weights.sum()
    inverse = np.linalg.inv(terms.T @ weights @ terms + 0.5 * np.eye(8))
    np.testing.assert_allclose(offset, mean, atol=1e-5)
    np.testing.assert_allclose(mapped, inverse @ terms.T @ weights @ (factors - mean), atol=1e-4)


def test_without_ratings_or_without_content_nothing_is_mapped() -> None:
    for width, counts in ((4, np.zeros(3, np.int64)), (0, np.ones(3, np.int64))):
        weighted = csr_matrix(np.ones((3, width), np.float32))
        mapped, offset = fit_term_factors(weighted, np.ones((3, 2), np.float32), counts, ContentParameters())
        assert mapped.shape == (width, 2)
        assert offset.tolist() == [counts.min()] * 2


def test_popularity_is_the_decayed_count_and_the_bayesian_mean() -> None:
    ratings = [(0, 0, 5.0, 0.0), (1, 0, 3.0, 100 * DAY), (2, 1, 1.0, 50 * DAY), (0, 2, 4.0, 100 * DAY)]
    items = [ItemRecord(i, b"%d" % i, Description("x")) for i in range(3)]
    items.append(ItemRecord(3, b"3", Description("x"), votes=1_000, vote_mean=8.0))
    items.append(ItemRecord(4, b"4", Description("x"), votes=7))
    parameters = PopularityParameters(half_life_days=100.0, prior_ratings=10.0, most_votes=50.0)
    taken, liked = fit_popularity(made_feedback(ratings), items, 0.5, parameters)
    # The only item with votes (of a known mean) has all of them, and they stand for one rating.
    expected = [math.log1p(0.5 + 1), math.log1p(0.5**0.5), math.log1p(1), math.log1p(1), 0]
    np.testing.assert_allclose(taken, expected, rtol=1e-6)
    mean = (13 + 10 * 4) / (4 + 10)
    expected = [(10 * mean + 8) / 12, (10 * mean + 1) / 11, (10 * mean + 4) / 11, (10 * mean + 50 * 4) / 60, mean]
    np.testing.assert_allclose(liked, expected, rtol=1e-6)


def test_votes_from_elsewhere_alone_make_a_ranking() -> None:
    votes = [(10, 5.0), (30, 9.0), (0, None)]
    items = [ItemRecord(i, b"%d" % i, Description("x"), votes=v, vote_mean=m) for i, (v, m) in enumerate(votes)]
    taken, liked = fit_popularity(made_feedback([]), items, 0.5, PopularityParameters())
    np.testing.assert_allclose(taken, np.log1p([2 * 0.25, 2 * 0.75, 0]), rtol=1e-6)
    assert np.argsort(-liked).tolist() == [1, 2, 0]


def test_items_without_feedback_have_no_factors_of_their_own() -> None:
    snapshot = checkerboard()
    factors = fit_factors(snapshot.feedback, 43, AlsParameters(factors=4, iterations=2), 1).items
    assert factors.shape == (43, 4)
    assert not factors[40:].any()
    assert (np.linalg.norm(factors[:40], axis=1) > 0).all()


def test_nobodys_ratings_give_zero_factors() -> None:
    factors = fit_factors(made_snapshot(3).feedback, 3, AlsParameters(factors=4, iterations=2), 1).items
    assert factors.tolist() == np.zeros((3, 4)).tolist()


def test_a_refit_on_a_little_more_starts_near_its_end_and_leaves_the_start_as_it_was() -> None:
    feedback = checkerboard().feedback
    part = feedback.take(np.arange(len(feedback)) % 20 != 7)
    few = AlsParameters(factors=4, regularisation=1.0, iterations=30, refit_iterations=3)
    start = fit_factors(part, 40, few, 1)
    before = start.items.copy()
    refitted = fit_factors(feedback, 40, few, 1, start)
    from_nothing = fit_factors(feedback, 40, replace(few, iterations=3), 1)
    converged = fit_factors(feedback, 40, replace(few, iterations=300), 1)

    def products(factors: Factors) -> np.ndarray:
        return factors.users @ factors.items.T

    far = np.abs(products(from_nothing) - products(converged)).mean()
    assert np.abs(products(refitted) - products(converged)).mean() < far / 2
    assert start.items.tolist() == before.tolist()


@pytest.mark.parametrize(("n", "expected"), [(0, 0), (1, 1), (5, 5), (20_000, 20_000), (70_001, 20_000)])
def test_reference_rows_are_spread_over_all(n: int, expected: int) -> None:
    rows = reference_rows(n)
    assert len(rows) == expected
    assert (np.diff(rows) > 0).all()
    assert n == 0 or (rows[0], rows[-1]) == (0, n - 1)
