"""Medley: a hybrid recommendation service."""

import os

__version__ = "0.1.0"

# NumPy reads this when it is first imported. A worker process is the unit of parallelism: more threads would only make the
# workers of one machine fight for its cores, and small products slower.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
