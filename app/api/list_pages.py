"""Pages of frozen lists over HTTP: the cursor that comes in, and the one that goes out with each page."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b

from fastapi import Response

from app.api.conditional import NO_STORE
from app.api.deps import Services
from app.api.schemas.lists import render_list
from app.engine.arrays import RowArray
from app.services.frozen_lists import Page, open_page, seal_page
from app.services.recommendation_ids import ListKind, make_recommendation_id
from app.services.recommendations import ItemList, ListRequest


@dataclass(frozen=True, slots=True)
class ListCall:
    """One call for a list: which list (its kind, and whose or of what it is), and what is wanted of it."""

    services: Services
    kind: ListKind
    request: ListRequest
    now: datetime
    subject: str = ""

    def page(self) -> Page | None:
        """The page that the cursor stands for, None for the first; raises InvalidInput for a cursor that is of no use here."""
        if self.request.cursor is None:
            return None
        lifetime = timedelta(hours=self.services.settings.cursor_hours)
        return open_page(self.services.signer, self.request.cursor, self._asked(), self.now, lifetime)

    def answer(self, listed: ItemList, page: Page | None) -> Response:
        """The page as it is sent. Every page of a list carries the id of the list."""
        made, cursor = self.seal(page, listed.release, listed.rank + len(listed.items), listed.following)
        # A list of one person may not be kept by anybody; the others say themselves how they may be.
        headers = {"Cache-Control": NO_STORE} if self.kind in {"recommendations", "history"} else None
        return Response(render_list(listed, made, self.now, cursor), headers=headers, media_type="application/json")

    def seal(self, page: Page | None, release: str | None, rank: int, following: RowArray) -> tuple[str, str | None]:
        """The id of the list, made with its first page, and the cursor of what follows after ``page``, from this rank on."""
        signer = self.services.signer
        made = page.recommendation_id if page else make_recommendation_id(signer, self.kind, release, self.now)
        return made, seal_page(signer, made, self._asked(), rank, following)

    def _asked(self) -> bytes:
        return blake2b(f"{self.kind}\0{self.subject}\0".encode() + self.request.asked, digest_size=8).digest()
