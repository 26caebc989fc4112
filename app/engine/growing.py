"""An array that grows at its end without being copied each time."""

from typing import Generic, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

Scalar = TypeVar("Scalar", bound=np.generic)


class GrowingArray(Generic[Scalar]):
    """Rows of one shape and dtype. :attr:`view` shows those there are."""

    def __init__(self, row_shape: tuple[int, ...], dtype: type[Scalar]) -> None:
        self._room: NDArray[Scalar] = np.zeros((16, *row_shape), dtype)
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def append(self, row: ArrayLike) -> None:
        """Add one row."""
        if self._length == len(self._room):
            self._room = np.concatenate([self._room, np.zeros_like(self._room)])
        self._room[self._length] = row
        self._length += 1

    def put(self, place: int, row: ArrayLike) -> None:
        """Write one row over another, which views taken earlier may show; at the end, add it."""
        if place == self._length:
            self.append(row)
        else:
            self.view[place] = row

    @property
    def view(self) -> NDArray[Scalar]:
        """All rows, without a copy."""
        return self._room[: self._length]
