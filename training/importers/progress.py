"""How an import tells how far it is."""

from typing import Protocol


class Report(Protocol):
    """Called now and then with the name of what is being read, how many bytes are done and how many there are."""

    def __call__(self, stage: str, done: int, total: int, /) -> None: ...


def ignore_progress(stage: str, done: int, total: int, /) -> None:
    """For callers that want no progress."""
