"""Reads the rows of a query into NumPy by binary COPY, the fastest way out of Postgres that needs no other driver."""

import struct
from typing import Any, cast

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql
from sqlalchemy import Connection

_SIGNATURE = b"PGCOPY\n\xff\r\n\x00"


def read_binary(connection: Connection, query: sql.Composable, fields: list[tuple[str, str]]) -> NDArray[np.void]:
    """Run a query without NULLs by binary COPY: a structured array of its rows.

    Every field has a fixed width, so each tuple takes the same number of bytes: a count (int16), then for each field its length
    (int32) and its bytes. See "COPY", "Binary Format", in the PostgreSQL manual.
    """
    layout = [("count", ">i2")]
    for name, code in fields:
        layout += [(f"{name}.length", ">i4"), (name, code)]
    row = np.dtype(layout)
    statement = sql.SQL("COPY ({}) TO STDOUT (FORMAT BINARY)").format(query)
    driver = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        data = b"".join(bytes(block) for block in copy)
    if not data.startswith(_SIGNATURE):
        raise ValueError("the server did not answer with a binary COPY")
    start = len(_SIGNATURE) + 8 + struct.unpack_from(">i", data, len(_SIGNATURE) + 4)[0]
    return np.frombuffer(data, row, count=(len(data) - start - 2) // row.itemsize, offset=start)
