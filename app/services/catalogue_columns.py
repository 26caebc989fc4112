"""The catalogue's arrays in an artifact."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from app.engine.arrays import NO_ROWS, AnyArray, BoolArray, DoubleArray, FloatArray, RowArray
from app.engine.artifact import require_array, require_offsets, require_strings
from app.engine.strings import StringTable
from app.errors import ArtifactRejected
from app.services.catalogue_item import FACETS, NUMBERS, Facet
from app.services.opinions import OpinionPrior

PERIOD_DAYS: Mapping[str, float] = {"day": 1.0, "week": 7.0, "month": 30.0, "year": 365.0}
"""The periods over which the artifact has counts of what was taken, up to its newest feedback."""


@dataclass(frozen=True, slots=True)
class LabelIndex:
    """Which rows carry a label: those of ``names[i]``, sorted by bytes, are ``rows[starts[i]:starts[i + 1]]``."""

    names: StringTable
    rows: RowArray
    starts: RowArray

    @classmethod
    def read(cls, arrays: Mapping[str, AnyArray], facet: Facet, n_rows: int) -> "LabelIndex":
        """The index in an artifact; raises :class:`ArtifactRejected` if it does not fit ``n_rows``."""
        name = f"catalogue.{facet}"
        names = require_strings(arrays, name, None)
        rows: RowArray = require_array(arrays, f"{name}.rows", np.int64, (None,))
        starts = require_offsets(arrays, f"{name}.starts", len(names), len(rows))
        if len(rows) and not 0 <= int(rows.min()) <= int(rows.max()) < n_rows:
            raise ArtifactRejected(f"{name}.rows: names rows that are not there")
        return cls(names, rows, starts)

    def rows_of(self, label: str) -> RowArray:
        """The rows that carry it; none for an unknown label."""
        place = self.names.find(label.encode())
        return NO_ROWS if place is None else self.rows[self.starts[place] : self.starts[place + 1]]


class ReleaseColumns:
    """The catalogue's arrays in an artifact; raises :class:`ArtifactRejected` if they do not fit ``n_rows``."""

    def __init__(self, arrays: Mapping[str, AnyArray], n_rows: int) -> None:
        self.n_rows = n_rows
        self.ids = require_strings(arrays, "catalogue.ids", n_rows)
        self.cards = require_strings(arrays, "catalogue.cards", n_rows)
        self.details = require_strings(arrays, "catalogue.details", n_rows)
        self.keys: RowArray = require_array(arrays, "catalogue.keys", np.int64, (n_rows,))
        self.versions: RowArray = require_array(arrays, "catalogue.versions", np.int64, (n_rows,))
        self.listed: BoolArray = ~require_array(arrays, "catalogue.hidden", np.bool_, (n_rows,))
        self.key_order = np.argsort(self.keys, kind="stable")
        self.sorted_keys = self.keys[self.key_order]
        self.labels = {facet: LabelIndex.read(arrays, facet, n_rows) for facet in FACETS}
        self.numbers: dict[str, AnyArray] = {
            name: require_array(arrays, f"catalogue.{name}", dtype, (n_rows,)) for name, dtype in NUMBERS.items()
        }
        self.rating_counts: RowArray = require_array(arrays, "catalogue.rating_counts", np.int64, (n_rows,))
        self.rating_sums: DoubleArray = require_array(arrays, "catalogue.rating_sums", np.float64, (n_rows,))
        prior: DoubleArray = require_array(arrays, "catalogue.opinion_prior", np.float64, (4,))
        self.prior = OpinionPrior(*prior.tolist())
        self.taken: FloatArray = require_array(arrays, "catalogue.taken", np.float32, (len(PERIOD_DAYS), n_rows))
