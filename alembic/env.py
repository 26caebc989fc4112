"""Runs migrations on the connection that ``app`` hands over; ``medley db`` is the way in."""

from alembic import context
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql.base import ischema_names

from app.models import Base
from app.models.item import TransactionId

# Without this SQLAlchemy warns about a type it does not know, and a change of that column's type would go unseen.
ischema_names.update({"xid8": TransactionId})  # pyright: ignore[reportArgumentType, reportCallIssue] - typed for built-in types only


def run_on(connection: Connection) -> None:
    """Run on an open connection, in one transaction a migration."""
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        compare_server_default=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


handed_over = context.config.attributes.get("connection")
if not isinstance(handed_over, Connection):
    raise SystemExit("run migrations with: medley db upgrade")
run_on(handed_over)
