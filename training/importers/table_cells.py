"""Columns of a table as the values they stand for: text from CSV, or typed values from parquet.

Each function gives one value a cell, None for an empty one and :data:`BAD` for one that cannot be read.
"""

import datetime as dt
import math
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Any, Final, cast

import numpy as np
import orjson
import pandas as pd

MILLISECONDS_FROM = 1e11
"""Numbers from here on are milliseconds since 1970: as seconds they would lie past the year 5138, as milliseconds in 1973."""


class Unreadable(Enum):
    """The type of :data:`BAD`."""

    BAD = "bad"


BAD: Final = Unreadable.BAD
Cells = Sequence[Any]
_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def texts(cells: pd.Series) -> Cells:
    """Text without blanks around it; whole numbers as their digits, so that ids survive a spreadsheet's ``12.0``."""
    return [_text(cell) for cell in _objects(cells)]


def lists(cells: pd.Series, separator: str) -> Cells:
    """Lists of text: those of a list column, or the parts of a text."""
    return [_list(cell, separator) for cell in _objects(cells)]


def numbers(cells: pd.Series) -> Cells:
    """Finite numbers."""
    found = pd.to_numeric(_cleaned(cells), errors="coerce").to_numpy(np.float64, na_value=math.nan)
    return _read(cells, found.tolist(), np.isfinite(found).tolist())


def whole_numbers(cells: pd.Series) -> Cells:
    """Whole numbers; ``12.0`` is one."""
    return [
        cell if cell is None or cell is BAD else (int(cell) if cell == int(cell) else BAD) for cell in numbers(cells)
    ]


def instants(cells: pd.Series) -> Cells:
    """Times: ISO 8601 (UTC where no offset is given), or seconds or milliseconds since 1970."""
    cleaned = _cleaned(cells)
    seconds = pd.to_numeric(cleaned, errors="coerce").astype("float64")
    seconds = seconds.where(seconds.abs() < MILLISECONDS_FROM, seconds / 1000)
    counted = pd.to_datetime(seconds, unit="s", utc=True, errors="coerce")
    written = pd.to_datetime(cleaned.where(seconds.isna()), format="ISO8601", utc=True, errors="coerce")
    found = counted.where(~seconds.isna(), written)
    values = [None if value is pd.NaT else value.to_pydatetime() for value in found]
    return _read(cells, values, [value is not None for value in values])


def dates(cells: pd.Series) -> Cells:
    """Days: ISO 8601, or a year, which stands for its 1 January."""
    return [_date(cell) for cell in _objects(cells)]


def flags(cells: pd.Series) -> Cells:
    """Yes or no: true, yes, 1, false, no, 0."""
    return [
        None if (text := _text(cell)) is None else _WORDS.get(text.casefold(), BAD) if isinstance(text, str) else BAD
        for cell in _objects(cells)
    ]


def _objects(cells: pd.Series) -> Iterable[Any]:
    return cells.astype(object).tolist()


def _is_empty(cell: Any) -> bool:
    if isinstance(cell, str):
        return not cell.strip()
    return cell is None or cell is pd.NaT or cell is pd.NA or (isinstance(cell, float) and math.isnan(cell))


def _cleaned(cells: pd.Series) -> pd.Series:
    """Text without blanks, None for empty cells; a flag is no number."""
    return pd.Series([_unspaced(cell) for cell in _objects(cells)], cells.index, dtype=object)


def _unspaced(cell: Any) -> Any:
    if _is_empty(cell):
        return None
    if isinstance(cell, str):
        return cell.strip()
    return str(cell) if isinstance(cell, bool) else cell


def _read(cells: pd.Series, values: Sequence[Any], readable: Sequence[bool]) -> Cells:
    return [
        None if _is_empty(cell) else value if fine else BAD
        for cell, value, fine in zip(_objects(cells), values, readable, strict=True)
    ]


def _text(cell: Any) -> str | Unreadable | None:
    if _is_empty(cell):
        return None
    if isinstance(cell, str):
        return cell.strip()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, bytes | list | tuple | dict | np.ndarray):
        return BAD
    return str(cell)


def _list(cell: Any, separator: str) -> list[str] | Unreadable | None:
    if isinstance(cell, list | tuple | np.ndarray):
        parts = [_text(part) for part in cast("Iterable[Any]", cell)]
    elif isinstance(text := _text(cell), str):
        parts = [part.strip() or None for part in text.split(separator)]
    else:
        return text if text is None else BAD
    if BAD in parts:
        return BAD
    return list(dict.fromkeys(part for part in parts if isinstance(part, str)))


def _date(cell: Any) -> dt.date | Unreadable | None:
    if isinstance(cell, dt.datetime):
        return None if cell is pd.NaT else cell.date()
    if isinstance(cell, dt.date):
        return cell
    text = _text(cell)
    if not isinstance(text, str):
        return text
    try:
        if len(text) == 4 and text.isdigit():
            return dt.date(int(text), 1, 1)
        return dt.datetime.fromisoformat(text).date()
    except ValueError:
        return BAD


def attributes(cells: pd.Series, separator: str) -> Cells:
    """Free values: text, or a list where the separator stands in it; typed values as JSON has them."""
    return [_attribute(cell, separator) for cell in _objects(cells)]


def _attribute(cell: Any, separator: str) -> Any:
    if isinstance(cell, str):
        return _list(cell, separator) if separator in cell else cell.strip() or None
    if not isinstance(cell, list | tuple | dict | np.ndarray) and _is_empty(cell):
        return None
    try:
        return orjson.loads(orjson.dumps(cell, option=orjson.OPT_SERIALIZE_NUMPY, default=str))
    except orjson.JSONEncodeError:
        return BAD
