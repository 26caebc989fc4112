"""JSON read strictly: no repeated key, no number that is not finite, no text that Postgres cannot hold, bounded depth.

The common case is one pass of the C parser with three cheap hooks; only when a hook or a look at the text finds
something suspicious is the value walked in Python, to say where.
"""

import json
import math
import re
from collections.abc import Iterable, Iterator
from typing import Any, cast

from starlette.requests import Request

from app.api.errors import MAX_ERRORS, MalformedRequest, UnsupportedMediaType, pointer_to
from app.errors import FieldError, InvalidInput

MAX_DEPTH = 64
MAX_INTEGER = 2**63 - 1
MAX_KEYS = 10_000
"""Of one object. No free JSON has room for so many; to say of each that it is not known would take seconds."""
MAX_FIELDS = 20_000
"""Of all objects of a body that is no batch: what is told of a batch's rows is bounded where they are read."""

# UTF-8 cannot hold a surrogate and JSON no bare NUL, so both can only come in as escapes.
_SUSPICIOUS_ESCAPE = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


class _Repeated(dict[str, Any]):
    """An object in which ``key`` occurs more than once."""

    key: str = ""


# Looked up by class rather than asked for with isinstance, which takes a third longer over a large batch.
_CONTAINERS = frozenset({dict, list, _Repeated})


class _BadNumber(float):
    """A number that is infinite, not a number, or an integer beyond 64 bits."""


class _Reader:
    """One parse; remembers whether a hook met something that has to be looked for, and how many more fields there may be."""

    def __init__(self, fields_left: float) -> None:
        self.suspicious = False
        self._fields_left = fields_left

    def read(self, text: str) -> Any:
        decoder = json.JSONDecoder(
            object_pairs_hook=self._object, parse_constant=self._constant, parse_float=self._float, parse_int=self._int
        )
        return decoder.decode(text)

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(pairs) > MAX_KEYS:
            detail = f"An object of the body has more than {MAX_KEYS} fields."
            raise InvalidInput(detail, code="too_many_fields")
        self._fields_left -= len(pairs)
        if self._fields_left < 0:
            raise InvalidInput("The objects of the body have too many fields together.", code="too_many_fields")
        value = dict(pairs)
        if len(value) == len(pairs):
            return value
        self.suspicious = True
        repeated = _Repeated(value)
        names: set[str] = set()
        repeated.key = next(name for name, _ in pairs if name in names or names.add(name))
        return repeated

    def _constant(self, _: str) -> float:
        self.suspicious = True
        return _BadNumber("nan")

    def _float(self, text: str) -> float:
        value = float(text)
        if math.isfinite(value):
            return value
        self.suspicious = True
        return _BadNumber(value)

    def _int(self, text: str) -> int | float:
        # Longer texts are not even converted: Python refuses beyond 4,300 digits.
        if len(text) < 19 or (len(text) <= 20 and abs(int(text)) <= MAX_INTEGER):
            return int(text)
        self.suspicious = True
        return _BadNumber("inf")


def parse_json(body: bytes, most_fields: float = MAX_FIELDS) -> Any:
    """The value that ``body`` holds; MalformedRequest where it is no JSON, InvalidInput with pointers otherwise, and without
    where there are more than ``most_fields`` fields in all."""
    if not body:
        raise MalformedRequest("The body is empty.", code="empty_body")
    if body.startswith(b"\xef\xbb\xbf"):
        raise MalformedRequest("The body begins with a byte order mark.", code="byte_order_mark")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedRequest(f"The body is not UTF-8 at byte {error.start}.", code="invalid_utf8") from None
    reader = _Reader(most_fields)
    try:
        value = reader.read(text)
    except RecursionError:
        raise InvalidInput(f"The body is nested more than {MAX_DEPTH} deep.", code="too_deep") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        code = "trailing_data" if error.msg == "Extra data" else "malformed_json"
        raise MalformedRequest(f"The body is not JSON: {error.msg} at {where}.", code=code) from None
    if value.__class__ in _CONTAINERS:
        _check_depth(value)
    if reader.suspicious or _SUSPICIOUS_ESCAPE.search(text):
        errors = [error for _, error in zip(range(MAX_ERRORS), _offences(value), strict=False)]
        if errors:
            raise InvalidInput("The body holds values that cannot be accepted.", code=errors[0].code, errors=errors)
    return value


def _check_depth(value: Any) -> None:
    """Level by level, containers only: no recursion, and cheap for a long flat list."""
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for container in level:
            children: Iterable[Any] = (
                cast("dict[str, Any]", container).values() if isinstance(container, dict) else container
            )
            below += [child for child in children if child.__class__ in _CONTAINERS]
        if not below:
            return
        level = below
    raise InvalidInput(f"The body is nested more than {MAX_DEPTH} deep.", code="too_deep")


def _offences(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[FieldError]:
    """Everything unacceptable inside ``value``, whose depth is bounded, with the way to it."""
    if isinstance(value, str):
        if _UNSTORABLE.search(value) and not _is_in_row(path):
            yield _text_error(value, path)
    elif isinstance(value, _BadNumber):
        yield FieldError(pointer_to(path), "number_out_of_range", "A number must be finite, an integer within 64 bits.")
    elif isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        if isinstance(value, _Repeated):
            yield FieldError(
                pointer_to((*path, _printable(value.key))), "duplicate_key", "This key occurs more than once."
            )
        for key, child in members.items():
            if _UNSTORABLE.search(key):
                yield _text_error(key, (*path, _printable(key)))
            yield from _offences(child, (*path, _printable(key)))
    elif isinstance(value, list):
        for position, child in enumerate(cast("list[Any]", value)):
            yield from _offences(child, (*path, position))


def _is_in_row(path: tuple[str | int, ...]) -> bool:
    """Whether a value is a field of a row in a list, as batches have them: their schemas refuse such text by themselves, and a
    batch then loses one row and not all."""
    return len(path) > 2 and isinstance(path[1], int)


def _text_error(text: str, path: tuple[str | int, ...]) -> FieldError:
    if "\0" in text:
        return FieldError(pointer_to(path), "nul_character", "Text must not hold U+0000.")
    return FieldError(pointer_to(path), "lone_surrogate", "Text must not hold half of a surrogate pair.")


def _printable(key: str) -> str:
    return _UNSTORABLE.sub("\ufffd", key)[:256]


class StrictRequest(Request):
    """A request whose JSON is read by ``parse_json``, once, and only when it says that it is JSON."""

    most_fields: float = MAX_FIELDS

    async def json(self) -> Any:
        """The body's value; an absent body is told apart by its length, not by a null."""
        if not hasattr(self, "_json"):
            self._check_headers()
            self._json = parse_json(await self.body(), self.most_fields)
        return self._json

    def _check_headers(self) -> None:
        types = self.headers.getlist("content-type")
        content_type, *parameters = types[0].lower().split(";") if len(types) == 1 else ("",)
        if content_type.strip() != "application/json":
            raise UnsupportedMediaType("The body must be sent as application/json.")
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip() == "charset" and value.strip().strip('"') != "utf-8":
                raise UnsupportedMediaType("JSON is read as UTF-8 only.")
        if any(encoding.lower() != "identity" for encoding in self.headers.getlist("content-encoding")):
            raise UnsupportedMediaType("A compressed body is not read.")
