"""The training lock: an advisory lock of Postgres on a connection of its own, held for the length of one run.

The server lets go of it when the connection ends, however it ends. So a process that was killed blocks nobody, and a release
is published by a transaction of the very session that holds the lock: without the session there is no publication.
"""

from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from app.errors import Conflict, Unavailable

TRAINING_LOCK = 0x747261696E
"""The advisory lock that one training run holds ("train" in ASCII)."""

# A lock of 64 bits is shown by pg_locks in two halves, and objsubid 1 tells it from one that was taken by two numbers.
_SAME_LOCK = """
    locktype = 'advisory' AND objsubid = 1 AND granted AND (classid::bigint << 32) + objid::bigint = :lock
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_HELD_BY_ME = text(f"SELECT EXISTS (SELECT FROM pg_locks WHERE pid = pg_backend_pid() AND {_SAME_LOCK})")  # noqa: S608 - no data in it
_HELD_BY_ANYBODY = text(f"SELECT EXISTS (SELECT FROM pg_locks WHERE {_SAME_LOCK})")  # noqa: S608 - no data in it


class LockLost(Unavailable):
    """The connection that held the training lock has gone; another run may have begun."""

    code = "lock_lost"

    def __init__(self) -> None:
        super().__init__("The run lost its connection to the database and with it the training lock.")


class TrainingLock:
    """The session that holds the lock."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def check(self) -> None:
        """Raises :class:`LockLost` unless the session lives and holds the lock."""
        with self.transaction():
            pass

    @contextmanager
    def transaction(self) -> Generator[Connection]:
        """A transaction of the session that holds the lock; raises :class:`LockLost` if it does not, or is gone."""
        try:
            with self._connection.begin():
                if not self._connection.execute(_HELD_BY_ME, {"lock": TRAINING_LOCK}).scalar_one():
                    raise LockLost
                yield self._connection
        except DBAPIError as error:
            if error.connection_invalidated or self._connection.invalidated:
                raise LockLost from error
            raise


@contextmanager
def hold_training_lock(engine: Engine) -> Generator[TrainingLock]:
    """Take the lock or raise :class:`Conflict` where somebody has it."""
    with engine.connect() as connection:
        connection.detach()  # closed at the end, however it comes, and not kept in the pool with the lock
        with connection.begin():
            taken = connection.execute(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": TRAINING_LOCK}).scalar_one()
        if not taken:
            raise Conflict("Another training run is under way.", code="training_under_way")
        try:
            yield TrainingLock(connection)
        finally:
            _let_go(connection)


def is_training_locked(connection: Connection) -> bool:
    """Whether anybody holds the training lock, found out without touching it."""
    return bool(connection.execute(_HELD_BY_ANYBODY, {"lock": TRAINING_LOCK}).scalar_one())


def _let_go(connection: Connection) -> None:
    """Closing would do, but a moment later: the next run should not find the lock of this one."""
    try:
        with connection.begin():
            connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": TRAINING_LOCK})
    except DBAPIError:
        connection.invalidate()
