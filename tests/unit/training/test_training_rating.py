"""The fit of explicit ratings, on made ratings whose model is known."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from made_data import SMALL as SMALL_SIGNALS
from made_data import checkerboard

from app.engine.assembly import build_predictor, read_configuration
from app.engine.predicted_rating import RatingScale
from app.errors import ArtifactRejected
from training.data import Feedback
from training.fit import fit_signals
from training.gibbs import Chain, Ratings, draw_gaussians, draw_prior
from training.rating_model import RatingFit, RatingParameters, expect_all, fit_rating_model, interval_ends

NOISE = 0.5
N_USERS, N_ITEMS = 240, 80
SMALL = RatingParameters(factors=3, samples=8)


@cache
def world() -> tuple[Feedback, Feedback]:
    """Ratings by two tastes, the habits of users and the worth of items, with noise; a fifth of them to be predicted."""
    rng = np.random.default_rng(8)
    users, items = (part.ravel() for part in np.meshgrid(np.arange(N_USERS), np.arange(N_ITEMS), indexing="ij"))
    some = rng.random(len(users)) < 0.5
    users, items = users[some], items[some]
    tastes, kinds = rng.normal(0, 0.7, (N_USERS, 2)), rng.normal(0, 0.7, (N_ITEMS, 2))
    habits, worths = rng.normal(0, 0.4, N_USERS), rng.normal(0, 0.5, N_ITEMS)
    true = 3.3 + (tastes[users] * kinds[items]).sum(axis=1) + habits[users] + worths[items]
    values = (true + rng.normal(0, NOISE, len(true))).astype(np.float32)
    feedback = Feedback.ordered(N_USERS, users, items, values, rng.random(len(users)))
    asked = rng.random(len(users)) < 0.2
    return feedback.take(~asked), feedback.take(asked)


@cache
def fitted() -> RatingFit:
    fit = fit_rating_model(world()[0], N_ITEMS, SMALL, seed=1)
    assert fit is not None
    return fit


def test_it_predicts_almost_as_well_as_the_noise_allows() -> None:
    known, asked = world()
    expected = expect_all(fitted().predictor(), known, asked)
    error = float(np.sqrt(np.square(asked.values - expected.means).mean()))
    assert error < 1.25 * NOISE
    spread = float(asked.values.std())
    assert spread > 1.9 * NOISE  # there was something to learn


def test_what_is_left_out_of_the_fit_tells_how_well_it_predicts() -> None:
    fit = fitted()
    assert fit.left_out == pytest.approx(0.1 * len(world()[0]), rel=0.1)
    assert fit.rmse is not None
    assert NOISE < fit.rmse < 1.35 * NOISE


def test_the_interval_holds_as_many_ratings_as_it_says() -> None:
    known, asked = world()
    fit = fitted()
    expected = expect_all(fit.predictor(), known, asked)
    errors = (asked.values - expected.means) / expected.deviations
    inside = (errors >= fit.reading.low) & (errors <= fit.reading.high)
    assert 0.77 < inside.mean() < 0.83


def test_the_noise_that_was_made_is_found() -> None:
    deviations = fitted().reading.unit / np.sqrt(fitted().samples.noise)
    assert deviations.mean() == pytest.approx(NOISE, rel=0.08)


def test_the_same_ratings_and_seed_give_the_same_bits() -> None:
    again = fit_rating_model(world()[0], N_ITEMS, SMALL, seed=1)
    assert again is not None
    assert again.reading == fitted().reading
    assert all(np.array_equal(array, fitted().samples.arrays()[name]) for name, array in again.samples.arrays().items())


def test_without_ratings_there_is_no_fit() -> None:
    events = world()[0].take(np.arange(len(world()[0])) < 50)
    events = replace(events, values=np.full(50, np.nan, np.float32), choices=np.ones(50, np.float32))
    assert fit_rating_model(events, N_ITEMS, SMALL, seed=1) is None


@pytest.mark.parametrize("count", [1, 2, 7])
def test_a_handful_of_ratings_is_enough_not_to_fail(count: int) -> None:
    few = Feedback.ordered(3, np.arange(count) % 3, np.arange(count), np.full(count, 4, np.float32), np.zeros(count))
    fit = fit_rating_model(few, 9, RatingParameters(), seed=1)
    assert fit is not None
    predictor = fit.predictor()
    predicted = predictor.predict(few.items, few.values.astype(np.float64), np.arange(9), RatingScale(0.5, 10.0))
    assert (predicted.lows < predicted.stars).all()
    assert (predicted.stars < predicted.highs).all()


def test_items_without_ratings_have_no_vectors_of_their_own() -> None:
    known, _ = world()
    fit = fit_rating_model(known, N_ITEMS + 5, SMALL, seed=1)
    assert fit is not None
    assert not fit.samples.rated[N_ITEMS:].any()
    assert np.array_equal(fit.samples.items[:N_ITEMS], fitted().samples.items)


def test_the_ends_of_the_interval_are_normal_until_errors_are_seen() -> None:
    parameters = RatingParameters(normal_errors=100)
    normal = interval_ends(np.zeros(0), parameters)
    assert normal == pytest.approx((-1.2816, 1.2816), abs=1e-4)
    seen = np.linspace(-3, 1, 101)
    assert interval_ends(np.repeat(seen, 10_000), parameters) == pytest.approx((-2.6, 0.6), abs=1e-3)
    low, high = interval_ends(seen, parameters)
    assert -2.6 < low < normal[0]
    assert 0.6 < high < normal[1]


def test_draws_of_gaussians_have_the_mean_and_the_precision_that_was_asked_for() -> None:
    rng = np.random.default_rng(2)
    roots = rng.normal(0, 1, (5, 3, 3))
    precisions, sides = roots @ roots.transpose(0, 2, 1) + np.eye(3), rng.normal(0, 1, (5, 3))
    means = draw_gaussians(precisions, sides, np.zeros((5, 3)))
    assert np.allclose(np.einsum("nij,nj->ni", precisions, means), sides)
    noise = rng.normal(0, 1, (5, 3))
    away = draw_gaussians(precisions, sides, noise) - means
    assert np.allclose(np.einsum("nji,nj->ni", np.linalg.cholesky(precisions), away), noise)


def test_the_prior_of_many_vectors_is_what_they_came_from() -> None:
    rng = np.random.default_rng(4)
    covariance = np.array([[1.0, 0.5, 0.0], [0.5, 2.0, 0.3], [0.0, 0.3, 0.5]])
    vectors = rng.multivariate_normal([1.0, -2.0, 0.5], covariance, 50_000).astype(np.float32)
    prior = draw_prior(vectors, rng)
    assert np.allclose(prior.mean, [1.0, -2.0, 0.5], atol=0.05)
    assert np.allclose(np.linalg.inv(prior.precision), covariance, atol=0.05)


def test_many_rows_are_drawn_in_blocks_as_if_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    known, _ = world()
    ratings = Ratings(N_USERS, N_ITEMS, known.users, known.items, known.values - 3)
    whole = Chain(ratings, 3, np.random.default_rng(1))
    monkeypatch.setattr("training.gibbs.ROWS_A_BLOCK", 17)
    blocks = Chain(ratings, 3, np.random.default_rng(1))
    for _ in range(2):
        one, other = whole.sweep(), blocks.sweep()
        assert np.allclose(one.items, other.items, rtol=1e-3, atol=1e-4)
        assert one.noise == pytest.approx(other.noise, rel=1e-4)


def test_a_release_holds_what_predicts_ratings_and_one_without_ratings_predicts_nothing() -> None:
    board = checkerboard()
    signals = fit_signals(board, board.feedback, SMALL_SIGNALS, 5.0)
    fit = signals.with_rating(fit_rating_model(board.feedback, len(board.items), SMALL, seed=1))
    configuration = read_configuration(fit.configuration.as_document())
    predictor = build_predictor(fit.arrays, configuration, len(board.items))
    assert predictor is not None
    assert predictor.reading == configuration.rating
    assert signals.with_rating(None) is signals
    bare = read_configuration(signals.configuration.as_document())
    assert build_predictor(signals.arrays, bare, len(board.items)) is None
    with pytest.raises(ArtifactRejected, match=r"rating\.items"):
        build_predictor(signals.arrays, configuration, len(board.items))


def test_it_is_told_how_far_the_fit_has_come() -> None:
    shares: list[float] = []
    fit_rating_model(world()[0], N_ITEMS, SMALL, 1, shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert len(shares) > 20
