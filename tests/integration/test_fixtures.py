"""What the other tests take for granted of their databases."""

import psycopg
import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import User

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("turn", [1, 2])
async def test_what_a_session_commits_is_gone_afterwards(session: AsyncSession, turn: int) -> None:
    assert await session.scalar(select(func.count()).select_from(User)) == 0
    session.add(User(id=f"user of turn {turn}"))
    await session.commit()
    session.add(User(id="rolled back"))
    await session.flush()
    await session.rollback()
    assert list(await session.scalars(select(User.id))) == [f"user of turn {turn}"]


@pytest.mark.parametrize("turn", [1, 2])
def test_a_fresh_database_has_the_schema_and_no_rows(database_url: str, turn: int) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("INSERT INTO users (id) VALUES ('ann')")
        assert connection.execute("SELECT count(*) FROM users").fetchone() == (1,)
