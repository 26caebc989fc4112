"""The weights that are learned, and the measure that judges them."""

import math
from dataclasses import dataclass, field

import numpy as np
import pytest
from made_data import Rating, made_feedback

from app.engine.arrays import FloatArray, RowArray
from app.engine.blend import Blend
from app.engine.history import History
from training.blend import FEWEST_USERS, HISTORY_SIZES, BlendParameters, default_weights, learn_blend
from training.evaluate import measure_next_item, rank_next_items
from training.split import Split, hold_out_newest

COLUMNS = (("content", "1"), ("popularity", "taken"))


@dataclass
class NextRowEngine:
    """An engine whose first column knows that the next item is the row after the newest one; the other column is noise."""

    n_rows: int = 60
    blend: Blend = field(default_factory=lambda: Blend(COLUMNS, (0,), np.ones((1, 2), np.float32)))
    asked: list[tuple[History, RowArray]] = field(default_factory=list)

    def standardised(self, history: History, rows: RowArray) -> FloatArray:
        self.asked.append((history, rows))
        noise = np.random.default_rng(len(self.asked)).normal(size=(2, len(rows)))
        noise[0] /= 10
        noise[1] += rows % 7 / 7
        if len(history):
            noise[0] += 3.0 * (rows == history.rows[-1] + 1)
        return noise.astype(np.float32)


@dataclass
class Totals:
    total: FloatArray


@dataclass
class FixedEngine:
    """An engine that says the same to everybody, and something else to those without a history."""

    known: FloatArray
    unknown: FloatArray

    def score(self, history: History) -> Totals:
        return Totals(self.known if len(history) else self.unknown)


def walks(n_users: int, length: int, value: float = 5.0) -> list[Rating]:
    """Each user goes from one row to the next."""
    return [(user, user % 20 + step, value, float(step)) for user in range(n_users) for step in range(length)]


def split_of(ratings: list[Rating]) -> Split:
    return hold_out_newest(made_feedback(ratings), 1)


def test_the_column_that_decides_gets_the_weight() -> None:
    weights = learn_blend(NextRowEngine(), split_of(walks(100, 30)), BlendParameters(), seed=1)
    assert weights.shape == (len(HISTORY_SIZES), 2)
    assert (weights[1:, 0] > 1).all()
    assert (np.abs(weights[1:, 1]) < 0.3).all()
    assert weights[0, 0] < 0.5  # without a history it knows nothing


def test_each_range_learns_from_histories_of_its_length_and_shows_nothing_known() -> None:
    engine, split = NextRowEngine(), split_of(walks(40, 30))
    learn_blend(engine, split, BlendParameters(), seed=1)
    lengths = [len(history) for history, _ in engine.asked]
    assert lengths[0] == 0  # asked once, of all rows: without a history users are alike
    assert {1, 2, 3, 4} == set(lengths[1:41])
    assert set(lengths[41:81]) <= set(range(5, 20))
    assert lengths[81:] == [29] * 40
    for history, rows in engine.asked[1:]:
        user_items = set(range(int(history.rows[-1]) - 28, int(history.rows[-1]) + 2))
        assert rows[0] == history.rows[-1] + 1
        assert len(set(rows.tolist())) == len(rows) == 1 + engine.n_rows // 2
        assert not user_items & set(rows[1:].tolist())


def test_what_was_not_liked_teaches_nothing() -> None:
    split, engine = split_of(walks(100, 30, value=2.0)), NextRowEngine()
    weights = learn_blend(engine, split, BlendParameters(), seed=1)
    assert engine.asked == []
    np.testing.assert_array_equal(weights, default_weights(engine))  # type: ignore[arg-type]


@pytest.mark.parametrize(("users", "learned"), [(0, False), (FEWEST_USERS - 1, False), (FEWEST_USERS, True)])
def test_with_too_few_users_the_default_weights_stand(users: int, learned: bool) -> None:
    engine = NextRowEngine()
    weights = learn_blend(engine, split_of(walks(users, 30)), BlendParameters(), seed=1)
    assert np.array_equal(weights, default_weights(engine)) != learned  # type: ignore[arg-type]


