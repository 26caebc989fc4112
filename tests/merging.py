"""Merges that stop between two of their statements."""

import itertools
from collections.abc import Callable
from typing import TypeVar

from app.services.merge_steps import Steps

T = TypeVar("T")


def paused(steps: Steps[T], number: int, pause: Callable[[], None]) -> Steps[T]:
    """The same steps, with a pause before the one of this number, from 0."""
    step = next(steps)
    for place in itertools.count():
        if place == number:
            pause()
        try:
            step = steps.send((yield step))
        except StopIteration as end:
            return end.value
    raise AssertionError
