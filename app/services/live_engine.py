"""The engine in use: follows the registry and the catalogue, and is replaced by swapping one reference."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import structlog
from sqlalchemy import Row, func, literal, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from app.engine.arrays import FloatArray, RowArray
from app.engine.artifact import Artifact, Manifest, open_artifact, require_array
from app.engine.assembly import (
    Configuration,
    build_engine,
    build_groups,
    build_predictor,
    build_transform,
    read_configuration,
)
from app.engine.content import ContentTransform
from app.engine.engine import Engine
from app.engine.extension import NEIGHBOURS, Extension
from app.engine.group_popularity import GroupPopularity
from app.engine.growing import GrowingArray
from app.engine.predicted_rating import RatingPredictor
from app.errors import ArtifactRejected
from app.models import Item, Release
from app.models.item import TransactionId
from app.services.catalogue import Catalogue, ReleaseColumns
from app.services.changed_items import ReadyItems, make_ready, read_items, version_of
from app.services.last_release import LastRelease, recall_release, remember_release
from app.services.search_index import SearchIndex

_log: structlog.stdlib.BoundLogger = structlog.get_logger()
_ITEMS_A_READ = 1_000
_ITEMS_A_SLICE = 100
_OLDER_TRIED = 5
RETRY_SECONDS = 30.0
"""After how long a release that was refused is tried again."""


@dataclass(frozen=True, slots=True)
class Serving:
    """What a request takes after its last await and uses in one go: the engine with the overlay's rows, the catalogue, the search
    in it, what predicts ratings where there were any to learn from, and popularity by group where users have attributes."""

    release: str
    engine: Engine
    catalogue: Catalogue
    configuration: Configuration
    search: SearchIndex
    predictor: RatingPredictor | None = None
    groups: GroupPopularity | None = None


class _Loaded:
    """One release in memory, and the rows that came after it."""

    def __init__(self, artifact: Artifact) -> None:
        self.manifest = artifact.manifest
        self.configuration = read_configuration(artifact.manifest.configuration)
        self.engine = build_engine(artifact.arrays, self.configuration)
        self.predictor = build_predictor(artifact.arrays, self.configuration, self.engine.n_rows)
        self.groups = build_groups(artifact.arrays, self.engine.n_rows)
        self.transform: ContentTransform = build_transform(artifact.arrays)
        self.catalogue = Catalogue(ReleaseColumns(artifact.arrays, self.engine.n_rows))
        self.search = SearchIndex(self.catalogue)
        self.counts: Any = artifact.arrays["popularity.counts"]
        self.release_factors: Any = artifact.arrays["collaborative.factors"]
        self.release_tastes: FloatArray = require_array(
            artifact.arrays, "content.tastes", np.float32, (self.engine.n_rows, self.release_factors.shape[1])
        )
        self.factors = GrowingArray((self.release_factors.shape[1],), np.float32)
        self.vectors = GrowingArray((self.transform.projection.shape[1],), np.float32)
        self.features = GrowingArray((self.factors.view.shape[1] + self.vectors.view.shape[1],), np.float32)
        self.row_counts = GrowingArray((), np.int64)
        self.bases = GrowingArray((), np.int64)
        self.neighbours = GrowingArray((NEIGHBOURS,), np.int64)
        self.shares = GrowingArray((NEIGHBOURS,), np.float32)
        self.seen_until = self.manifest.catalogue_seen

    def make_ready(self, rows: Sequence[Row[Any]], bases: RowArray) -> ReadyItems:
        """What :meth:`put` takes. Costly, and made to run in a thread: it reads of the release alone."""
        return make_ready(rows, bases, self.transform, self.release_tastes)

    def put(self, ready: ReadyItems) -> None:
        """Take the newest state of these items over. Factors learned from ratings stay those of the item."""
        for i, item in enumerate(ready.items):
            base = int(ready.bases[i])
            count = int(self.counts[base]) if base >= 0 else 0
            place = self.catalogue.put(item) - self.engine.n_rows
            self.vectors.put(place, ready.vectors[i])
            self.factors.put(place, self.release_factors[base] if count else ready.factors[i])
            self.features.put(place, ready.features[i])
            self.row_counts.put(place, count)
            self.bases.put(place, base)
            self.neighbours.put(place, ready.neighbours[i])
            self.shares.put(place, ready.shares[i])

    def serving(self) -> Serving:
        extension = Extension(
            self.factors.view,
            self.vectors.view,
            self.row_counts.view,
            self.bases.view,
            self.neighbours.view,
            self.shares.view,
        )
        engine = self.engine.extended(extension, self.engine.n_rows) if len(extension) else self.engine
        predictor = self.predictor.extended(extension.bases, self.features.view) if self.predictor else None
        groups = self.groups.extended(extension.bases) if self.groups else None
        return Serving(
            self.manifest.release, engine, self.catalogue, self.configuration, self.search, predictor, groups
        )


class LiveEngine:
    """Holds what is served now. :attr:`serving` is None until a release is there."""

    def __init__(
        self,
        sessions: async_sessionmaker[AsyncSession],
        poll_seconds: float,
        retry_seconds: float = RETRY_SECONDS,
        *,
        artifacts: Path | None = None,
    ) -> None:
        """``artifacts`` is where the last active release is remembered, for a start without the database."""
        self._sessions = sessions
        self._artifacts = artifacts
        self._poll_seconds = poll_seconds
        self._retry_seconds = retry_seconds
        self._loaded: _Loaded | None = None
        self._refused: str | None = None
        self._retry_at = 0.0
        # Taken before a session, never the other way round: who waits for the lock holds no connection.
        self._changes = asyncio.Lock()
        self.serving: Serving | None = None

    @property
    def manifest(self) -> Manifest | None:
        """What is known of the release that is served."""
        return self._loaded.manifest if self._loaded else None

    @property
    def refused(self) -> str | None:
        """The active release, if it cannot be loaded."""
        return self._refused

    async def watch(self) -> None:
        """Follow the registry and the catalogue until cancelled."""
        while True:
            await asyncio.sleep(self._poll_seconds)
            await self.look()

    async def look(self) -> None:
        """Take one look; what fails is logged, and what is served stays."""
        try:
            await self.refresh()
        except (SQLAlchemyError, OSError) as error:
            _log.warning("live_engine.look_failed", error=type(error).__name__)
            if self._loaded is None:
                await self._recall()
        except Exception:  # noqa: BLE001 - whatever it was, the next look must come, or nothing new is seen until a restart
            _log.exception("live_engine.look_failed")

    async def refresh(self) -> None:
        """Load the active release if it is another one, and read what changed in the catalogue."""
        async with self._sessions() as session:
            active = (await session.execute(select(Release.id, Release.location).where(Release.active))).one_or_none()
        if active is not None and self._is_wanted(active.id):
            await self._follow(LastRelease(active.id, active.location))
        async with self._changes:
            if self._loaded is not None:
                await self._read_changes(self._loaded)

    async def apply_items(self, keys: Sequence[int]) -> None:
        """Take over items that this worker has just written, without waiting for the next look."""
        async with self._changes:
            # Asked for under the lock: a release that is being loaded may have read the catalogue before this write.
            if self._loaded is not None:
                async with self._sessions() as session:
                    await self._take_over(session, self._loaded, keys)

    def _is_wanted(self, release: str) -> bool:
        """Whether to load the active release: it is not the loaded one, nor one that was refused a moment ago."""
        if self._loaded is not None and release == self._loaded.manifest.release:
            self._refused = None
            return False
        return release != self._refused or monotonic() >= self._retry_at

    async def _follow(self, active: LastRelease) -> None:
        """Serve the active release. If it is broken the running engine stays; at a start, the one that was active before it."""
        loaded = await self._open(active)
        if loaded is not None:
            await self._swap(loaded)
            if self._artifacts is not None:
                await asyncio.to_thread(remember_release, self._artifacts, active)
            return
        self._refuse(active)
        if self._loaded is None:
            for older in await self._formerly_active(active.release):
                loaded = await self._open(older)
                if loaded is not None:
                    await self._swap(loaded)
                    break

    async def _recall(self) -> None:
        """Serve the release that was active when the database was last seen; changes of the catalogue come when it is back."""
        last = await asyncio.to_thread(recall_release, self._artifacts) if self._artifacts else None
        if last is not None and self._is_wanted(last.release):
            loaded = await self._open(last)
            if loaded is not None:
                self._loaded = loaded
                self.serving = loaded.serving()
                _log.warning("live_engine.release_recalled", release=last.release)
            else:
                self._refuse(last)

    async def _formerly_active(self, release: str) -> Sequence[LastRelease]:
        """The releases that were active before this one, the latest first."""
        latest = select(Release.id, Release.location).where(Release.id != release, Release.activated_at.is_not(None))
        async with self._sessions() as session:
            rows = await session.execute(latest.order_by(Release.activated_at.desc()).limit(_OLDER_TRIED))
            return [LastRelease(row.id, row.location) for row in rows]

    def _refuse(self, release: LastRelease) -> None:
        # Tried again later: it may be on its way still, on a volume that is slow to show what others wrote.
        self._refused, self._retry_at = release.release, monotonic() + self._retry_seconds

    async def _open(self, release: LastRelease) -> _Loaded | None:
        """Read an artifact; what is wrong with it is logged."""
        try:
            return await asyncio.to_thread(lambda: _Loaded(open_artifact(Path(release.location))))
        except Exception as error:  # noqa: BLE001 - whatever is wrong with an artifact, the running engine stays
            reason = error.detail if isinstance(error, ArtifactRejected) else repr(error)
            _log.error("live_engine.release_refused", release=release.release, reason=reason)
            return None

    async def _swap(self, loaded: _Loaded) -> None:
        async with self._changes:
            await self._read_changes(loaded)
            self._loaded = loaded
            self.serving = loaded.serving()
        _log.info("live_engine.release_loaded", release=loaded.manifest.release, items=loaded.engine.n_rows)

    async def _read_changes(self, loaded: _Loaded) -> None:
        """Read the items written by transactions that had not ended at the last look. One that is still running now is below
        no later look's bound, so a late commit is not skipped."""
        async with self._sessions() as session:
            bound = select(func.pg_snapshot_xmin(func.pg_current_snapshot()).cast(TransactionId))
            seen_until = str((await session.execute(bound)).scalar_one())
            written = select(Item.key, Item.changed_in).where(
                Item.changed_in >= literal(loaded.seen_until, TransactionId)
            )
            # While a long transaction runs, each look finds again what the last one found.
            rows = (await session.execute(written)).all()
            new = [key for key, version in rows if loaded.catalogue.version_of(key) != str(version)]
            await self._take_over(session, loaded, new)
            loaded.seen_until = seen_until

    async def _take_over(self, session: AsyncSession, loaded: _Loaded, keys: Sequence[int]) -> None:
        """Read these items and take their newest state over, a bounded number at a time. Others are served in between."""
        for start in range(0, len(keys), _ITEMS_A_READ):
            read = await read_items(session, keys[start : start + _ITEMS_A_READ])
            rows = [row for row in read if loaded.catalogue.version_of(row.key) != version_of(row)]
            for first in range(0, len(rows), _ITEMS_A_SLICE):
                part = rows[first : first + _ITEMS_A_SLICE]
                bases = np.array([loaded.catalogue.release_row_of_key(row.key) for row in part], np.int64)
                ready = await asyncio.to_thread(loaded.make_ready, part, bases)
                # In one go, without an await: the catalogue and the engine that is served never differ in length.
                loaded.put(ready)
                if loaded is self._loaded:
                    self.serving = loaded.serving()
