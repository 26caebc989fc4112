"""Predicted ratings against a slow, obvious way to the same."""

from dataclasses import replace

import numpy as np
import pytest

from app.engine.arrays import DoubleArray
from app.engine.predicted_rating import RatingPredictor, RatingReading, RatingSamples, RatingScale
from app.errors import ArtifactRejected

N, S, D = 12, 3, 4
READING = RatingReading(mean=3.2, unit=1.1, low=-1.4, high=1.2, level=0.8)
UNRATED = 5


def made_samples(seed: int = 3) -> RatingSamples:
    rng = np.random.default_rng(seed)

    def matrices() -> DoubleArray:
        roots = rng.normal(0, 0.5, (S, D, D))
        return roots @ roots.transpose(0, 2, 1) + np.eye(D)

    rated = np.ones(N, np.bool_)
    rated[UNRATED] = False
    return RatingSamples(
        rng.normal(0, 0.6, (N, S, D)).astype(np.float32),
        rated,
        rng.normal(0, 0.3, (S, D)),
        matrices(),
        rng.normal(0, 0.3, (S, D)),
        0.3 * matrices(),
        rng.uniform(1.0, 2.0, S),
    )


def slow_posterior(
    samples: RatingSamples, s: int, rows: list[int], values: list[float]
) -> tuple[DoubleArray, DoubleArray]:
    """One user's mean and covariance in one sample, rating by rating."""
    precision: DoubleArray = samples.user_precisions[s].copy()
    side: DoubleArray = precision @ samples.user_means[s]
    for row, value in zip(rows, values, strict=True):
        item = samples.items[row, s].astype(np.float64)
        regressor = np.r_[item[:-1], 1.0]
        precision += samples.noise[s] * np.outer(regressor, regressor)
        side += samples.noise[s] * ((value - READING.mean) / READING.unit - item[-1]) * regressor
    covariance: DoubleArray = np.linalg.inv(precision).astype(np.float64)
    return covariance @ side, covariance


def test_a_history_is_folded_in_through_every_sample_and_the_variance_is_of_all_of_them_together() -> None:
    samples = made_samples()
    predictor = RatingPredictor(samples, READING)
    rows, values = [1, 4, 7, 2, 9], [5.0, 3.5, 1.0, 4.0, 2.5]
    user = predictor.fold_in(np.array(rows), np.array(values))
    expected = predictor.expect(user, np.array([0, 4]))
    for place, row in enumerate((0, 4)):
        means: list[float] = []
        variances: list[float] = []
        for s in range(S):
            mean, covariance = slow_posterior(samples, s, rows, values)
            item = samples.items[row, s].astype(np.float64)
            regressor = np.r_[item[:-1], 1.0]
            means.append(regressor @ mean + item[-1])
            variances.append(regressor @ covariance @ regressor + 1 / samples.noise[s])
        assert expected.means[place] == pytest.approx(3.2 + 1.1 * np.mean(means))
        assert expected.deviations[place] == pytest.approx(1.1 * np.sqrt(np.mean(variances) + np.var(means)))


def test_a_user_without_ratings_is_anybody() -> None:
    samples = made_samples()
    user = RatingPredictor(samples, READING).fold_in(np.zeros(0, np.int64), np.zeros(0))
    assert np.allclose(user.means, samples.user_means)
    assert np.allclose(user.covariances, np.linalg.inv(samples.user_precisions))


def test_the_interval_reaches_from_low_to_high_deviations_off_the_mean_and_stays_on_the_scale() -> None:
    predictor = RatingPredictor(made_samples(), READING)
    rows, values = np.array([1]), np.array([4.0])
    expected = predictor.expect(predictor.fold_in(rows, values), np.arange(N))
    free = predictor.predict(rows, values, np.arange(N), RatingScale(-100.0, 100.0))
    assert np.array_equal(free.stars, expected.means)
    assert np.allclose((free.lows - expected.means) / expected.deviations, -1.4)
    assert np.allclose((free.highs - expected.means) / expected.deviations, 1.2)
    cut = predictor.predict(rows, values, np.arange(N), RatingScale(3.0, 4.0))
    assert np.array_equal(cut.stars, np.clip(free.stars, 3.0, 4.0))
    assert cut.lows.min() == 3.0
    assert cut.highs.max() == 4.0


def test_an_item_that_nobody_has_rated_has_an_interval_of_its_own() -> None:
    predictor = RatingPredictor(made_samples(), replace(READING, unrated_ends=(-0.9, 1.6)))
    rows, values, wanted = np.array([1]), np.array([4.0]), np.arange(N)
    expected = predictor.expect(predictor.fold_in(rows, values), wanted)
    assert np.flatnonzero(expected.unrated).tolist() == [UNRATED]
    free = predictor.predict(rows, values, wanted, RatingScale(-100.0, 100.0))
    ends = np.stack([free.lows - expected.means, free.highs - expected.means]) / expected.deviations
    assert np.allclose(ends[:, UNRATED], [-0.9, 1.6])
    assert np.allclose(np.delete(ends, UNRATED, axis=1), [[-1.4], [1.2]])


