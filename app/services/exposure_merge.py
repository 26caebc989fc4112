"""Storing exposures and counting them: each once, whoever tells of it and however often.

An exposure is one item of one list before one viewer. Whatever is heard of it (that it was seen, clicked, led to a conversion)
sets a flag that stays set; the counts of its list's day grow by what a flag changed, in the same transaction. What was never
said to be seen does not count, so that clicks and conversions are never more than impressions.

Locks are taken in one order everywhere: exposures by key, then what counts them. This comes last in a transaction.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, LiteralString

from app.errors import Conflict
from app.services.merge_steps import Column, Steps
from app.services.recommendation_ids import LIST_CODES, Recommendation

_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Touch:
    """What is heard of one exposure. The viewer is the user, or the session where no user is known."""

    user_id: str | None
    session_id: str | None
    item_id: str
    recommendation: Recommendation
    shown: bool
    clicked: bool
    converted: bool

    @property
    def exposure(self) -> tuple[str | None, str | None, str, int]:
        """What tells the exposure from others."""
        session = self.session_id if self.user_id is None else None
        return self.user_id, session, self.item_id, self.recommendation.nonce


@dataclass(frozen=True, slots=True)
class Conversion:
    """Something that speaks for an item, from whichever list it came: a purchase, or a good rating."""

    user_id: str | None
    session_id: str | None
    item_id: str
    at: datetime


_Flags = tuple[int, int, int, bool, bool, bool]

# An origin that somebody else inserts at this moment is not seen by this snapshot: its rows do not come back, and the same
# statement again finds it. Look-ups are index probes however large the planner takes the arrays to be.
_ENTER: LiteralString = """
WITH offered AS MATERIALIZED (
    SELECT * FROM unnest(
        %(user_ids)b::text[], %(sessions)s::bigint[], %(item_ids)b::text[], %(nonces)s::bigint[], %(made)s::timestamptz[],
        %(lists)s::bigint[], %(releases)b::text[], %(variants)b::text[]
    ) WITH ORDINALITY AS row (user_id, session, item_id, nonce, made_at, list, release, variant, place)
),
named AS MATERIALIZED (SELECT DISTINCT release, variant FROM offered),
known AS MATERIALIZED (
    SELECT key, release, variant FROM named
    JOIN LATERAL (
        SELECT key FROM list_origins WHERE release = named.release AND variant = named.variant LIMIT 1
    ) AS stored ON true
),
made AS (
    INSERT INTO list_origins (release, variant)
    SELECT release, variant FROM named WHERE (release, variant) NOT IN (SELECT release, variant FROM known)
    ORDER BY release COLLATE "C", variant COLLATE "C"
    ON CONFLICT DO NOTHING
    RETURNING key, release, variant
),
resolved AS MATERIALIZED (
    SELECT place, coalesce(the_user.key, session) AS viewer, item.key AS item_key, nonce, made_at, origin.key AS origin_key, list
    FROM offered
    JOIN (TABLE known UNION ALL TABLE made) AS origin USING (release, variant)
    CROSS JOIN LATERAL (SELECT key FROM items WHERE id = offered.item_id LIMIT 1) AS item
    LEFT JOIN LATERAL (
        SELECT key FROM users WHERE id = offered.user_id
        UNION ALL SELECT user_key FROM user_aliases WHERE id = offered.user_id AND expires_at > now()
        LIMIT 1
    ) AS the_user ON true
),
entered AS (
    INSERT INTO exposures (viewer, item_key, nonce, made_at, origin_key, list)
    SELECT viewer, item_key, nonce, made_at, origin_key, list FROM resolved ORDER BY viewer, item_key, nonce
    ON CONFLICT DO NOTHING
)
SELECT place - 1, viewer, item_key FROM resolved
"""

# A statement of its own: only a later snapshot sees the rows that others have inserted meanwhile. Each row is locked, which
# reads its newest version, before it is judged: of two writers with the same news one counts it.
_COUNT: LiteralString = """
WITH locked AS MATERIALIZED (
    SELECT viewer, item_key, nonce, (made_at AT TIME ZONE 'UTC')::date AS day, origin_key, list, shown, clicked, converted,
        shown OR heard.is_shown AS is_shown, clicked OR heard.is_clicked AS is_clicked,
        converted OR heard.is_converted AS is_converted
    FROM unnest(
        %(viewers)s::bigint[], %(items)s::bigint[], %(nonces)s::bigint[], %(shown)s::boolean[], %(clicked)s::boolean[],
        %(converted)s::boolean[]
    ) AS heard (viewer, item_key, nonce, is_shown, is_clicked, is_converted)
    JOIN exposures USING (viewer, item_key, nonce)
    ORDER BY viewer, item_key, nonce
    FOR UPDATE OF exposures
),
changed AS MATERIALIZED (
    SELECT * FROM locked WHERE (shown, clicked, converted) <> (is_shown, is_clicked, is_converted)
),
updated AS (
    UPDATE exposures SET shown = is_shown, clicked = is_clicked, converted = is_converted
    FROM changed
    WHERE exposures.viewer = changed.viewer AND exposures.item_key = changed.item_key AND exposures.nonce = changed.nonce
),
new_items AS (
    INSERT INTO exposed_items (day, origin_key, item_key)
    SELECT DISTINCT day, origin_key, item_key FROM changed WHERE is_shown AND NOT shown ORDER BY day, origin_key, item_key
    ON CONFLICT DO NOTHING
    RETURNING day, origin_key
),
counted AS (
    SELECT day, origin_key, list, count(*) FILTER (WHERE NOT shown) AS impressions,
        count(*) FILTER (WHERE is_clicked AND NOT (shown AND clicked)) AS clicks,
        count(*) FILTER (WHERE is_converted AND NOT (shown AND converted)) AS conversions, 0 AS items
    FROM changed WHERE is_shown GROUP BY day, origin_key, list
    UNION ALL
    SELECT day, origin_key, 0, 0, 0, 0, count(*) FROM new_items GROUP BY day, origin_key
)
INSERT INTO exposure_counts AS stored (day, origin_key, list, slot, impressions, clicks, conversions, items)
SELECT day, origin_key, list, pg_backend_pid() %% 16, impressions, clicks, conversions, items
FROM counted ORDER BY day, origin_key, list
ON CONFLICT (day, origin_key, list, slot) DO UPDATE SET
    impressions = stored.impressions + excluded.impressions, clicks = stored.clicks + excluded.clicks,
    conversions = stored.conversions + excluded.conversions, items = stored.items + excluded.items