def test_a_range_without_users_takes_the_next_ones_weights() -> None:
    weights = learn_blend(NextRowEngine(), split_of(walks(100, 4)), BlendParameters(), seed=1)
    assert weights[1, 0] > 1
    np.testing.assert_array_equal(weights[2], weights[1])
    np.testing.assert_array_equal(weights[3], weights[1])


def test_one_who_has_seen_everything_does_not_stop_the_others_from_teaching() -> None:
    everything = [(100, row, 5.0, float(row)) for row in range(60)]
    weights = learn_blend(NextRowEngine(), split_of(walks(100, 30) + everything), BlendParameters(), seed=1)
    assert (weights[1:, 0] > 1).all()


def test_the_same_seed_learns_the_same() -> None:
    split, parameters = split_of(walks(60, 30)), BlendParameters(users=40, candidates=10)
    one, same, other = (learn_blend(NextRowEngine(), split, parameters, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_default_weights_trust_a_longer_history_more() -> None:
    weights = default_weights(NextRowEngine())  # type: ignore[arg-type]
    assert weights[0, 0] == 0
    assert weights[0, 1] > 0
    assert (np.diff(weights[:, 0]) > 0).all()
    assert (np.diff(weights[:, 1]) < 0).all()


HELD_OUT = [
    *[(0, 0, 5.0, 1.0), (0, 2, 5.0, 2.0)],  # the one better unseen item is 1: rank 1
    *[(1, 5, 5.0, 1.0), (1, 13, 5.0, 2.0)],  # 12 unseen before it: a miss
    *[(2, 0, 5.0, 1.0), (2, 1, 5.0, 2.0), (2, 2, 5.0, 3.0)],  # nothing unseen before it: rank 0
]


def measured(engine: FixedEngine, chosen: RowArray) -> dict[str, dict[str, float]]:
    split = split_of(HELD_OUT)
    return measure_next_item(rank_next_items(engine, split, chosen), split.users[chosen])  # type: ignore[arg-type]


def test_every_user_counts_the_same_however_often_they_were_asked() -> None:
    ranks = {"blend": np.array([0, 0, 0, 20])}
    figures = measure_next_item(ranks, np.array([4, 4, 4, 9]))
    assert figures["blend"] == {"users": 2, "hit_rate_at_10": 0.5, "ndcg_at_10": 0.5}


def test_figures_are_those_worked_out_by_hand() -> None:
    falling = np.arange(14, 0, -1).astype(np.float32)
    engine = FixedEngine(falling, np.zeros(14, np.float32))
    figures = measured(engine, np.arange(3))
    assert figures["blend"] == pytest.approx(
        {"users": 3, "hit_rate_at_10": 2 / 3, "ndcg_at_10": (1 / math.log2(3) + 0 + 1) / 3}
    )
    assert figures["popularity"] == {"users": 3, "hit_rate_at_10": 0, "ndcg_at_10": 0}


def test_only_the_chosen_are_measured_and_nobody_gives_zero() -> None:
    engine = FixedEngine(np.arange(14, 0, -1).astype(np.float32), np.arange(14).astype(np.float32))
    one = measured(engine, np.array([2]))
    assert one["blend"] == {"users": 1, "hit_rate_at_10": 1, "ndcg_at_10": 1}
    nobody = measured(engine, np.zeros(0, np.int64))
    assert nobody["blend"] == {"users": 0, "hit_rate_at_10": 0, "ndcg_at_10": 0}


@pytest.mark.parametrize("said", [1.0, np.nan])
def test_an_engine_that_says_the_same_of_all_or_nothing_earns_nothing(said: float) -> None:
    same = np.full(14, said, np.float32)
    figures = measured(FixedEngine(same, same), np.arange(3))
    assert figures["blend"]["hit_rate_at_10"] == 0
