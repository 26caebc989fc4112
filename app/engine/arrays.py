"""Names for the arrays the engine works with, and for the row numbers that index them."""

from typing import NewType

import numpy as np
from numpy.typing import NDArray

Row = NewType("Row", int)
"""The position of an item in a release (or, past its end, in the extension of what came since)."""

FloatArray = NDArray[np.float32]
DoubleArray = NDArray[np.float64]
RowArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
ByteArray = NDArray[np.uint8]
AnyArray = NDArray[np.generic]

NO_ROWS: RowArray = np.zeros(0, np.int64)
