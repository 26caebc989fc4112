"""The rules of time and ties against a model of them, for any history of writes, batches and deletes."""

import itertools
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from rating_store import add_item, at
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.services import ratings
from app.services.merge_steps import driver_connection
from app.services.ratings import RatingRules

pytestmark = pytest.mark.anyio
LENIENT = RatingRules(0.5, 5.0, timedelta(hours=1), create_placeholder_items=False)
fresh_ids = itertools.count()


class Model:
    """The rules, as short as they can be said."""

    def __init__(self) -> None:
        self.held: dict[str, tuple[float | None, datetime]] = {}

    def put(self, item: str, value: float, rated_at: datetime | None, now: datetime) -> str:
        old, old_at = self.held.get(item, (None, None))
        time = rated_at or max(now, old_at or now)
        if rated_at and old_at and (time < old_at or (time == old_at and old is None)):
            return "stale"
        if old == value and (rated_at is None or time == old_at):
            return "unchanged"
        self.held[item] = (value, time)
        return "created" if old is None else "updated"

    def put_all(self, rows: list[tuple[str, float, datetime | None]], now: datetime) -> list[str]:
        best: dict[str, tuple[datetime, int]] = {}
        latest: dict[str, datetime] = {}
        for position, (item, _, rated_at) in enumerate(rows):
            latest[item] = max(latest.get(item, now), rated_at or now)
            best[item] = max(best.get(item, (rated_at or latest[item], position)), (rated_at or latest[item], position))
        winners = {position for _, position in best.values()}
        outcomes = ["superseded"] * len(rows)
        for position in winners:
            item, value, rated_at = rows[position]
            now_or_later = now if rated_at else best[item][0]
            outcomes[position] = self.put(item, value, rated_at, now_or_later)
        return outcomes

    def delete(self, item: str, now: datetime) -> None:
        self.held[item] = (None, max(now, self.held.get(item, (None, now))[1]))


ITEMS = ["a", "b"]
minutes = st.integers(-4, 4)
rows_of_a_write = st.tuples(st.sampled_from(ITEMS), st.sampled_from([3.0, 4.0]), st.none() | minutes)
actions = st.one_of(
    st.tuples(st.just("put"), minutes, rows_of_a_write),
    st.tuples(st.just("batch"), minutes, st.lists(rows_of_a_write, min_size=1, max_size=6)),
    st.tuples(st.just("delete"), minutes, st.sampled_from(ITEMS)),
)


@hypothesis_settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
@given(history=st.lists(actions, max_size=8))
@example(history=[("batch", 0, [("a", 3.0, 4), ("a", 4.0, None)]), ("delete", -1, "a"), ("put", -2, ("a", 4.0, None))])
async def test_any_history_ends_as_the_model_of_the_rules_says(session: AsyncSession, history: list[tuple]) -> None:
    """Clocks run backwards here too: the service's processes need not agree on the time."""
    user = f"user {next(fresh_ids)}"
    for item in ITEMS:
        await add_item(session, item)
    model = Model()
    for kind, minute, what in history:
        now = at(minute)
        if kind == "delete":
            await ratings.delete_rating(await driver_connection(session), user_id=user, item_id=what, now=now)
            model.delete(what, now)
        elif kind == "put":
            item, value, when = what
            rated_at = None if when is None else at(when)
            written = await ratings.put_rating(
                await driver_connection(session),
                user_id=user,
                item_id=item,
                value=value,
                rated_at=rated_at,
                now=now,
                rules=LENIENT,
            )
            assert written.outcome == model.put(item, value, rated_at, now)
        else:
            timed = [(item, value, None if when is None else at(when)) for item, value, when in what]
            outcomes = await ratings.put_ratings(session, [(user, *row) for row in timed], now=now, rules=LENIENT)
            assert outcomes == model.put_all(timed, now)
    rows = await session.execute(
        text(
            "SELECT items.id, value, rated_at FROM ratings JOIN items ON items.key = item_key"
            " JOIN users ON users.key = user_key WHERE users.id = :user"
        ),
        {"user": user},
    )
    assert {row.id: (row.value, row.rated_at) for row in rows} == model.held
