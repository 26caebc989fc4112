"""Items like an item."""

import numpy as np
import pytest
from made_engines import D, K, N, made_arrays, made_engine, made_extension

from app.engine.similarity import TRUST_AT, Likeness, Similarity

LIKENESSES: tuple[Likeness, ...] = ("hybrid", "content", "collaborative")


def cosines(vectors: np.ndarray, row: int) -> np.ndarray:
    exact = vectors.astype(np.float64)
    lengths = np.linalg.norm(exact, axis=1)
    return exact @ exact[row] / (lengths * lengths[row])


def standard(scores: np.ndarray) -> np.ndarray:
    return (scores - scores.mean()) / scores.std()


def test_scores_are_cosines_shrunk_by_trust() -> None:
    arrays = made_arrays(1)
    similarity, others = made_engine(arrays).similarity, np.arange(N) != 5
    by_content = cosines(arrays["content.vectors"], 5)
    trust = arrays["popularity.counts"] / (arrays["popularity.counts"] + TRUST_AT)
    by_factors = trust * cosines(arrays["collaborative.factors"], 5)
    np.testing.assert_allclose(similarity.scores(5, "content")[others], by_content[others], atol=1e-5)
    np.testing.assert_allclose(similarity.scores(5, "collaborative")[others], by_factors[others], atol=1e-5)
    hybrid = trust[5] * standard(by_factors) + (1 - trust[5] / 2) * standard(by_content)
    np.testing.assert_allclose(similarity.scores(5, "hybrid")[others], hybrid[others], atol=1e-4)


@pytest.mark.parametrize("by", LIKENESSES)
def test_an_item_is_not_listed_as_like_itself_and_the_mask_is_kept(by: Likeness) -> None:
    similarity = made_engine(made_arrays(2)).similarity
    rows, scores = similarity.rank(5, by, None, N)
    assert sorted(rows.tolist()) == [row for row in range(N) if row != 5]
    assert (np.diff(scores) <= 0).all()
    allowed = np.arange(N) < 10
    kept, _ = similarity.rank(5, by, allowed, N)
    assert kept.tolist() == [row for row in rows if row < 10]


@pytest.mark.parametrize("by", LIKENESSES)
def test_nothing_is_like_an_item_that_says_nothing(by: Likeness) -> None:
    arrays = made_arrays(2)
    arrays["collaborative.factors"][5] = 0
    arrays["content.vectors"][5] = 0
    arrays["popularity.counts"][5] = 0
    rows, scores = made_engine(arrays).similarity.rank(5, by, None, N)
    assert len(rows) == len(scores) == 0


@pytest.mark.parametrize("by", LIKENESSES)
def test_an_item_that_says_nothing_has_finite_scores(by: Likeness) -> None:
    arrays = made_arrays(3)
    arrays["collaborative.factors"][5] = 0
    arrays["content.vectors"][5] = 0
    scores = made_engine(arrays).similarity.scores(5, by)
    assert np.isfinite(np.delete(scores, 5)).all()


def test_the_twin_of_an_item_is_the_first_in_the_list() -> None:
    arrays = made_arrays(4)
    for name in ("collaborative.factors", "content.vectors"):
        arrays[name][30] = arrays[name][5]
    arrays["popularity.counts"][:] = 100
    similarity = made_engine(arrays).similarity
    assert [int(similarity.rank(5, by, None, 1)[0][0]) for by in LIKENESSES] == [30, 30, 30]


def test_an_item_nobody_rated_is_compared_by_content_alone() -> None:
    arrays = made_arrays(5)
    arrays["popularity.counts"][5] = 0
    similarity = made_engine(arrays).similarity
    assert similarity.rank(5, "hybrid", None, 9)[0].tolist() == similarity.rank(5, "content", None, 9)[0].tolist()


@pytest.mark.parametrize("by", ["content", "collaborative"])
def test_late_rows_are_compared_like_any_other(by: Likeness) -> None:
    arrays, extension = made_arrays(6), made_extension(6, [4, -1])
    similarity = made_engine(arrays).extended(extension, N).similarity
    whole = Similarity(
        np.concatenate([arrays["collaborative.factors"], extension.factors]),
        np.concatenate([arrays["content.vectors"], extension.vectors]),
        np.concatenate([arrays["popularity.counts"], extension.counts]),
    )
    for row in (3, N + 1):
        np.testing.assert_allclose(similarity.scores(row, by), whole.scores(row, by), atol=1e-6)


@pytest.mark.parametrize("by", LIKENESSES)
def test_a_catalogue_of_one_has_nothing_to_list(by: Likeness) -> None:
    similarity = Similarity(np.ones((1, K), np.float32), np.ones((1, D), np.float32), np.array([3]))
    assert similarity.rank(0, by, None, 5)[0].tolist() == []
