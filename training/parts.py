"""Parts of fits that several configurations share on the same feedback, so that each is fitted once."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

Part = TypeVar("Part")


class Parts:
    """Of each part the values for the ``kept`` parameters that were last asked for."""

    def __init__(self, kept: int = 2) -> None:
        self._kept = kept
        self._found: dict[str, OrderedDict[str, Any]] = {}

    def get(self, name: str, parameters: object, make: Callable[[], Part]) -> Part:
        """The part of that name for these parameters (dataclasses and numbers): made before, or made now."""
        found = self._found.setdefault(name, OrderedDict())
        key = repr(parameters)
        if key not in found:
            while len(found) >= self._kept:
                found.popitem(last=False)
            found[key] = make()
        found.move_to_end(key)
        return found[key]
