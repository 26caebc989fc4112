"""Which ids stand for somebody else since a merge, as it is asked of user tokens: one that was made for a visitor is not the
key to the account of whom the visitor turned out to be."""

from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

import psycopg

from app.statements import StatementPool

KEPT_SECONDS = 5.0
"""How long an answer holds in this worker: so long may a token outlive a merge that another worker made."""
REMEMBERED = 10_000
SILENT_SECONDS = 1.0
"""How long a database that did not answer is not asked again, so that not every request of an outage waits for it."""
_STATEMENT = b"SELECT true FROM user_aliases WHERE id = $1 AND expires_at > now()"


class FormerIds:
    """Asks the database, once in a while for each id that is in use."""

    def __init__(self, pool: StatementPool, wait_seconds: float, clock: Callable[[], float] = monotonic) -> None:
        self._pool = pool
        self._wait_seconds = wait_seconds
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, bool]] = OrderedDict()
        self._ask_from = 0.0

    async def is_former(self, user_id: str) -> bool | None:
        """Whether the id stands for another user; None where the database does not say."""
        known = self._known.get(user_id)
        now = self._clock()
        if known is not None and now - known[0] < KEPT_SECONDS:
            return known[1]
        if now < self._ask_from:
            return None
        parameters = (user_id.encode(errors="surrogatepass"),)
        try:
            row = await self._pool.fetch_row(_STATEMENT, parameters, seconds=self._wait_seconds)
        except psycopg.DataError:
            return False  # no text that could be stored
        except (psycopg.Error, TimeoutError):
            self._ask_from = self._clock() + SILENT_SECONDS
            return None
        self._known[user_id] = now, row is not None
        self._known.move_to_end(user_id)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return row is not None

    async def hear(self, user_id: str) -> None:
        """Ask anew about an id that this worker has just merged."""
        self._known.pop(user_id, None)
