"""Types of query parameters, which arrive as text: read as strictly as JSON is."""

import re
from math import isfinite
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
# With an exponent too, as JavaScript and Python write what is small: 1e-7.
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?")


def _integer(value: Any) -> Any:
    if isinstance(value, str):
        if not _INTEGER.fullmatch(value):
            raise PydanticCustomError("not_an_integer", "Must be an integer in plain digits")
        return int(value)
    return value


def _number(value: Any) -> Any:
    if isinstance(value, str):
        if not _NUMBER.fullmatch(value):
            raise PydanticCustomError("not_a_number", "Must be a number")
        number = float(value)
        if not isfinite(number):
            raise PydanticCustomError("not_finite", "Must be a finite number")
        return number
    return value


def _flag(value: Any) -> Any:
    if isinstance(value, str):
        if value not in {"true", "false"}:
            raise PydanticCustomError("not_a_boolean", "Must be true or false")
        return value == "true"
    return value


QueryInteger = Annotated[int, BeforeValidator(_integer)]
QueryNumber = Annotated[float, BeforeValidator(_number)]
QueryFlag = Annotated[bool, BeforeValidator(_flag)]
Limit = Annotated[QueryInteger, Field(ge=1, le=100, description="How many to return.", examples=[20])]
CategoryLimit = Annotated[QueryInteger, Field(ge=1, le=1000, description="How many to return.", examples=[100])]
