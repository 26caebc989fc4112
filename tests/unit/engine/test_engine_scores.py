"""The engine's scores against the float64 reference, and what always holds of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_engines import COLUMNS, CONFIGURATION, D, K, N, made_arrays, made_engine, made_history, reference

from app.engine.engine import Engine, Scores
from app.engine.history import EMPTY, feedback_history, rating_history
from app.engine.signals import SIGNALS, Spread, VectorReading

SEEDS = st.integers(0, 2**32 - 1)
LENGTHS = st.integers(0, N)
CLOSE = {"rtol": 1e-3, "atol": 2e-3}
"""float32 against float64: scores are sums of standard scores, of the order of 1."""

few = settings(max_examples=40, deadline=None)


@few
@given(SEEDS, LENGTHS)
def test_scores_are_the_weighted_standard_columns(seed: int, length: int) -> None:
    arrays, history = made_arrays(seed), made_history(seed, length)
    weights = made_engine(arrays).blend.weights_for(length)
    expected = reference(arrays, history).scores(weights)
    np.testing.assert_allclose(made_engine(arrays).score(history).total, expected, **CLOSE)


@few
@given(SEEDS, LENGTHS)
def test_standardised_columns_are_those_of_the_reference(seed: int, length: int) -> None:
    arrays, history = made_arrays(seed), made_history(seed, length)
    rows = np.arange(N)[::-3]
    slow = reference(arrays, history)
    expected = (slow.columns - slow.centres[:, None]) * slow.shares(np.ones(len(COLUMNS)))[:, None]
    np.testing.assert_allclose(made_engine(arrays).standardised(history, rows), expected[:, rows], **CLOSE)


@few
@given(SEEDS, LENGTHS)
def test_contributions_add_up_to_the_score(seed: int, length: int) -> None:
    engine = made_engine(made_arrays(seed))
    ranking = engine.score(made_history(seed, length)).rank(None, 10, explain=True)
    assert len(ranking.rows) == 10
    assert set(ranking.contributions) <= set(SIGNALS)
    np.testing.assert_allclose(sum(ranking.contributions.values()), ranking.scores, rtol=1e-4, atol=1e-4)


@few
@given(SEEDS, st.integers(1, N))
def test_evidence_adds_up_to_the_uncentred_sum_of_its_signal(seed: int, length: int) -> None:
    arrays, history = made_arrays(seed), made_history(seed, length)
    engine = made_engine(arrays)
    ranking = engine.score(history).rank(None, 10, explain=True)
    slow = reference(arrays, history)
    shares = slow.shares(engine.blend.weights_for(length))
    for signal in ("collaborative", "item_to_item", "next_item", "content"):
        mine = np.array([name == signal for name, _ in COLUMNS])
        expected = (shares * mine) @ slow.columns[:, ranking.rows]
        evidence = ranking.evidence.get(signal, np.zeros((length, 10)))  # nothing but dislikes folds in to nothing
        assert evidence.shape == (length, 10)
        np.testing.assert_allclose(evidence.sum(axis=0), expected, **CLOSE)
    assert not ranking.evidence["popularity"].any()


def test_evidence_names_the_entry_that_an_item_is_like() -> None:
    arrays = made_arrays(1)
    arrays["content.vectors"][:] = np.eye(N, D, dtype=np.float32)
    arrays["content.vectors"][10] = arrays["content.vectors"][2]
    spread = Spread.of(arrays["content.vectors"])
    arrays |= {"content.mean": spread.mean, "content.covariance": spread.covariance}
    history = rating_history(np.array([0, 2, 4]), np.full(3, 5, np.float32), np.arange(3.0), 3.5)
    evidence = made_engine(arrays).score(history).at(np.array([10]), explain=True).evidence["content"]
    assert evidence[1, 0] != 0
    assert evidence[[0, 2], 0].tolist() == [0, 0]


@few
@given(SEEDS, LENGTHS, st.sets(st.integers(0, N - 1)))
def test_a_filter_changes_which_rows_are_shown_and_not_their_scores(seed: int, length: int, shown: set[int]) -> None:
    scores = made_engine(made_arrays(seed)).score(made_history(seed, length))
    allowed = np.isin(np.arange(N), list(shown))
    everything = scores.rank(None, N)
    filtered = scores.rank(allowed, N)
    assert filtered.rows.tolist() == [row for row in everything.rows if row in shown]
    np.testing.assert_array_equal(filtered.scores, everything.scores[allowed[everything.rows]])


@few
@given(SEEDS, st.integers(1, N))
def test_the_order_in_which_entries_arrive_changes_nothing(seed: int, length: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.permutation(N)[:length].astype(np.int64)
    values = (rng.integers(1, 11, length) / 2).astype(np.float32)
    times = rng.integers(0, 4, length).astype(np.float64)
    shuffled = rng.permutation(length)
    engine = made_engine(made_arrays(seed))
    one = engine.score(rating_history(rows, values, times, 3.5))
    other = engine.score(rating_history(rows[shuffled], values[shuffled], times[shuffled], 3.5))
    np.testing.assert_array_equal(one.total, other.total)


@few
@given(SEEDS, st.integers(1, N), st.sampled_from(SIGNALS))
def test_a_signal_alone_scores_what_it_contributes_to_the_whole(seed: int, length: int, signal: str) -> None:
    engine, history, rows = made_engine(made_arrays(seed)), made_history(seed, length), np.arange(N)
    whole = engine.score(history).at(rows, explain=True)
    alone = engine.score(history, signals=[signal]).at(rows, explain=True)
    assert set(alone.contributions) <= {signal}
    np.testing.assert_allclose(alone.scores, whole.contributions.get(signal, np.zeros(N)), rtol=1e-4, atol=1e-4)


def test_without_a_history_popularity_is_all_there_is() -> None:
    arrays = made_arrays(3)
    ranking = made_engine(arrays).score(EMPTY).rank(None, N, explain=True)
    assert set(ranking.contributions) == {"popularity"}
    assert ranking.evidence["popularity"].shape == (0, N)
    popularity = arrays["popularity.scores"].astype(np.float64)
    standard = (popularity - popularity.mean(axis=1)[:, None]) / popularity.std(axis=1)[:, None]
    expected = arrays["blend.weights"][0, -2:] @ standard
    np.testing.assert_allclose(ranking.scores, expected[ranking.rows], rtol=1e-4, atol=1e-4)


def test_given_weights_replace_the_learned_ones() -> None:
    arrays, history = made_arrays(4), made_history(4, 7)
    weights = np.zeros(len(COLUMNS), np.float32)
    weights[[COLUMNS.index(("content", "8")), COLUMNS.index(("popularity", "liked"))]] = 2, -1
    expected = reference(arrays, history).scores(weights)
    np.testing.assert_allclose(made_engine(arrays).score(history, weights=weights).total, expected, **CLOSE)


@few
@given(SEEDS, LENGTHS, st.sets(st.sampled_from(range(len(COLUMNS)))))
def test_columns_without_a_weight_say_nothing_and_change_nothing(seed: int, length: int, silent: set[int]) -> None:
    arrays, history = made_arrays(seed), made_history(seed, length)
    weights = np.random.default_rng(seed).normal(0.5, 0.3, len(COLUMNS)).astype(np.float32)
    weights[list(silent)] = 0
    slow = reference(arrays, history)
    ranking = made_engine(arrays).score(history, weights=weights).rank(None, 10, explain=True)
    np.testing.assert_allclose(ranking.scores, np.sort(slow.scores(weights))[::-1][:10], **CLOSE)
    for signal, evidence in ranking.evidence.items():
        if signal != "popularity":
            mine = np.array([name == signal for name, _ in COLUMNS])
            expected = (slow.shares(weights) * mine) @ slow.columns[:, ranking.rows]
            np.testing.assert_allclose(evidence.sum(axis=0), expected, **CLOSE)


@few
@given(SEEDS, LENGTHS, st.integers(1, N), st.sets(st.integers(0, N - 1)), st.floats(0, 0.2))
def test_what_is_postponed_changes_no_list(seed: int, length: int, limit: int, hidden: set[int], says: float) -> None:
    engine, history = made_engine(made_arrays(seed)), made_history(seed, length)
    weights = engine.blend.weights_for(length).copy()
    weights[[name == "content" for name, _ in COLUMNS]] *= np.float32(says)
    allowed = ~np.isin(np.arange(N), list(hidden))
    whole = engine.score(history, weights=weights).rank(allowed, limit, explain=True)
    readings = [signal.read(history) for signal in engine.signals]
    postponed = Scores(engine.signals, readings, weights, engine.n_rows, postponed_from=0)
    ranking = postponed.rank(allowed, limit, explain=True)
    assert len(ranking.rows) == len(whole.rows)
    np.testing.assert_allclose(ranking.scores, whole.scores, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(ranking.scores, postponed.scores_at(ranking.rows), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(sum(ranking.contributions.values()), ranking.scores, rtol=1e-4, atol=1e-4)
    added = np.random.default_rng(seed).normal(0, 1, N).astype(np.float32)
    postponed.add(added)
    np.testing.assert_allclose(postponed.total, engine.score(history, weights=weights).total + added, **CLOSE)


def test_few_candidates_are_scored_where_little_is_postponed(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, history = made_engine(made_arrays(6)), made_history(6, 5)
    weights = engine.blend.weights_for(5) * np.array([0.001 if name == "content" else 1 for name, _ in COLUMNS])
    readings = [signal.read(history) for signal in engine.signals]
    scores = Scores(engine.signals, readings, weights.astype(np.float32), engine.n_rows, postponed_from=0)
    read: list[int] = []
    at = VectorReading.at
    monkeypatch.setattr(VectorReading, "at", lambda self, rows: read.append(len(rows)) or at(self, rows))
    monkeypatch.setattr(VectorReading, "add_to", None)
    assert len(scores.best(None, 3)) == 3
    assert read == [pytest.approx(3, abs=3)]


def test_no_signal_at_all_scores_zero() -> None:
    ranking = made_engine(made_arrays(5)).score(made_history(5, 4), signals=[]).rank(None, 3, explain=True)
    assert ranking.scores.tolist() == [0, 0, 0]
    assert ranking.rows.tolist() == [0, 1, 2]
    assert ranking.contributions == {}


def test_a_column_that_says_the_same_of_all_items_counts_as_nothing() -> None:
    arrays, history = made_arrays(6), made_history(6, 4)
    arrays["popularity.scores"][1] = 3.0
    arrays["popularity.centres"][1], arrays["popularity.scales"][1] = 3.0, 0.0
    total = made_engine(arrays).score(history).total
    assert np.isfinite(total).all()
    np.testing.assert_allclose(
        total, reference(arrays, history).scores(made_engine(arrays).blend.weights_for(4)), **CLOSE
    )


def test_a_dislike_pushes_away_what_is_like_it() -> None:
    arrays = made_arrays(7)
    factors = arrays["collaborative.factors"]
    liked = rating_history(np.array([3, 9]), np.array([5, 5], np.float32), np.array([1.0, 2.0]), 3.5)
    disliked = rating_history(np.array([3, 9]), np.array([5, 0.5], np.float32), np.array([1.0, 2.0]), 3.5)
    assert disliked.preferences[1] < CONFIGURATION.fold_in.dislike_below
    factors[10] = factors[9]
    only = {"weights": np.eye(len(COLUMNS), dtype=np.float32)[COLUMNS.index(("collaborative", "30"))]}
    before, after = (made_engine(arrays).score(h, **only).rank(None, N).rows.tolist() for h in (liked, disliked))
    assert after.index(10) > before.index(10)


@pytest.mark.parametrize("tied", [60, 300])
def test_many_newest_entries_of_one_time_are_read_however_many_they_are(tied: int) -> None:
    arrays, n = made_arrays(10, n=400), tied + 3
    times = np.r_[np.arange(3.0), np.full(tied, 3.0)]
    history = rating_history(np.arange(n), np.full(n, 4, np.float32), times, 3.5)
    engine = made_engine(arrays)
    for signal in ("item_to_item", "next_item"):
        weights = np.array([name == signal for name, _ in COLUMNS], np.float32)
        total = engine.score(history, weights=weights).total
        assert total.std() > 0.5
        np.testing.assert_allclose(total, reference(arrays, history).scores(weights), **CLOSE)


@pytest.mark.parametrize("weight", [-2.0, -1.0, 0.1, 0.3, 1.0, 2.0])
def test_a_dislike_is_read_against_its_kind_until_more_than_a_click_speaks_for_something(weight: float) -> None:
    arrays, events = made_arrays(11), np.array([1, weight], np.float32)
    values = np.array([0.5, np.nan], np.float32)
    history = feedback_history(np.array([3, 9]), values, events, np.array([1.0, 2.0]), 3.5)
    ranking = made_engine(arrays).score(history, weights=np.ones(len(COLUMNS))).rank(None, N, explain=True)
    disliked, event = ranking.evidence["item_to_item"] / arrays["item_to_item.matrix"][[3, 9]][:, ranking.rows]
    follows = ranking.evidence.get("next_item", np.zeros((2, N)))
    liked = weight >= 1
    assert (disliked > 0).all() if liked else (disliked < 0).all()
    assert (event * weight > 0).all()
    assert follows[0].any() == liked
    assert follows[1].any() == (weight > 0)


def test_an_engine_of_one_item_ranks_it() -> None:
    engine = made_engine(made_arrays(8, n=1))
    ranking = engine.score(made_history(8, 1, n=1)).rank(None, 10, explain=True)
    assert ranking.rows.tolist() == [0]
    assert ranking.scores.tolist() == [0.0]


def test_the_blend_must_be_for_the_signals_columns() -> None:
    engine = made_engine(made_arrays(9))
    with pytest.raises(ValueError, match="the blend is for the columns"):
        Engine(engine.signals[:2], engine.blend, engine.similarity, N)


@few
@given(SEEDS, st.integers(0, 30))
def test_a_spread_gives_the_mean_and_deviation_of_the_products(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    vectors, query = rng.normal(1, 2, (n, K)).astype(np.float32), rng.normal(0, 3, K)
    spread = Spread.of(vectors)
    products = vectors.astype(np.float64) @ query if n else np.zeros(1)
    assert spread.mean @ query == pytest.approx(products.mean(), rel=1e-4, abs=1e-4)
    variance = query @ spread.covariance.astype(np.float64) @ query
    assert np.sqrt(max(variance, 0.0)) == pytest.approx(products.std(), rel=1e-3, abs=1e-3)
