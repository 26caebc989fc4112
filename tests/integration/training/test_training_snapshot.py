"""What a training run reads of the database."""

from collections.abc import Generator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, insert, update

from app import migrations
from app.db import open_sync_engine
from app.engine.terms import Description
from app.models import Item, Rating, User
from app.services.opinions import OpinionPrior
from training.catalogue import catalogue_arrays
from training.collaborative import AlsParameters
from training.data import Snapshot
from training.fit import Parameters
from training.recipe import fit_release
from training.snapshot import read_snapshot
from training.snapshot_feedback import rows_of_keys

START = datetime(2026, 1, 1, tzinfo=UTC)
IDS = ["Z", "a", "é", "映画", "😀/b", "A b", "z", "B"]
USERS = ["x", "X", "ü", "9", "10"]


@pytest.fixture
def engine(database_url: str) -> Generator[Engine]:
    with open_sync_engine(database_url) as opened:
        yield opened


def fill(engine: Engine, order: np.random.Generator | None = None) -> None:
    """Put the same items, users and ratings in, in the given order or another."""

    def shuffled(values: list[Any]) -> list[Any]:
        return values if order is None else [values[n] for n in order.permutation(len(values))]

    with engine.begin() as connection:
        for item in shuffled(IDS):
            values = {"id": item, "title": f"Title {item}", "categories": ["Drama", "Noir"][: 1 + len(item) % 2]}
            connection.execute(insert(Item), [values])
        for user in shuffled(USERS):
            connection.execute(insert(User), [{"id": user}])
        keys = {
            table: dict(connection.execute(table.__table__.select().with_only_columns(table.id, table.key)).all())
            for table in (Item, User)
        }
        chosen = [(u, i) for u in USERS for i in IDS if (len(u.encode()) + len(i.encode()) + IDS.index(i)) % 3]
        for user, item in shuffled(chosen):
            rated_at = START + timedelta(microseconds=(IDS.index(item) // 2) * 7)
            values = {"user_key": keys[User][user], "item_key": keys[Item][item], "rated_at": rated_at}
            connection.execute(insert(Rating), [values | {"value": 1.0 + IDS.index(item) % 4}])


def arrays_of(snapshot: Snapshot) -> dict[str, Any]:
    fit = fit_release(snapshot, Parameters(als=AlsParameters(factors=3, iterations=2)), 5.0).fit
    return fit.arrays | catalogue_arrays(snapshot.items, snapshot.feedback, OpinionPrior(20.0, 3.0, 50.0, 0.5))


def test_the_order_in_which_rows_were_written_changes_no_bit(engine: Engine, second_engine: Engine) -> None:
    fill(engine)
    fill(second_engine, np.random.default_rng(4))
    one, other = (read_snapshot(e).snapshot for e in (engine, second_engine))
    assert [item.key for item in one.items] != [item.key for item in other.items]
    first, second = arrays_of(one), arrays_of(other)
    assert set(first) == set(second)
    for name in set(first) - {"catalogue.keys", "catalogue.versions", "catalogue.added"}:
        assert first[name].tobytes() == second[name].tobytes(), name


@pytest.fixture
def second_engine(empty_database_url: str) -> Generator[Engine]:
    """A second fresh database."""
    with open_sync_engine(empty_database_url) as opened:
        migrations.upgrade(opened)
        yield opened


def test_items_stand_in_the_byte_order_of_their_ids(engine: Engine) -> None:
    fill(engine, np.random.default_rng(1))
    snapshot = read_snapshot(engine).snapshot
    assert [item.id for item in snapshot.items] == sorted(i.encode() for i in IDS)
    assert snapshot.feedback.n_users == len(USERS)
    order = sorted(USERS, key=str.encode)
    expected = [sum((len(u.encode()) + len(i.encode()) + IDS.index(i)) % 3 > 0 for i in IDS) for u in order]
    assert np.bincount(snapshot.feedback.users).tolist() == expected


def test_an_item_is_read_whole(engine: Engine) -> None:
    values = {
        "id": "i",
        "title": "Title",
        "description": "Text",
        "categories": ["c"],
        "tags": ["t"],
        "people": [{"name": "N", "role": "r"}],
        "released_on": date(1999, 12, 31),
        "language": "de",
        "attributes": {"brand": "b"},
        "image_url": "https://example.org/i.png",
        "votes": 12,
        "vote_mean": 7.5,
        "hidden": True,
    }
    with engine.begin() as connection:
        connection.execute(insert(Item), [values])
    [item] = read_snapshot(engine).snapshot.items
    assert item.description == Description(
        "Title", "Text", ["c"], ["t"], [{"name": "N", "role": "r"}], date(1999, 12, 31), "de", {"brand": "b"}
    )
    assert (item.id, item.image_url, item.votes, item.vote_mean) == (b"i", "https://example.org/i.png", 12, 7.5)
    assert item.hidden


def test_deleted_ratings_and_ratings_of_deleted_items_are_left_out(engine: Engine) -> None:
    with engine.begin() as connection:
        gone, kept, hidden = connection.execute(
            insert(Item).returning(Item.key, sort_by_parameter_order=True),
            [{"id": "a", "title": "a"}, {"id": "b", "title": "b"}, {"id": "c", "title": "c", "hidden": True}],
        ).scalars()
        one, two, three = connection.execute(
            insert(User).returning(User.key, sort_by_parameter_order=True), [{"id": "1"}, {"id": "2"}, {"id": "3"}]
        ).scalars()
        ratings = [(one, gone, 5.0), (one, kept, None), (two, kept, 4.0), (two, hidden, 3.0), (three, gone, 1.0)]
        connection.execute(
            insert(Rating), [{"user_key": u, "item_key": i, "value": v, "rated_at": START} for u, i, v in ratings]
        )
        connection.execute(update(Item).where(Item.key == gone).values(deleted_at=START))
    snapshot = read_snapshot(engine).snapshot
    assert [item.id for item in snapshot.items] == [b"b", b"c"]
    feedback = snapshot.feedback
    assert feedback.n_users == 1
    assert feedback.users.tolist() == [0, 0]
    assert feedback.items.tolist() == [0, 1]
    assert feedback.values.tolist() == [4.0, 3.0]


def test_times_are_read_to_the_microsecond(engine: Engine) -> None:
    times = [START + timedelta(microseconds=n) for n in (0, 1, 2, 999_999)] + [datetime(1969, 7, 20, tzinfo=UTC)]
    with engine.begin() as connection:
        [user] = connection.execute(insert(User).returning(User.key), [{"id": "u"}]).scalars()
        for n, rated_at in enumerate(times):
            [item] = connection.execute(insert(Item).returning(Item.key), [{"id": f"{n}", "title": "x"}]).scalars()
            values = {"user_key": user, "item_key": item, "value": 0.1, "rated_at": rated_at}
            connection.execute(insert(Rating), [values])
    feedback = read_snapshot(engine).snapshot.feedback
    assert feedback.items.tolist() == [4, 0, 1, 2, 3]
    read = [datetime.fromtimestamp(seconds, UTC) for seconds in feedback.times]
    assert read == [times[4], *times[:4]]
    assert feedback.values.tolist() == [np.float32(0.1)] * 5


def test_an_empty_database_gives_an_empty_snapshot(engine: Engine) -> None:
    snapshot = read_snapshot(engine).snapshot
    assert list(snapshot.items) == []
    assert (snapshot.feedback.n_users, len(snapshot.feedback), snapshot.window) == (0, 0, None)


def test_users_without_ratings_do_not_count(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(insert(User), [{"id": "u"}, {"id": "v"}])
        connection.execute(insert(Item), [{"id": "i", "title": "x"}])
    snapshot = read_snapshot(engine).snapshot
    assert (len(snapshot.items), snapshot.feedback.n_users) == (1, 0)


def test_a_change_after_the_snapshot_is_at_or_past_what_was_seen(engine: Engine) -> None:
    fill(engine)
    seen = int(read_snapshot(engine).catalogue_seen)
    with engine.begin() as connection:
        changed = connection.execute(
            update(Item).where(Item.id == "a").values(title="New").returning(Item.changed_in)
        ).scalar_one()
    # How far below it lies is up to whoever else has a transaction open on this server.
    assert seen <= int(changed)


def test_an_open_transaction_holds_back_what_counts_as_seen(engine: Engine) -> None:
    fill(engine)
    with engine.connect() as late:
        late.execute(insert(Item), [{"id": "late", "title": "x"}])
        data = read_snapshot(engine)
        mine = late.execute(Item.__table__.select().where(Item.id == "late")).one().changed_in
        late.commit()
    assert b"late" not in [item.id for item in data.snapshot.items]
    assert int(data.catalogue_seen) <= int(mine)


def test_rows_of_keys_in_any_order() -> None:
    keys = np.array([30, 10, 20])
    rows, known = rows_of_keys(keys, np.array([10, 30, 99, 5, 20]))
    assert known.tolist() == [True, True, False, False, True]
    assert rows[known].tolist() == [1, 0, 2]
    nothing, unknown = rows_of_keys(np.zeros(0, np.int64), np.array([1, 2]))
    assert len(nothing) == 2
    assert not unknown.any()
