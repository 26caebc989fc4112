"""Puts an engine together from arrays and a configuration, whether they come from an artifact or straight from a fit."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from app.engine.arrays import AnyArray
from app.engine.artifact import require_array, require_strings
from app.engine.blend import Blend
from app.engine.collaborative import Collaborative, FoldIn
from app.engine.content import Content, ContentTransform, Profile
from app.engine.engine import Engine
from app.engine.group_popularity import GroupPopularity
from app.engine.item_to_item import ItemToItem, ItemToItemReading
from app.engine.next_item import NextItem, NextItemReading
from app.engine.popularity import Popularity
from app.engine.predicted_rating import RatingPredictor, RatingReading, RatingSamples
from app.engine.signals import SignalName, Spread
from app.engine.similarity import Similarity
from app.engine.tables import DenseTable, SparseTable, Table
from app.errors import ArtifactRejected


@dataclass(frozen=True, slots=True)
class Configuration:
    """What the engine needs beside the arrays; kept in the manifest.

    ``overall_mean`` is the mean of all ratings, which a user's own mean is shrunk to. Without ratings there is no ``rating``."""

    overall_mean: float
    fold_in: FoldIn
    item_to_item: ItemToItemReading
    next_item: NextItemReading
    profile: Profile
    popularity_columns: tuple[str, ...]
    blend_columns: tuple[tuple[SignalName, str], ...]
    blend_sizes: tuple[int, ...]
    rating: RatingReading | None = None

    def as_document(self) -> dict[str, Any]:
        """As it stands in the manifest."""
        return asdict(self)


_CONFIGURATION = TypeAdapter(Configuration)


def read_configuration(document: Mapping[str, Any]) -> Configuration:
    """The configuration from a manifest; raises :class:`ArtifactRejected` if it does not fit this version."""
    try:
        return _CONFIGURATION.validate_python(document)
    except ValidationError as error:
        first = error.errors()[0]
        raise ArtifactRejected(f"configuration: {first['loc']}: {first['msg']}") from error


def build_engine(arrays: Mapping[str, AnyArray], configuration: Configuration) -> Engine:
    """The engine; raises :class:`ArtifactRejected` by the name of an array that is missing or does not fit the others."""
    factors = require_array(arrays, "collaborative.factors", np.float32, (None, None))
    n, k = factors.shape
    vectors = require_array(arrays, "content.vectors", np.float32, (n, None))
    d = vectors.shape[1]
    columns = len(configuration.popularity_columns)
    collaborative = Collaborative(
        factors,
        require_array(arrays, "collaborative.gram", np.float32, (k, k)),
        _spread(arrays, "collaborative", k),
        configuration.fold_in,
    )
    content = Content(vectors, _spread(arrays, "content", d), configuration.profile)
    popularity = Popularity(
        configuration.popularity_columns,
        require_array(arrays, "popularity.scores", np.float32, (columns, n)),
        require_array(arrays, "popularity.centres", np.float32, (columns,)),
        require_array(arrays, "popularity.scales", np.float32, (columns,)),
    )
    reference = require_array(arrays, "reference", np.int64, (None,))
    if len(reference) and (int(reference.min()) < 0 or int(reference.max()) >= n):
        raise ArtifactRejected("reference: names rows that are not there")
    everything = None if len(reference) == n else reference
    item_to_item = ItemToItem(_table(arrays, "item_to_item", n), configuration.item_to_item, everything)
    tables = tuple(_table(arrays, f"next_item.{place}", n) for place in range(len(configuration.next_item.boosts)))
    next_item = NextItem(tables, configuration.next_item, everything)
    sizes = configuration.blend_sizes
    weights = require_array(arrays, "blend.weights", np.float32, (len(sizes), len(configuration.blend_columns)))
    counts = require_array(arrays, "popularity.counts", np.int64, (n,))
    try:
        return Engine(
            (collaborative, item_to_item, next_item, content, popularity),
            Blend(configuration.blend_columns, sizes, weights),
            Similarity(factors, vectors, counts),
            n,
        )
    except ValueError as error:
        raise ArtifactRejected(str(error)) from error


def build_predictor(
    arrays: Mapping[str, AnyArray], configuration: Configuration, n_rows: int
) -> RatingPredictor | None:
    """What predicts ratings, None where there were none; raises :class:`ArtifactRejected` as :func:`build_engine` does."""
    if configuration.rating is None:
        return None
    factors = require_array(arrays, "collaborative.factors", np.float32, (n_rows, None))
    vectors = require_array(arrays, "content.vectors", np.float32, (n_rows, None))
    n_features = factors.shape[1] + vectors.shape[1]
    return RatingPredictor(RatingSamples.read(arrays, n_rows, n_features), configuration.rating)


def build_groups(arrays: Mapping[str, AnyArray], n_rows: int) -> GroupPopularity | None:
    """Popularity by group, None where users' attributes told nothing; raises :class:`ArtifactRejected` as :func:`build_engine`
    does."""
    if "groups.lifts" not in arrays:
        return None
    lifts = require_array(arrays, "groups.lifts", np.float16, (None, n_rows))
    return GroupPopularity(list(require_strings(arrays, "groups.names", len(lifts))), lifts)


def build_transform(arrays: Mapping[str, AnyArray]) -> ContentTransform:
    """The content transform; raises :class:`ArtifactRejected` as :func:`build_engine` does."""
    vocabulary = require_strings(arrays, "content.terms", None)
    t = len(vocabulary)
    projection = require_array(arrays, "content.projection", np.float32, (t, None))
    term_factors = require_array(arrays, "content.term_factors", np.float32, (t, None))
    return ContentTransform(
        vocabulary,
        require_array(arrays, "content.term_weights", np.float32, (t,)),
        projection,
        term_factors,
        require_array(arrays, "content.factor_offset", np.float32, (term_factors.shape[1],)),
    )


def _table(arrays: Mapping[str, AnyArray], name: str, n: int) -> Table:
    """The table of that name, dense or sparse as it was stored."""
    if f"{name}.starts" not in arrays:
        return DenseTable(require_array(arrays, f"{name}.matrix", np.float32, (n, n)))
    starts = require_array(arrays, f"{name}.starts", np.int64, (n + 1,))
    cells = int(starts[-1])
    columns = require_array(arrays, f"{name}.columns", np.int32, (cells,))
    if cells and (
        int(starts[0]) != 0 or (np.diff(starts) < 0).any() or int(columns.min()) < 0 or int(columns.max()) >= n
    ):
        raise ArtifactRejected(f"{name}: the rows do not cut the cells")
    return SparseTable(starts, columns, require_array(arrays, f"{name}.values", np.float32, (cells,)))


def _spread(arrays: Mapping[str, AnyArray], signal: str, width: int) -> Spread:
    return Spread(
        require_array(arrays, f"{signal}.mean", np.float32, (width,)),
        require_array(arrays, f"{signal}.covariance", np.float32, (width, width)),
    )
