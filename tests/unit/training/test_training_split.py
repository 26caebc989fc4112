"""What is held out, and how feedback is put in order."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from made_data import Rating, made_feedback

from training.data import Feedback
from training.split import Split, hash_pairs, hold_out_newest

RATINGS = st.dictionaries(
    st.tuples(st.integers(0, 5), st.integers(0, 8)), st.tuples(st.sampled_from([1.0, 3.5, 5.0]), st.integers(0, 3))
).map(lambda d: [(user, item, value, float(time)) for (user, item), (value, time) in d.items()])


def entries(feedback: Feedback) -> list[Rating]:
    parts = (feedback.users, feedback.items, feedback.values, feedback.times)
    return list(zip(*(part.tolist() for part in parts), strict=True))


def held_out(split: Split) -> dict[int, tuple[int, float]]:
    pairs = zip(split.targets.tolist(), split.target_values.tolist(), strict=True)
    return dict(zip(split.users.tolist(), pairs, strict=True))


@given(RATINGS, st.randoms())
def test_feedback_of_any_order_is_put_into_one(ratings: list[Rating], random: object) -> None:
    feedback = made_feedback(ratings)
    assert entries(feedback) == sorted(ratings, key=lambda r: (r[0], r[3], r[1]))
    shuffled = list(ratings)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert entries(made_feedback(shuffled)) == entries(feedback)
    starts = feedback.starts.tolist()
    for user in range(feedback.n_users):
        assert all(u == user for u in feedback.users[starts[user] : starts[user + 1]])
    assert starts[-1] == len(feedback)


@given(RATINGS)
def test_the_newest_of_every_user_with_two_is_held_out(ratings: list[Rating]) -> None:
    split = hold_out_newest(made_feedback(ratings), 7)
    by_user = {user: [r for r in ratings if r[0] == user] for user, *_ in ratings}
    chosen = held_out(split)
    assert set(chosen) == {user for user, mine in by_user.items() if len(mine) > 1}
    known = entries(split.known)
    for user, (item, value) in chosen.items():
        [rating] = [r for r in by_user[user] if r[1] == item]
        assert rating[2] == value
        assert rating[3] == max(r[3] for r in by_user[user])
        known.append(rating)
    assert sorted(known) == sorted(ratings)


@given(RATINGS, st.randoms(), st.integers(0, 99))
def test_the_order_of_the_input_does_not_matter(ratings: list[Rating], random: object, seed: int) -> None:
    shuffled = list(ratings)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = (hold_out_newest(made_feedback(r), seed) for r in (ratings, shuffled))
    assert held_out(one) == held_out(other)
    assert entries(one.known) == entries(other.known)


def test_among_equal_times_the_hash_decides_and_no_place_is_favoured() -> None:
    n_items, n_users = 10, 400
    split = hold_out_newest(made_feedback((u, i, 4.0, 9.0) for u in range(n_users) for i in range(n_items)), 3)
    expected = [
        int(np.argmax(hash_pairs(np.full(n_items, user), np.arange(n_items), 3))) for user in split.users.tolist()
    ]
    assert split.targets.tolist() == expected
    counts = np.bincount(split.targets, minlength=n_items)
    assert counts.min() > n_users / n_items / 2
    assert counts.max() < n_users / n_items * 2


def test_another_seed_holds_out_other_ties() -> None:
    feedback = made_feedback((u, i, 4.0, 9.0) for u in range(50) for i in range(10))
    one, same, other = (hold_out_newest(feedback, seed).targets.tolist() for seed in (1, 1, 2))
    assert one == same
    assert one != other


def test_nothing_is_held_out_of_nothing() -> None:
    split = hold_out_newest(made_feedback([]), 1)
    assert len(split.known) == len(split.users) == len(split.targets) == 0


def test_pairs_hash_without_collisions_and_unlike_their_mirror() -> None:
    users, items = (grid.ravel() for grid in np.meshgrid(np.arange(300), np.arange(300)))
    hashes = hash_pairs(users, items, 1)
    assert len(np.unique(hashes)) == len(hashes)
    assert hashes.dtype == np.uint64
    assert 0.49 < (hashes % np.uint64(2) == 0).mean() < 0.51