def test_an_item_that_nobody_has_rated_is_any_item() -> None:
    samples = made_samples()
    predictor = RatingPredictor(samples, READING)
    user = predictor.fold_in(np.array([1, 4]), np.array([5.0, 2.0]))
    expected = predictor.expect(user, np.array([UNRATED, 0]))
    rng = np.random.default_rng(1)
    means: list[float] = []
    variances: list[float] = []
    for s in range(S):
        users = rng.multivariate_normal(user.means[s], user.covariances[s], 200_000)
        items = rng.multivariate_normal(samples.item_means[s], samples.item_covariances[s], 200_000)
        drawn = (users[:, :-1] * items[:, :-1]).sum(axis=1) + users[:, -1] + items[:, -1]
        means.append(drawn.mean())
        variances.append(drawn.var() + 1 / samples.noise[s])
    assert expected.means[0] == pytest.approx(3.2 + 1.1 * np.mean(means), abs=0.01)
    assert expected.deviations[0] == pytest.approx(1.1 * np.sqrt(np.mean(variances) + np.var(means)), rel=0.01)


def test_ratings_of_items_without_any_are_passed_over() -> None:
    predictor = RatingPredictor(made_samples(), READING).extended(np.array([-1]))
    plain = predictor.fold_in(np.array([1]), np.array([4.0]))
    more = predictor.fold_in(np.array([UNRATED, 1, N]), np.array([1.0, 4.0, 5.0]))
    assert np.array_equal(plain.means, more.means)


def test_a_changed_item_is_predicted_as_its_row_in_the_release_and_a_new_one_as_any_item() -> None:
    predictor = RatingPredictor(made_samples(), READING).extended(np.array([2, -1, UNRATED]))
    user = predictor.fold_in(np.array([N, 1]), np.array([5.0, 2.0]))
    assert np.array_equal(user.means, predictor.fold_in(np.array([2, 1]), np.array([5.0, 2.0])).means)
    expected = predictor.expect(user, np.array([2, N, UNRATED, N + 1, N + 2]))
    assert expected.means[0] == pytest.approx(expected.means[1])
    assert expected.means[2] == expected.means[3] == expected.means[4]
    assert expected.deviations[3] == expected.deviations[2] > 0


def test_a_new_item_is_predicted_by_its_content_where_that_is_mapped() -> None:
    rng = np.random.default_rng(5)
    plain = made_samples()
    maps = rng.normal(0, 0.4, (2, S, D)).astype(np.float32)
    items = plain.items.copy()
    items[UNRATED] = plain.item_means + np.tensordot([0.5, -0.5], maps, axes=1)
    samples = replace(plain, items=items, content_maps=maps)
    features = np.array([[0.5, -0.5], [0.0, 0.0], [9.0, 9.0]], np.float32)
    predictor = RatingPredictor(samples, READING).extended(np.array([-1, -1, 2]), features)
    user = predictor.fold_in(np.array([1]), np.array([4.0]))
    expected = predictor.expect(user, np.array([UNRATED, N, N + 1, N + 2, 2]))
    assert expected.means[0] == pytest.approx(expected.means[1])
    assert expected.deviations[0] == pytest.approx(expected.deviations[1])
    # Of no content it is any item, and what was rated is not asked for its content.
    unmapped = RatingPredictor(plain, READING).expect(user, np.array([UNRATED]))
    assert expected.means[2] == pytest.approx(unmapped.means[0])
    assert expected.means[3] == pytest.approx(expected.means[4])
    again = RatingSamples.read(samples.arrays(), N, 2)
    assert np.array_equal(again.content_maps, maps)
    with pytest.raises(ArtifactRejected, match=r"rating\.content_maps"):
        RatingSamples.read(samples.arrays(), N, 3)


def test_each_rating_leaves_less_doubt_about_a_user() -> None:
    predictor = RatingPredictor(made_samples(), READING)
    few = predictor.fold_in(np.array([1]), np.array([4.0]))
    more = predictor.fold_in(np.array([1, 2, 3]), np.array([4.0, 1.0, 5.0]))
    assert (np.trace(more.covariances, axis1=1, axis2=2) < np.trace(few.covariances, axis1=1, axis2=2)).all()


def test_samples_come_back_from_the_arrays_of_an_artifact() -> None:
    samples = made_samples()
    again = RatingSamples.read(samples.arrays(), N)
    assert all(np.array_equal(getattr(again, name), getattr(samples, name)) for name in RatingSamples.__slots__)


def test_arrays_that_do_not_fit_are_refused_by_name() -> None:
    arrays = replace(made_samples(), noise=np.ones(S + 1)).arrays()
    with pytest.raises(ArtifactRejected, match=r"rating\.noise"):
        RatingSamples.read(arrays, N)
    with pytest.raises(ArtifactRejected, match=r"rating\.items"):
        RatingSamples.read(made_samples().arrays(), N + 1)
