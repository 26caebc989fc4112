"""Which user an id stands for: the one who has it, or the one whom its former owner was merged into."""

from typing import Any

from sqlalchemy import ColumnElement, func, select

from app.models import User, UserAlias


def user_key_of(user_id: str) -> ColumnElement[Any]:
    """The key of the user, NULL for an unknown id. The aliases are asked only where no user has the id."""
    own = select(User.key).where(User.id == user_id).scalar_subquery()
    alias = select(UserAlias.user_key).where(UserAlias.id == user_id, UserAlias.expires_at > func.now())
    return func.coalesce(own, alias.scalar_subquery())
