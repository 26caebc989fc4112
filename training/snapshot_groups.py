"""Reads which users share an attribute."""

import numpy as np
import orjson
from psycopg import sql
from sqlalchemy import Connection, text

from app.engine.arrays import RowArray
from app.engine.group_popularity import group_name
from training.binary_copy import read_binary
from training.data import UserGroups
from training.snapshot_feedback import rows_of_keys

CANDIDATES = 128
"""So many of the largest groups are read; which of them are used is the fit's to say."""

_PAIRS = text("""
SELECT attribute.key, attribute.value::text
FROM users CROSS JOIN LATERAL jsonb_each(users.attributes) AS attribute
WHERE users.attributes <> '{}' AND jsonb_typeof(attribute.value) IN ('string', 'number', 'boolean')
    AND length(attribute.key) <= 100 AND length(attribute.value::text) <= 100
GROUP BY attribute.key, attribute.value HAVING count(*) > 1
ORDER BY count(*) DESC, attribute.key COLLATE "C", attribute.value LIMIT :most
""")
_MEMBERS = sql.SQL("""
SELECT users.key, pairs.place
FROM users CROSS JOIN LATERAL jsonb_each(users.attributes) AS attribute
JOIN (VALUES {pairs}) AS pairs (name, value, place) ON pairs.name = attribute.key AND pairs.value = attribute.value
WHERE users.attributes <> '{{}}'
""")


def read_groups(connection: Connection, user_keys: RowArray) -> UserGroups:
    """The groups of the users with these keys, which stand in the order of their numbers: whoever has the same text, number or
    boolean under the same attribute."""
    pairs = connection.execute(_PAIRS, {"most": CANDIDATES}).all()
    if not pairs or len(user_keys) == 0:
        return UserGroups()
    values = [sql.SQL("({}, {}::jsonb, {}::int4)").format(*pair, place) for place, pair in enumerate(pairs)]
    query = _MEMBERS.format(pairs=sql.SQL(", ").join(values))
    found = read_binary(connection, query, [("user", ">i8"), ("place", ">i4")])
    users, known = rows_of_keys(user_keys, found["user"].astype(np.int64))
    places = found["place"].astype(np.int64)
    return UserGroups([group_name(name, orjson.loads(value)) for name, value in pairs], users[known], places[known])
