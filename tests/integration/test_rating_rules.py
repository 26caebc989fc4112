"""The rules of time and ties, for one write and for a batch, as a table."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import pytest
from rating_store import NOW, Held, add_item, at, held
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.errors import FieldError, InvalidInput, NotFound
from app.services import ratings
from app.services.merge_steps import driver_connection
from app.services.ratings import RatingRules, StoredRating

pytestmark = pytest.mark.anyio

RULES = RatingRules(0.5, 5.0, timedelta(minutes=5), create_placeholder_items=False)
PLACEHOLDERS = RatingRules(0.5, 5.0, timedelta(minutes=5), create_placeholder_items=True)

Put = Callable[[AsyncSession, str, float, datetime | None, datetime], Awaitable[str]]


async def put_one(session: AsyncSession, user: str, value: float, rated_at: datetime | None, now: datetime) -> str:
    written = await ratings.put_rating(
        await driver_connection(session),
        user_id=user,
        item_id="film",
        value=value,
        rated_at=rated_at,
        now=now,
        rules=RULES,
    )
    stored = await held(session, user)
    assert written.rating == (None if stored is None or stored[0] is None else StoredRating(user, "film", *stored))
    return written.outcome


async def put_batch_of_one(
    session: AsyncSession, user: str, value: float, rated_at: datetime | None, now: datetime
) -> str:
    [outcome] = await ratings.put_ratings(session, [(user, "film", value, rated_at)], now=now, rules=RULES)
    assert isinstance(outcome, str)
    return outcome


@pytest.fixture(params=[put_one, put_batch_of_one])
def put(request: pytest.FixtureRequest) -> Put:
    return request.param


# What is stored (None: nothing; value None: a tombstone), what arrives, the outcome, what is stored then.
CASES: dict[str, tuple[Held, tuple[float, datetime | None], str, Held]] = {
    "new": (None, (4, at(-9)), "created", (4, at(-9))),
    "new, untimed": (None, (4, None), "created", (4, NOW)),
    "newer, other value": ((3, at(-9)), (4, at(-8)), "updated", (4, at(-8))),
    "newer, same value: time moves": ((4, at(-9)), (4, at(-8)), "updated", (4, at(-8))),
    "same time, other value: later arrival": ((3, at(-9)), (4, at(-9)), "updated", (4, at(-9))),
    "same time, same value": ((4, at(-9)), (4, at(-9)), "unchanged", (4, at(-9))),
    "older, other value": ((3, at(-9)), (4, at(-10)), "stale", (3, at(-9))),
    "older, same value": ((4, at(-9)), (4, at(-10)), "stale", (4, at(-9))),
    "untimed, other value": ((3, at(-9)), (4, None), "updated", (4, NOW)),
    "untimed, same value: time stays": ((4, at(-9)), (4, None), "unchanged", (4, at(-9))),
    "untimed, stored ahead of the clock": ((3, at(3)), (4, None), "updated", (4, at(3))),
    "older than a tombstone": ((None, at(-9)), (4, at(-10)), "stale", (None, at(-9))),
    "at the time of a tombstone": ((None, at(-9)), (4, at(-9)), "stale", (None, at(-9))),
    "newer than a tombstone": ((None, at(-9)), (4, at(-8)), "created", (4, at(-8))),
    "untimed over a tombstone": ((None, at(-9)), (4, None), "created", (4, NOW)),
    "untimed over a tombstone ahead of the clock": ((None, at(3)), (4, None), "created", (4, at(3))),
    "a microsecond newer": (
        (3, at(-9)),
        (4, at(-9) + timedelta(microseconds=1)),
        "updated",
        (4, at(-9) + timedelta(microseconds=1)),
    ),
    "as far ahead as may be": ((3, at(-9)), (4, at(5)), "updated", (4, at(5))),
    "as long ago as may be": (None, (4, ratings.EARLIEST), "created", (4, ratings.EARLIEST)),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
async def test_one_rating_meets_what_is_stored(
    session: AsyncSession,
    put: Put,
    case: tuple[Held, tuple[float, datetime | None], str, Held],
) -> None:
    stored, (value, rated_at), outcome, stored_then = case
    await add_item(session)
    if stored is not None:
        await session.execute(text("INSERT INTO users (id) VALUES ('ada')"))
        await session.execute(
            text("INSERT INTO ratings SELECT u.key, i.key, :value, :rated_at FROM users u, items i"),
            {"value": stored[0], "rated_at": stored[1]},
        )
    assert await put(session, "ada", value, rated_at, NOW) == outcome
    assert await held(session, "ada") == stored_then


@pytest.mark.parametrize(
    ("stored", "left"),
    [(None, at(0)), ((3.0, at(-9)), at(0)), ((3.0, at(4)), at(4)), ((None, at(-9)), at(0)), ((None, at(4)), at(4))],
    ids=["nothing", "a rating", "a rating ahead of the clock", "a tombstone", "a tombstone ahead of the clock"],
)
async def test_a_delete_leaves_a_tombstone_that_holds_against_a_late_retry(
    session: AsyncSession, put: Put, stored: Held, left: datetime
) -> None:
    await add_item(session)
    if stored is not None:
        await session.execute(text("INSERT INTO users (id) VALUES ('ada')"))
        await session.execute(
            text("INSERT INTO ratings SELECT u.key, i.key, :value, :rated_at FROM users u, items i"),
            {"value": stored[0], "rated_at": stored[1]},
        )
    await ratings.delete_rating(await driver_connection(session), user_id="ada", item_id="film", now=NOW)
    assert await held(session, "ada") == (None, left)
    assert await put(session, "ada", 3, stored[1] if stored else at(-1), at(1)) == "stale"
    assert await held(session, "ada") == (None, left)
    with pytest.raises(NotFound):
        await ratings.get_rating(session, user_id="ada", item_id="film")
    assert await ratings.list_ratings(session, "ada", limit=5, after=None) == ([], False)


async def test_a_delete_of_an_unknown_item_leaves_nothing(session: AsyncSession) -> None:
    await ratings.delete_rating(await driver_connection(session), user_id="ada", item_id="film", now=NOW)
    assert (await session.execute(text("SELECT count(*) FROM users"))).scalar() == 0


async def test_the_rating_of_a_deleted_item_is_refused_but_can_be_taken_back(session: AsyncSession, put: Put) -> None:
    await add_item(session)
    await put(session, "ada", 4, None, NOW)
    await session.execute(text("UPDATE items SET deleted_at = now()"))
    for rules in (RULES, PLACEHOLDERS):
        with pytest.raises(InvalidInput) as refused:
            await ratings.put_rating(
                await driver_connection(session),
                user_id="ada",
                item_id="film",
                value=3,
                rated_at=None,
                now=NOW,
                rules=rules,
            )
        assert refused.value.code == "unknown_item"
        [result] = await ratings.put_ratings(session, [("ada", "film", 3, None)], now=NOW, rules=rules)
        assert (result,) == refused.value.errors
    await ratings.delete_rating(await driver_connection(session), user_id="ada", item_id="film", now=NOW)
    assert await held(session, "ada") == (None, NOW)


async def test_a_refused_row_creates_no_user(session: AsyncSession) -> None:
    await add_item(session)
    rows = [("ada", "no such film", 3.0, None), ("bob", "film", 9.0, None), ("cyd", "film", 3.0, None)]
    unknown, off_scale, created = await ratings.put_ratings(session, rows, now=NOW, rules=RULES)
    assert isinstance(unknown, FieldError)
    assert isinstance(off_scale, FieldError)
    assert (unknown.code, unknown.pointer) == ("unknown_item", "/item_id")
    assert (off_scale.code, off_scale.pointer) == ("off_scale", "/value")
    assert created == "created"
    assert list(await session.scalars(text("SELECT id FROM users"))) == ["cyd"]


async def test_placeholder_items_are_made_once_and_titled_by_their_id(session: AsyncSession) -> None:
    rows = [("ada", "x", 3.0, None), ("bob", "x", 3.0, None), ("ada", "y", 3.0, None)]
    assert await ratings.put_ratings(session, rows, now=NOW, rules=PLACEHOLDERS) == ["created"] * 3
    one = await ratings.put_rating(
        await driver_connection(session),
        user_id="ada",
        item_id="z",
        value=3,
        rated_at=None,
        now=NOW,
        rules=PLACEHOLDERS,
    )
    assert one.outcome == "created"
    found = await session.execute(text("SELECT id, title FROM items ORDER BY id"))
    assert [tuple(row) for row in found] == [("x", "x"), ("y", "y"), ("z", "z")]


@pytest.mark.parametrize(
    ("value", "rated_at", "code"),
    [
        (0.49, None, "off_scale"),
        (5.01, None, "off_scale"),
        (float("nan"), None, "off_scale"),
        (float("inf"), None, "off_scale"),
        (3, at(5) + timedelta(microseconds=1), "in_the_future"),
        (3, ratings.EARLIEST - timedelta(microseconds=1), "too_early"),
    ],
)
async def test_what_no_rating_can_be_is_refused_alone_and_in_a_batch(
    session: AsyncSession, value: float, rated_at: datetime | None, code: str
) -> None:
    await add_item(session)
    with pytest.raises(InvalidInput) as refused:
        await ratings.put_rating(
            await driver_connection(session),
            user_id="ada",
            item_id="film",
            value=value,
            rated_at=rated_at,
            now=NOW,
            rules=RULES,
        )
    [result] = await ratings.put_ratings(session, [("ada", "film", value, rated_at)], now=NOW, rules=RULES)
    assert refused.value.code == code
    assert refused.value.errors == (result,)
    assert await held(session, "ada") is None


async def test_ids_reach_the_table_as_they_are(session: AsyncSession) -> None:
    names = [
        "a/b",
        "tab\there",
        "line\nfeed\r",
        "back\\slash",
        "\\N",
        "\\.",
        "\U0001f3ac \U0001f600",
        "ü" * 256,
        "'; --",
        "%s {x}",
    ]
    for name in names:
        await add_item(session, name)
    outcomes = await ratings.put_ratings(session, [(name, name, 3.0, None) for name in names], now=NOW, rules=RULES)
    assert outcomes == ["created"] * len(names)
    assert set(await session.scalars(text("SELECT id FROM users"))) == set(names)
