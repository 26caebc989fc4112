"""Writers that meet: real connections, real transactions, again and again."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Awaitable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from merging import paused
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from app.db import connect_options, sqlalchemy_url
from app.services import ratings
from app.services.merge_steps import driver_connection, run_merge_sync
from app.services.rating_merge import Outcome, RatingRow, merge_ratings_sync, merge_steps
from app.services.ratings import RatingRules

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
RULES = RatingRules(0.5, 5.0, timedelta(hours=1), create_placeholder_items=False)
PLACEHOLDERS = RatingRules(0.5, 5.0, timedelta(hours=1), create_placeholder_items=True)
ROUNDS = 12


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    # A deadlock would be found after a second, and a lost wake-up ended after twenty.
    options = connect_options(20_000)
    made = create_async_engine(sqlalchemy_url(database_url), pool_size=8, connect_args=options)
    with psycopg.connect(database_url) as connection:
        connection.execute("INSERT INTO items (id, title) SELECT 'm' || n, 't' FROM generate_series(1, 40) AS n")
    yield made
    await made.dispose()


@asynccontextmanager
async def transaction(engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
    async with AsyncSession(engine) as session, session.begin():
        yield session


async def together(*writes: Awaitable[object]) -> list[object]:
    return await asyncio.wait_for(asyncio.gather(*writes), 60)


async def post(engine: AsyncEngine, user: str, item: str, value: float, rated_at: datetime | None) -> str:
    async with transaction(engine) as session:
        written = await ratings.put_rating(
            await driver_connection(session),
            user_id=user,
            item_id=item,
            value=value,
            rated_at=rated_at,
            now=NOW,
            rules=RULES,
        )
        await asyncio.sleep(random.uniform(0, 0.003))  # noqa: S311 - any shuffling does
    return written.outcome


async def post_batch(engine: AsyncEngine, rows: list[RatingRow], rules: RatingRules = RULES) -> list[object]:
    async with transaction(engine) as session:
        outcomes = await ratings.put_ratings(session, rows, now=NOW, rules=rules)
    return [*outcomes]


async def stored(engine: AsyncEngine, user: str) -> dict[str, tuple[float | None, datetime]]:
    async with transaction(engine) as session:
        rows = await session.execute(
            text(
                "SELECT items.id, value, rated_at FROM ratings JOIN items ON items.key = item_key"
                " JOIN users ON users.key = user_key WHERE users.id = :user"
            ),
            {"user": user},
        )
        return {row.id: (row.value, row.rated_at) for row in rows}


async def test_of_writers_that_race_for_one_rating_the_newest_wins_and_one_only_creates_it(engine: AsyncEngine) -> None:
    for turn in range(ROUNDS):
        times = random.sample(range(-60, 0), 6)
        singles = [post(engine, f"u{turn}", "m1", 1 + k / 2, at(time)) for k, time in enumerate(times[:4])]
        batches = [post_batch(engine, [(f"u{turn}", "m1", 4 + k / 2, at(time))]) for k, time in enumerate(times[4:])]
        found = await together(*singles, *batches)
        outcomes = [each[0] if isinstance(each, list) else each for each in found]
        winner = times.index(max(times))
        value = 1 + winner / 2 if winner < 4 else 4 + (winner - 4) / 2
        assert await stored(engine, f"u{turn}") == {"m1": (value, at(max(times)))}
        assert outcomes.count("created") == 1
        assert outcomes[winner] in {"created", "updated"}
        assert set(outcomes) <= {"created", "updated", "stale"}


async def test_a_write_that_waited_is_judged_by_what_it_waited_for(engine: AsyncEngine) -> None:
    """Both orders of an open transaction and a waiting one, for a rating that is there and one that is not."""
    for existing, (first, second) in itertools.product([False, True], [(at(-5), at(-9)), (at(-9), at(-5))]):
        user = f"u{existing}{first}"
        if existing:
            await post(engine, user, "m1", 3, at(-60))
        for number, write in enumerate([post, lambda e, u, i, v, t: post_batch(e, [(u, i, v, t)])]):
            item = f"m{number + 1}"
            if existing and number:
                await post(engine, user, item, 3, at(-60))
            async with transaction(engine) as holder:
                await ratings.put_rating(
                    await driver_connection(holder),
                    user_id=user,
                    item_id=item,
                    value=1,
                    rated_at=first,
                    now=NOW,
                    rules=RULES,
                )
                waiting = asyncio.create_task(write(engine, user, item, 2, second))
                await asyncio.sleep(0.1)
                assert not waiting.done()
            outcome = await asyncio.wait_for(waiting, 20)
            expected = "stale" if second < first else "updated"
            assert outcome in (expected, [expected])
            assert (await stored(engine, user))[item] == ((1, first) if second < first else (2, second))


async def test_batches_that_overlap_in_any_order_neither_deadlock_nor_lose_the_newest(engine: AsyncEngine) -> None:
    rng = random.Random(5)  # noqa: S311 - any shuffling does
    for turn in range(ROUNDS):
        pairs = [(f"u{turn}-{user}", f"m{item}") for user in range(12) for item in range(1, 13)]
        batches: list[list[RatingRow]] = []
        for number in range(4):
            rows: list[RatingRow] = [(u, i, 1 + number, at(rng.randrange(-600, 0))) for u, i in rng.sample(pairs, 90)]
            batches.append(rows)
        singles: list[RatingRow] = [(u, i, 5, at(rng.randrange(-600, 0))) for u, i in rng.sample(pairs, 12)]
        await together(*(post_batch(engine, rows) for rows in batches), *(post(engine, *row) for row in singles))
        newest: dict[tuple[str, str], datetime] = {}
        for user, item, _, rated_at in itertools.chain(*batches, singles):
            newest[user, item] = max(newest.get((user, item), rated_at), rated_at)
        for user in {user for user, _ in newest}:
            times = {item: time for item, (_, time) in (await stored(engine, user)).items()}
            assert times == {item: time for (who, item), time in newest.items() if who == user}


async def test_placeholders_and_users_that_many_create_at_once_are_created_once(engine: AsyncEngine) -> None:
    for turn in range(ROUNDS):
        names = [f"{turn}-{n}" for n in range(30)]
        batches: list[list[RatingRow]] = [
            [(user, f"new {item}", 3.0, at(-1)) for user, item in zip(shuffled(names), shuffled(names), strict=True)]
            for _ in range(4)
        ]
        await together(*(post_batch(engine, rows, PLACEHOLDERS) for rows in batches))
        async with transaction(engine) as session:
            count = await session.scalar(
                text("SELECT count(*) FROM items WHERE id LIKE :like"), {"like": f"new {turn}-%"}
            )
            assert count == 30
            users = await session.scalar(text("SELECT count(*) FROM users WHERE id LIKE :like"), {"like": f"{turn}-%"})
            assert users == 30


def shuffled(names: list[str]) -> list[str]:
    return random.sample(names, len(names))


async def test_an_erasure_that_meets_writes_leaves_no_trace_of_before_and_breaks_none(engine: AsyncEngine) -> None:
    for turn in range(ROUNDS):
        user = f"u{turn}"
        rows: list[RatingRow] = [(user, f"m{n}", 3.0, at(-1)) for n in range(1, 21)]
        await post_batch(engine, rows)
        newer: list[RatingRow] = [(user, item, 4.0, at(0)) for _, item, _, _ in rows[:10]]
        await together(erase(engine, user), post_batch(engine, newer), post(engine, user, "m15", 4, at(0)))
        left = await stored(engine, user)
        assert set(left.values()) <= {(4.0, at(0))}, "what was there before the erasure is gone"


async def erase(engine: AsyncEngine, user: str) -> None:
    async with transaction(engine) as session:
        await session.execute(text("DELETE FROM users WHERE id = :user"), {"user": user})


async def test_a_batch_that_fails_half_way_leaves_nothing(engine: AsyncEngine) -> None:
    rows: list[RatingRow] = [("ada", "m1", 3.0, None), ("bob", "new item", 3.0, None)]

    async def fail_before_the_commit() -> None:
        async with transaction(engine) as session:
            assert await ratings.put_ratings(session, rows, now=NOW, rules=PLACEHOLDERS) == ["created", "created"]
            raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await fail_before_the_commit()
    async with transaction(engine) as session:
        counted = text(
            "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM ratings), (SELECT count(*) FROM items)"
        )
        assert tuple((await session.execute(counted)).one()) == (0, 0, 40)


def test_several_merges_may_share_a_transaction(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("INSERT INTO items (id, title) VALUES ('film', 't')")
        for value, outcome in [(3.0, "created"), (4.0, "updated"), (4.0, "unchanged")]:
            row: RatingRow = ("ada", "film", value, None)
            assert merge_ratings_sync(connection, [row], now=NOW) == [outcome]
        assert merge_ratings_sync(connection, [], now=NOW) == []


def test_a_writer_between_two_statements_of_a_merge_waits_and_heeds_it(database_url: str) -> None:
    """It comes when the merge has locked the users and not yet read their ratings, for a rating that is there and a new one."""
    begun: list[Future[list[Outcome]]] = []
    with (
        psycopg.connect(database_url) as merging,
        psycopg.connect(database_url) as other,
        ThreadPoolExecutor(1) as threads,
    ):
        merging.execute("INSERT INTO items (id, title) VALUES ('film', 't'), ('new', 't')")
        merge_ratings_sync(merging, [("ada", "film", 1.0, at(-60))], now=NOW)
        merging.commit()
        for item, outcome in (("film", "updated"), ("new", "created")):
            row: RatingRow = ("ada", item, 3.0, at(-9))

            def begin_to_write(row: RatingRow = row) -> None:
                begun.append(threads.submit(merge_ratings_sync, other, [row], now=NOW))
                with pytest.raises(TimeoutError):
                    begun[-1].result(0.3)

            steps = paused(merge_steps([("ada", item, 2.0, at(-5))], NOW), 4, begin_to_write)
            assert run_merge_sync(merging, steps) == [outcome]
            merging.commit()
            assert begun[-1].result(60) == ["stale"]
            other.commit()
        assert merging.execute("SELECT value, rated_at FROM ratings").fetchall() == [(2.0, at(-5))] * 2
