"""What the tests of the ratings' rules share: a clock, an item, and a look at what is stored."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
Held = tuple[float | None, datetime] | None


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


async def add_item(session: AsyncSession, item_id: str = "film") -> None:
    await session.execute(
        text("INSERT INTO items (id, title) VALUES (:id, 't') ON CONFLICT DO NOTHING"), {"id": item_id}
    )


async def held(session: AsyncSession, user: str) -> Held:
    row = (
        await session.execute(
            text("SELECT value, rated_at FROM ratings JOIN users ON key = user_key WHERE users.id = :id"), {"id": user}
        )
    ).first()
    return None if row is None else (row.value, row.rated_at)