RETURNING 1
"""

# The last list that showed the item takes the credit.
_LAST_SHOWN: LiteralString = """
SELECT DISTINCT last.viewer, last.item_key, last.nonce
FROM unnest(
    %(user_ids)b::text[], %(sessions)s::bigint[], %(item_ids)b::text[], %(times)s::timestamptz[]
) AS good (user_id, session, item_id, at)
CROSS JOIN LATERAL (SELECT key FROM items WHERE id = good.item_id LIMIT 1) AS item
LEFT JOIN LATERAL (
    SELECT key FROM users WHERE id = good.user_id
    UNION ALL SELECT user_key FROM user_aliases WHERE id = good.user_id AND expires_at > now()
    LIMIT 1
) AS the_user ON true
CROSS JOIN LATERAL (
    SELECT viewer, item_key, nonce FROM exposures
    WHERE viewer IN (the_user.key, good.session) AND item_key = item.key AND shown
        AND made_at BETWEEN good.at - %(window)s::interval AND good.at
    ORDER BY made_at DESC, nonce LIMIT 1
) AS last
"""


def viewer_of_session(session_id: str) -> int:
    """A negative number that stands for a session; users have keys above 0."""
    return -1 - (int.from_bytes(blake2b(session_id.encode(), digest_size=8).digest(), "big") >> 1)


def expose_steps(touches: Iterable[Touch]) -> Steps[None]:
    """Store and count what is heard of exposures: yields statements, is sent their rows."""
    heard: dict[tuple[Any, ...], tuple[Touch, bool, bool, bool]] = {}
    for touch in touches:
        _, shown, clicked, converted = heard.get(touch.exposure, (touch, False, False, False))
        flags = (shown or touch.shown, clicked or touch.clicked, converted or touch.converted)
        heard[touch.exposure] = (touch, *flags)
    rest = list(heard.values())
    for _ in range(_ATTEMPTS):
        if not rest:
            return
        found: list[tuple[int, int, int]] = yield _ENTER, _entered([touch for touch, *_ in rest])
        yield from _count_steps(
            [(viewer, item, rest[place][0].recommendation.nonce, *rest[place][1:]) for place, viewer, item in found]
        )
        places = {place for place, *_ in found}
        rest = [each for place, each in enumerate(rest) if place not in places]
    raise Conflict(
        "These recommendations are being counted by too many others; send them again.", code="write_conflict"
    )


def convert_steps(conversions: Sequence[Conversion], window: timedelta) -> Steps[None]:
    """Give each conversion to the last list that showed the item to the same user or session not longer ago than ``window``."""
    found: list[tuple[int, int, int]] = yield (
        _LAST_SHOWN,
        {
            "user_ids": [each.user_id for each in conversions],
            "sessions": _sessions([each.session_id for each in conversions]),
            "item_ids": [each.item_id for each in conversions],
            "times": Column.times([each.at for each in conversions]),
            "window": window,
        },
    )
    yield from _count_steps([(*exposure, False, False, True) for exposure in found])


def _count_steps(heard: Collection[_Flags]) -> Steps[None]:
    if heard:
        viewers, items, nonces, shown, clicked, converted = zip(*heard, strict=True)
        columns = {"viewers": viewers, "items": items, "nonces": nonces}
        flags = {"shown": shown, "clicked": clicked, "converted": converted}
        yield (
            _COUNT,
            {name: Column.integers(values) for name, values in columns.items()}
            | {name: Column.flags(values) for name, values in flags.items()},
        )


def _entered(touches: Sequence[Touch]) -> dict[str, Any]:
    lists = [touch.recommendation for touch in touches]
    return {
        "user_ids": [touch.user_id for touch in touches],
        "sessions": _sessions([touch.session_id for touch in touches]),
        "item_ids": [touch.item_id for touch in touches],
        "nonces": Column.integers([each.nonce for each in lists]),
        "made": Column.times([each.made_at for each in lists]),
        "lists": Column.integers([LIST_CODES[each.kind] for each in lists]),
        "releases": [each.release or "" for each in lists],
        "variants": [each.variant or "" for each in lists],
    }


def _sessions(ids: Iterable[str | None]) -> Column:
    """0, which no viewer has, stands for none."""
    return Column.integers([0 if each is None else viewer_of_session(each) for each in ids])
