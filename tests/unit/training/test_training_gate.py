"""The verdict on made-up ranks, and what is held out for it."""

from dataclasses import replace

import numpy as np
import pytest
from made_data import SMALL, made_feedback

from app.engine.arrays import RowArray
from training.candidate import Candidate
from training.champion import changes_between
from training.gate import Rivals, judge
from training.period import ENOUGH_USERS, HeldOut, hold_out_period

OTHER = replace(SMALL, als=replace(SMALL.als, factors=3))
CHANGES = changes_between(SMALL, OTHER)


def candidate(ranks: RowArray, users: RowArray | None = None) -> Candidate:
    asked = np.arange(len(ranks)) if users is None else users
    return Candidate(SMALL, np.zeros((1, 1), np.float32), {"blend": ranks}, asked, None)


def held() -> HeldOut:
    return hold_out_period(made_feedback([]), 4.0, 1)


def ranks(n: int, seed: int, worst: int) -> RowArray:
    return np.random.default_rng(seed).integers(0, worst, n)


def test_the_first_is_first_whatever_it_is_worth() -> None:
    gate = judge(Rivals(None, None, candidate(ranks(500, 1, 400))), held(), 1, forced=False)
    assert (gate.verdict, gate.is_open, gate.same_configuration) == ("first", True, False)


def test_the_same_configuration_passes_alone() -> None:
    gate = judge(Rivals("r", {}, candidate(ranks(500, 1, 40))), held(), 1, forced=False)
    assert (gate.verdict, gate.same_configuration, gate.champion) == ("passed", True, None)


@pytest.mark.parametrize(
    ("n", "own", "other", "verdict"),
    [
        (500, 400, 10, "failed"),
        (500, 10, 400, "passed"),
        (500, 20, 20, "passed"),
        (ENOUGH_USERS, 400, 10, "failed"),
        (ENOUGH_USERS - 1, 400, 10, "insufficient"),
        (0, 1, 1, "insufficient"),
    ],
)
def test_worse_for_sure_fails_and_nothing_else(n: int, own: int, other: int, verdict: str) -> None:
    rivals = Rivals("r", CHANGES, candidate(ranks(n, 1, own)), candidate(ranks(n, 1, other)))
    gate = judge(rivals, held(), 1, forced=False)
    assert (gate.verdict, gate.is_open) == (verdict, verdict != "failed")
    assert judge(rivals, held(), 1, forced=True).is_open


def test_a_loss_within_what_is_tolerated_passes() -> None:
    base = np.zeros(1_000, np.int64)
    little, much = base.copy(), base.copy()
    little[:5], much[:50] = 20, 20  # half a percent and five percent of the users lose all
    for own, verdict in ((little, "passed"), (much, "failed")):
        gate = judge(Rivals("r", CHANGES, candidate(own), candidate(base)), held(), 1, forced=False)
        assert gate.verdict == verdict


def test_an_active_configuration_that_cannot_be_read_holds_nothing_up() -> None:
    gate = judge(Rivals("r", None, candidate(ranks(500, 1, 400))), held(), 1, forced=False)
    assert (gate.verdict, gate.same_configuration) == ("insufficient", False)


def test_each_user_counts_once() -> None:
    users = np.r_[np.zeros(1_000, np.int64), np.arange(1, 300)]
    gate = judge(
        Rivals(None, None, candidate(np.r_[np.full(1_000, 50), np.zeros(299, np.int64)], users)),
        held(),
        1,
        forced=False,
    )
    assert gate.challenger is not None
    assert gate.users == 300
    assert gate.questions == 1_299
    assert gate.challenger["ndcg_at_10"].value == pytest.approx(299 / 300)


def test_the_period_is_known_to_nobody_and_the_newest_entries_teach() -> None:
    ratings = [(user, item, 5.0, 1000.0 * item + user) for user in range(300) for item in range(20)]
    feedback = made_feedback(ratings)
    found = hold_out_period(feedback, 4.0, 1)
    assert found.cut is not None
    assert found.known.times.max() <= found.cut
    assert found.n_users >= ENOUGH_USERS
    known = set(zip(found.known.users.tolist(), found.known.items.tolist(), strict=True))
    assert not known & set(zip(found.users.tolist(), found.asked.targets.tolist(), strict=True))
    assert not known & set(zip(found.taught.users.tolist(), found.taught.targets.tolist(), strict=True))
    assert set(found.taught.targets.tolist()) == {19}
    one, other = found.lesson(3), found.lesson(3, other=True)
    assert not set(one.users.tolist()) & set(other.users.tolist())
    assert len(one.users) + len(other.users) == 300
    first, second = found.questions(100, 3)
    assert (
        len({*found.users[first].tolist(), *found.users[second].tolist()}) == 100
    )  # one of each before two of anybody
    assert set(found.users[first].tolist()) <= set(one.users.tolist())
    assert set(found.users[second].tolist()) <= set(other.users.tolist())


def test_where_time_tells_nothing_the_newest_entries_are_asked_about() -> None:
    feedback = made_feedback([(user, item, 5.0, 7.0) for user in range(300) for item in range(4)])
    found = hold_out_period(feedback, 4.0, 1)
    assert found.cut is None
    assert found.n_users == 300
    assert len(found.known) == 900
