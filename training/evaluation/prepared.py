"""Fits and contents that several evaluations share, and what each is kept by."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, cast

import numpy as np
from scipy.sparse import csr_matrix

from app.engine.arrays import AnyArray
from app.engine.content import ContentTransform
from app.engine.engine import Engine
from app.engine.strings import StringTable
from training.blend import HISTORY_SIZES
from training.collaborative import Factors
from training.content import ContentFit
from training.evaluation.rankers import BLEND, Weights
from training.evaluation.resources import Resources, measured
from training.evaluation.store import Entry, Key, Store
from training.evaluation.summary import Catalogue
from training.fit import Fit
from training.parts import Part, Parts


@dataclass(frozen=True, slots=True)
class Prepared:
    """A fit, the weights that were learned for it, and what a fit from nothing cost."""

    fit: Fit
    weights: Weights
    resources: Resources

    def serving_engine(self) -> Engine:
        """The engine with the blend that was learned."""
        return self.fit.with_blend(HISTORY_SIZES, self.weights[BLEND]).engine()

    @property
    def catalogue(self) -> Catalogue:
        """What the metrics of lists need to know, where every row can be recommended."""
        vectors, counts = self.fit.arrays["content.vectors"], self.fit.arrays["popularity.counts"]
        return Catalogue(vectors.astype(np.float32), counts.astype(np.int64), len(counts))


class KeptParts(Parts):
    """The parts of one fit, each found again by the feedback it was fitted on and its own parameters, whatever else differs.

    ``cost`` is what making them took, whenever that was, and ``here`` what getting them took now."""

    def __init__(self, store: Store, key: Key) -> None:
        super().__init__()
        self._store = store
        self._key = key
        self.cost = Resources()
        self.here = Resources()

    def get(self, name: str, parameters: object, make: Callable[[], Part]) -> Part:
        """See :class:`Parts`. A part is :class:`Factors`, or arrays by name."""

        def made() -> Entry:
            with measured() as spent:
                part = make()
            arrays: Mapping[str, AnyArray] = (
                {"users": part.users, "items": part.items} if isinstance(part, Factors) else cast("Any", part)
            )
            return Entry(arrays, {"factors": isinstance(part, Factors), "cost": asdict(spent)})

        def kept() -> Part:
            with measured() as here:
                entry = self._store.get(name, {**self._key, "parameters": repr(parameters)}, made)
            self.here = self.here.plus(here)
            self.cost = self.cost.plus(Resources(**entry.document["cost"]))
            arrays: Any = dict(entry.arrays)
            return cast("Part", Factors(**arrays) if entry.document["factors"] else arrays)

        return super().get(name, parameters, kept)


def keep_content(store: Store, key: Key, make: Callable[[], ContentFit]) -> ContentFit:
    """The content that was fitted before for this key, or what ``make`` fits now."""
    return _content_of(store.get("content", key, lambda: _entry_of(make())))


def _entry_of(fit: ContentFit) -> Entry:
    transform, weighted = fit.transform, fit.weighted
    arrays: dict[str, AnyArray] = {
        "terms.blob": transform.vocabulary.blob,
        "terms.offsets": transform.vocabulary.offsets,
        "term_weights": transform.term_weights,
        "projection": transform.projection,
        "term_factors": transform.term_factors,
        "factor_offset": transform.factor_offset,
        "vectors": fit.vectors,
        "weighted.data": weighted.data,
        "weighted.indices": weighted.indices,
        "weighted.indptr": weighted.indptr,
    }
    return Entry(arrays, {"shape": list(weighted.shape)})


def _content_of(entry: Entry) -> ContentFit:
    arrays: Any = entry.arrays
    transform = ContentTransform(
        StringTable(arrays["terms.blob"], arrays["terms.offsets"]),
        arrays["term_weights"],
        arrays["projection"],
        arrays["term_factors"],
        arrays["factor_offset"],
    )
    cells = (arrays["weighted.data"], arrays["weighted.indices"], arrays["weighted.indptr"])
    return ContentFit(transform, arrays["vectors"], csr_matrix(cells, shape=tuple(entry.document["shape"])))
