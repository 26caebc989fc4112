"""The one statement that reads a user's feedback and wishes, made once from the table of event kinds."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from psycopg import sql

from app.event_kinds import IMPRESSION, EventKind, EventKinds

EVENTS_READ = 2_000
"""How many of a user's newest events with a weight are looked at; what they say was seen has no such limit."""

# One bytea instead of one array a column: NumPy reads it without a Python object for each entry. The events' index holds no
# impressions, so naming them in the condition is what lets it be used; both scans of it read the index alone. Times are sent
# as Postgres keeps them, in microseconds: extract() goes through numeric and would cost more than all the rest. What users have
# stated is one row, which most of them have not: a probe of one index. Aliases are looked for only where there is no such user.
_STATEMENT = sql.SQL("""
SELECT
(
    SELECT string_agg(
        int8send(item_key) || float8send(value) || timestamptz_send(rated_at), ''::bytea)
    FROM ratings WHERE user_key = users.key AND value IS NOT NULL
),
(
    SELECT string_agg(
        int8send(item_key) || int2send({code}) || float8send(coalesce(value, 'NaN')) || timestamptz_send(occurred_at),
        ''::bytea)
    FROM (
        SELECT item_key, kind, value, occurred_at FROM events
        WHERE user_key = users.key AND kind <> {impression} AND ({counting})
        ORDER BY occurred_at DESC, item_key DESC LIMIT {limit}
    ) AS newest
),
(
    SELECT string_agg(int8send(item_key), ''::bytea)
    FROM (
        SELECT DISTINCT item_key FROM events
        WHERE user_key = users.key AND kind <> {impression} AND ({seen})
    ) AS distinct_items
),
(SELECT jsonb_build_array(preferences, suppressions)::text FROM user_wishes WHERE user_key = users.key),
CASE WHEN attributes <> '{{}}' THEN attributes::text END
FROM (
    SELECT key, attributes FROM users WHERE id = $1
    UNION ALL
    SELECT named.key, named.attributes FROM user_aliases AS alias JOIN users AS named ON named.key = alias.user_key
    WHERE alias.id = $1 AND alias.expires_at > now()
    LIMIT 1
) AS users
""")


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """The statement as it is sent; ``expires`` says whether it asks for the time."""

    statement: bytes
    expires: bool

    @staticmethod
    @lru_cache(maxsize=8)
    def of(table: EventKinds) -> "HistoryQuery":
        """The query for these kinds."""
        kinds = dict(table.items())
        weighty = {name: kind for name, kind in kinds.items() if kind.weight or kind.part_weight}
        seen = {name: kind for name, kind in kinds.items() if kind.seen}
        statement = _STATEMENT.format(
            code=code_of_kind(kinds),
            impression=IMPRESSION,
            counting=_any_of(weighty, _alive),
            seen=_any_of(seen, _whole),
            limit=EVENTS_READ,
        )
        return HistoryQuery(
            statement.as_bytes(None), any(kind.expires_after_days for kind in (weighty | seen).values())
        )

    def parameters(self, user_id: str, now: datetime) -> Sequence[bytes]:
        """What is sent with the statement."""
        return (user_id.encode(), now.isoformat().encode()) if self.expires else (user_id.encode(),)


def code_of_kind(kinds: Iterable[str]) -> sql.Composed:
    """The expression that turns an event's kind into its code, its place in the table; NULL for a kind that is not there."""
    cases = [sql.SQL(" WHEN {} THEN {}").format(name, code) for code, name in enumerate(kinds)]
    return sql.SQL("CASE kind{} END::smallint").format(sql.SQL("").join(cases))


def _alive(kind: EventKind) -> sql.Composable | None:
    if kind.expires_after_days is None:
        return None
    return sql.SQL("occurred_at > $2::timestamptz - make_interval(days => {})").format(kind.expires_after_days)


def _whole(kind: EventKind) -> sql.Composable | None:
    if kind.whole_above is None:
        return _alive(kind)
    whole = sql.SQL("value > {}").format(kind.whole_above)
    alive = _alive(kind)
    return whole if alive is None else sql.SQL("{} AND {}").format(whole, alive)


def _any_of(kinds: Mapping[str, EventKind], besides: Callable[[EventKind], sql.Composable | None]) -> sql.Composable:
    """The condition that an event is of one of these kinds and meets what the kind demands besides, if anything."""
    demands = {name: besides(kind) for name, kind in kinds.items()}
    plain = [name for name, demand in demands.items() if demand is None]
    conditions: list[sql.Composable] = [sql.SQL("kind = ANY ({}::text[])").format(plain)] if plain else []
    conditions += [
        sql.SQL("(kind = {} AND {})").format(name, demand) for name, demand in demands.items() if demand is not None
    ]
    return sql.SQL(" OR ").join(conditions or [sql.SQL("false")])
