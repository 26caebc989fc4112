"""Popularity by group: what is fitted, and what the engine makes of it."""

from dataclasses import replace

import numpy as np
import pytest
from made_data import SMALL, checkerboard, made_feedback

from app.engine.arrays import NO_ROWS
from app.engine.assembly import build_groups
from app.engine.group_popularity import GroupPopularity, group_name
from app.engine.history import EMPTY
from app.errors import ArtifactRejected
from training.data import UserGroups
from training.fit import fit_signals
from training.groups import GroupParameters, group_arrays

LOOSE = GroupParameters(fewest_users=1, fewest_entries=1, prior_takers=2.0)


def groups_of(**members: list[int]) -> UserGroups:
    """Groups ``{"team": name}`` of these users."""
    users = np.array([user for each in members.values() for user in each], np.int64)
    places = np.repeat(np.arange(len(members)), [len(each) for each in members.values()])
    return UserGroups([group_name("team", name) for name in members], users, places)


def test_the_lift_is_the_shrunken_ratio_to_what_was_expected() -> None:
    # Users 0 and 1 take item 0, users 2 and 3 item 1; nobody takes item 2.
    taken = made_feedback([(0, 0, 5, 0), (1, 0, 5, 0), (2, 1, 5, 0), (3, 1, 5, 0)])
    arrays = group_arrays(taken, groups_of(red=[0, 1], mixed=[1, 2]), 3, LOOSE)
    red = np.log([(2 + 2) / (1 + 2), (0 + 2) / (1 + 2), 1.0])
    assert arrays["groups.lifts"].dtype == np.float16
    np.testing.assert_allclose(arrays["groups.lifts"], [red, [0, 0, 0]], atol=1e-3)
    stronger = group_arrays(taken, groups_of(red=[0, 1]), 3, replace(LOOSE, prior_takers=1e6))
    np.testing.assert_allclose(stronger["groups.lifts"], 0, atol=1e-3)


def test_small_groups_are_left_out_and_the_largest_kept() -> None:
    taken = made_feedback([(user, item, 5, 0) for user in range(10) for item in range(3)])
    groups = groups_of(lonely=[0], three=[0, 1, 2], four=[3, 4, 5, 6], five=[5, 6, 7, 8, 9])

    def kept(**changes: int) -> list[str]:
        built = build_groups(group_arrays(taken, groups, 3, replace(LOOSE, **changes)), 3)
        names = ("lonely", "three", "four", "five")
        return [] if built is None else [name for name in names if built.find({"team": name})]

    assert kept() == ["lonely", "three", "four", "five"]
    assert kept(fewest_users=4) == ["four", "five"]
    assert kept(fewest_entries=15) == ["five"]
    assert kept(most_groups=2) == ["four", "five"]
    assert kept(fewest_users=6) == []
    assert group_arrays(taken, UserGroups(), 3, LOOSE) == {}


def test_lifts_of_several_groups_add_up_to_a_bound() -> None:
    lifts = np.array([[1, -1], [0.5, 0], [1, 0], [0.5, 1]], np.float16)
    popularity = GroupPopularity([group_name("a", n) for n in range(4)], lifts)
    np.testing.assert_allclose(popularity.lift([0, 1]), [1.5, -1])
    np.testing.assert_allclose(popularity.lift([0, 1, 2, 3]), [3 * 0.75, 0], atol=1e-6)
    late = popularity.extended(np.array([1, -1]))
    np.testing.assert_allclose(late.lift([0]), [1, -1, -1, 0])
    assert [late.at(0, row) for row in range(4)] == [1, -1, -1, 0]
    assert late.extended(NO_ROWS).lift([0]).shape == (2,)
    assert popularity.find({"a": 1.0, "b": 2, "c": None}) == {"a": 1}
    assert popularity.find({"a": True}) == {}


def test_the_engine_counts_a_lift_as_popularity() -> None:
    board = checkerboard()
    even = [user for user in range(120) if user % 2 == 0]
    snapshot = replace(board, groups=groups_of(even=even))
    parameters = replace(SMALL, groups=replace(LOOSE, fewest_users=50))
    fit = fit_signals(snapshot, snapshot.feedback, parameters, 5.0)
    engine = fit.engine()
    popularity = build_groups(fit.arrays, engine.n_rows)
    assert popularity is not None
    scores = engine.score(EMPTY)
    plain = scores.total.copy()
    scores.lift(popularity.lift([0]))
    best = scores.rank(None, 20, explain=True)
    assert (best.rows % 2 == 0).all()
    np.testing.assert_allclose(sum(best.contributions.values()), best.scores, rtol=1e-5)
    assert not np.allclose(plain, scores.total)
    without = engine.score(EMPTY, signals=["content"])
    before = without.total.copy()
    without.lift(popularity.lift([0]))
    assert (without.total == before).all(), "a list without popularity has no popularity by group"


def test_lifts_that_do_not_fit_are_refused_by_name() -> None:
    taken = made_feedback([(0, 0, 5, 0), (1, 1, 5, 0)])
    arrays = group_arrays(taken, groups_of(red=[0]), 2, LOOSE)
    for wrong in (arrays["groups.lifts"][:, :1], arrays["groups.lifts"].astype(np.float32)):
        with pytest.raises(ArtifactRejected, match=r"groups\.lifts"):
            build_groups(arrays | {"groups.lifts": wrong}, 2)
    with pytest.raises(ArtifactRejected, match=r"groups\.names"):
        build_groups({"groups.lifts": arrays["groups.lifts"]}, 2)
